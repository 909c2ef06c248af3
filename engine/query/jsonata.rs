//! JSONata, through the crate `jsonata-core`, with what Step Functions adds and without what it forbids.
//! Source: Step Functions Developer Guide, "Transforming data with JSONata".

mod functions;

use std::collections::BTreeSet;

use jsonata_core::{
    ast::AstNode,
    evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions},
    value::JValue,
};
use serde_json::{Map, Value};

/// The deepest nesting of an evaluation: a runaway recursion ends here.
const STACK_DEPTH_MAX: usize = 2_000;
/// The longest an evaluation may take, in milliseconds.
const EVALUATION_MS_MAX: u64 = 5_000;
/// The longest sequence an evaluation may build.
const SEQUENCE_LENGTH_MAX: usize = 1_000_000;

/// An expression, parsed.
#[derive(Debug)]
pub struct Expression {
    source: String,
    tree: AstNode,
    variables: BTreeSet<String>,
}

/// An expression that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// What is wrong.
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

/// All time and randomness an evaluation may use: the same scope and moment give the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Now, in milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// A random number, from which all others are drawn.
    pub entropy: u64,
}

/// What an expression can see.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The value of `$states`.
    pub states: &'a Value,
    /// Variables, innermost scope first.
    pub variables: &'a [&'a Map<String, Value>],
}

impl Expression {
    /// Parses what stands between `{%` and `%}`.
    ///
    /// # Errors
    /// The text is not JSONata, or calls `$eval`, which Step Functions forbids.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        let tree = jsonata_core::parser::parse(source).map_err(|error| ParseError { message: error.to_string() })?;
        let variables = variables_in(source);
        if variables.contains("eval") {
            return Err(ParseError { message: "the function $eval is not allowed".to_owned() });
        }
        Ok(Expression { source: source.to_owned(), tree, variables })
    }

    /// The text it was parsed from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The value, or `None` where JSONata says *undefined*.
    ///
    /// # Errors
    /// A JSONata error, or a limit on time, depth or length was reached.
    pub fn evaluate(&self, scope: &Scope<'_>, moment: &Moment) -> Result<Option<Value>, EvaluationError> {
        let mut context = Context::new();
        for name in &self.variables {
            if name == "states" {
                context.bind(name.clone(), JValue::from(scope.states.clone()));
            } else if let Some(value) = scope.variables.iter().find_map(|variables| variables.get(name)) {
                context.bind(name.clone(), JValue::from(value.clone()));
            }
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
        if value.is_function() || value.is_regex() {
            return Err(EvaluationError::NotJson);
        }
        if value.is_undefined() {
            return Ok(None);
        }
        serde_json::to_value(&value).map(Some).map_err(|error| EvaluationError::Failed(error.to_string()))
    }
}

fn failed(error: EvaluatorError) -> EvaluationError {
    EvaluationError::Failed(error.message().to_owned())
}

/// The names behind every `$` of the text: at least all that the expression can refer to.
fn variables_in(source: &str) -> BTreeSet<String> {
    source
        .split('$')
        .skip(1)
        .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>())
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use serde_json::json;

    use super::*;

    const MOMENT: Moment = Moment { now_ms: 1_700_000_000_000, entropy: 42 };

    fn value(source: &str, states: Value) -> Result<Option<Value>, EvaluationError> {
        let variables = Map::from_iter([("x".to_owned(), json!(5)), ("list".to_owned(), json!([1, 2]))]);
        let scope = Scope { states: &states, variables: &[&variables] };
        Expression::parse(source).unwrap().evaluate(&scope, &MOMENT)
    }

    #[test]
    fn whole_numbers_stay_whole() {
        assert_eq!(value("$x + 1", json!({})).unwrap(), Some(json!(6)));
        assert_eq!(value("$states.input.a / 4", json!({ "input": { "a": 10 } })).unwrap(), Some(json!(2.5)));
    }

    #[test]
    fn undefined_is_not_null() {
        assert_eq!(value("$states.input.none", json!({ "input": {} })).unwrap(), None);
        assert_eq!(value("null", json!({})).unwrap(), Some(Value::Null));
    }

    #[test]
    fn time_and_randomness_come_from_the_moment_alone() {
        assert_eq!(value("$millis()", json!({})).unwrap(), Some(json!(1_700_000_000_000_u64)));
        assert_eq!(value("$now()", json!({})).unwrap(), Some(json!("2023-11-14T22:13:20.000Z")));
        assert_eq!(
            value("[$random(), $uuid()]", json!({})).unwrap(),
            value("[$random(), $uuid()]", json!({})).unwrap()
        );
        assert_ne!(value("$uuid()", json!({})).unwrap(), value("[$uuid(), $uuid()][1]", json!({})).unwrap());
    }

    #[test]
    fn what_step_functions_adds_is_there() {
        assert_eq!(value("$partition([1,2,3,4,5], 2)", json!({})).unwrap(), Some(json!([[1, 2], [3, 4], [5]])));
        assert_eq!(value("$range(0, 10, 5)", json!({})).unwrap(), Some(json!([0, 5, 10])));
        assert_eq!(value("$parse('{\"a\":1}').a", json!({})).unwrap(), Some(json!(1)));
        assert_eq!(
            value("$hash('a', 'SHA-256')", json!({})).unwrap(),
            Some(json!("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"))
        );
    }

    #[test]
    fn eval_is_refused_when_the_definition_is_read() {
        assert!(Expression::parse("$eval('1')").is_err());
    }

    #[test]
    fn a_recursion_without_end_ends() {
        let error = value("($f := function($n) { 1 + $f($n + 1) }; $f(0))", json!({})).unwrap_err();
        assert!(!error.to_string().is_empty());
    }

    #[test]
    fn an_error_keeps_its_code() {
        let error = value("1 + 'a'", json!({})).unwrap_err();
        assert!(error.to_string().starts_with("T200"), "{error}");
    }
}
