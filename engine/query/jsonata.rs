//! JSONata, evaluated by the crate `jsonata-core`, with the functions that Step Functions adds and without those that it forbids. Source:
//! Step Functions Developer Guide, "Transforming data with JSONata".
//!
//! JSONata can compute anything, so one line of it can use all time and memory. An expression whose cost is small for its scope
//! (`growth`) is evaluated in this process. Every other one is evaluated in the sandbox of the [`Evaluator`](super::Evaluator).

mod functions;
mod growth;
pub(crate) mod names;
mod references;
mod result;
mod sandbox;

use std::{borrow::Cow, collections::BTreeSet};

use jsonata_core::{
    ast::AstNode,
    evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions},
    value::JValue,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{InThisThread, budget::Budget};
use growth::ExpressionGrowth;
pub use references::References;
pub use sandbox::{Sandbox, SandboxAnswer, SandboxRequest};

/// The deepest nesting of an evaluation; it ends unbounded recursion.
const STACK_DEPTH_MAX: usize = 2_000;
/// The longest an evaluation may take, in milliseconds. Its thread is blocked for this time.
pub const EVALUATION_MS_MAX: u64 = 2_000;
/// The work that is recorded for an evaluation without a bound, in units of about 1 ns.
const SANDBOX_WORK_UNITS: u64 = 12_000_000;
/// The longest sequence an evaluation may build.
const SEQUENCE_LENGTH_MAX: usize = 1_000_000;

/// An expression, parsed.
#[derive(Debug)]
pub struct Expression {
    source: String,
    tree: AstNode,
    variables: BTreeSet<String>,
    growth: ExpressionGrowth,
}

/// An expression that cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// The problem.
    pub message: String,
}

/// An expression that cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// The JSONata code and what is wrong, such as `T2001: The left side of the "+" operator must evaluate to a number`.
    #[error("{0}")]
    Failed(String),
    /// The result is a function or a regular expression.
    #[error("the result is not JSON")]
    NotJson,
}

/// All time and randomness that an evaluation uses: the same scope and moment give the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Now, in milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// A random number, the seed of all others.
    pub entropy: u64,
}

/// The scope of an expression.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The value of `$states`.
    pub states: &'a Value,
    /// Variables, innermost scope first.
    pub variables: &'a [&'a Map<String, Value>],
}

impl Expression {
    /// Parses the text between `{%` and `%}`.
    ///
    /// # Errors
    /// The text is not JSONata, or calls `$eval`, which Step Functions forbids.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        let tree = jsonata_core::parser::parse(source)
            .map_err(|error| ParseError { message: without_code(&error.to_string()).to_owned() })?;
        let variables = variables_in(source);
        if variables.contains("eval") {
            return Err(ParseError { message: "the function $eval is not allowed".to_owned() });
        }
        let growth = ExpressionGrowth::of(&tree);
        Ok(Expression { source: source.to_owned(), tree, variables, growth })
    }

    /// The text it was parsed from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its references to names that Step Functions does not offer everywhere.
    pub fn references(&self) -> References {
        References::of(&self.tree)
    }

    /// Whether its cost is at most a small constant times the size of its scope. It is then always evaluated in this process.
    pub fn is_cheap(&self) -> bool {
        self.growth.is_cheap()
    }

    /// The bound on its cost in this scope, in units of about 1 ns or one byte; `None` if it has no bound.
    pub fn work_units_max(&self, scope: &Scope<'_>) -> Option<u64> {
        self.growth.work_units(self.scope_units(scope, u64::MAX))
    }

    /// Evaluates the expression in this thread. `None` is JSONata's *undefined*.
    ///
    /// # Errors
    /// A JSONata error, or a limit on time, memory, depth or length was reached.
    pub fn evaluate(&self, scope: &Scope<'_>, moment: &Moment) -> Result<Option<Value>, EvaluationError> {
        self.evaluate_within(scope, moment, &Budget::new(&InThisThread))
    }

    /// Like `evaluate`, with the work recorded in a budget.
    pub(crate) fn evaluate_within(
        &self,
        scope: &Scope<'_>,
        moment: &Moment,
        budget: &Budget,
    ) -> Result<Option<Value>, EvaluationError> {
        let here = self.growth.scope_units_max().map(|units_max| (units_max, self.scope_units(scope, units_max)));
        let work = match here {
            Some((units_max, units)) if units <= units_max => self.growth.work_units(units),
            _ => None,
        };
        budget.charge_work(work.unwrap_or(SANDBOX_WORK_UNITS));
        let sandboxed = match work {
            Some(_) => None,
            None => budget.evaluator.sandboxed(&self.request(scope, moment)),
        };
        sandboxed.map_or_else(|| self.evaluate_here(scope, moment), SandboxAnswer::into_result)
    }

    /// Evaluates the expression in this thread, whatever it costs.
    ///
    /// # Errors
    /// The errors of `evaluate`. An expression that exhausts the memory ends the process.
    pub fn evaluate_here(&self, scope: &Scope<'_>, moment: &Moment) -> Result<Option<Value>, EvaluationError> {
        let mut context = Context::new();
        for (name, value) in self.scope_values(scope) {
            context.bind(name.to_owned(), JValue::from(value.clone()));
        }
        let options = EvaluatorOptions {
            timeout_ms: Some(EVALUATION_MS_MAX),
            cancel: None,
            max_stack_depth: Some(STACK_DEPTH_MAX),
            max_sequence_length: Some(SEQUENCE_LENGTH_MAX),
        };
        let mut evaluator = Evaluator::with_options(context, options);
        functions::register(&mut evaluator, &self.variables, moment).map_err(failed)?;
        let value = evaluator.evaluate(&self.tree, &JValue::Undefined).map_err(failed)?;
        result::to_json(&value)
    }

    /// The size of the values in the scope that the expression names. Stops counting above the limit.
    fn scope_units(&self, scope: &Scope<'_>, units_max: u64) -> u64 {
        self.scope_values(scope).fold(0, |units, (_, value)| growth::add_units(units, value, units_max))
    }

    /// The values in the scope that the expression names.
    fn scope_values<'s>(&'s self, scope: &'s Scope<'_>) -> impl Iterator<Item = (&'s str, &'s Value)> {
        self.variables.iter().filter_map(|name| {
            let value = match name.as_str() {
                "states" => Some(scope.states),
                name => scope.variables.iter().find_map(|variables| variables.get(name)),
            };
            value.map(|value| (name.as_str(), value))
        })
    }

    fn request<'s>(&'s self, scope: &'s Scope<'_>, moment: &Moment) -> SandboxRequest<'s> {
        let values = self.scope_values(scope).map(|(name, value)| (name.to_owned(), Cow::Borrowed(value))).collect();
        SandboxRequest { source: Cow::Borrowed(&self.source), values, moment: *moment }
    }
}

/// A parser's message without JSONata's code, such as `S0207: `, as AWS shows it.
fn without_code(message: &str) -> &str {
    let code = |text: &str| text.len() == 5 && text.starts_with('S') && text[1..].bytes().all(|b| b.is_ascii_digit());
    message.split_once(": ").filter(|(head, _)| code(head)).map_or(message, |(_, rest)| rest)
}

fn failed(error: EvaluatorError) -> EvaluationError {
    EvaluationError::Failed(error.message().to_owned())
}

/// The names after every `$` of the text: a superset of the variables that the expression refers to.
fn variables_in(source: &str) -> BTreeSet<String> {
    source
        .split('$')
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>())
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests;
