//! The sandbox evaluates expressions without a bound on their cost in processes that can be killed.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{EvaluationError, Expression, Moment, Scope};

/// Evaluates expressions within limits on time and memory.
pub trait Sandbox: Send + Sync {
    /// Evaluates an expression. Blocks until it has an answer or a limit is reached.
    fn answer(&self, request: &SandboxRequest<'_>) -> SandboxAnswer;
}

/// An expression with the values that it needs.
#[derive(Debug, Serialize, Deserialize)]
pub struct SandboxRequest<'s> {
    pub(super) source: Cow<'s, str>,
    /// The values of `states` and of the variables that the expression names.
    pub(super) values: BTreeMap<String, Cow<'s, Value>>,
    pub(super) moment: Moment,
}

impl SandboxRequest<'_> {
    /// Evaluates the expression in this thread.
    pub fn evaluate_here(&self) -> SandboxAnswer {
        let expression = match Expression::parse(&self.source) {
            Ok(expression) => expression,
            Err(error) => return SandboxAnswer::Failed(error.message),
        };
        let states = self.values.get("states").map_or(&Value::Null, |states| &**states);
        let variables = self.values.iter().map(|(name, value)| (name.clone(), (**value).clone())).collect();
        match expression.evaluate_here(&Scope { states, variables: &[&variables] }, &self.moment) {
            Ok(Some(value)) => SandboxAnswer::Value(value),
            Ok(None) => SandboxAnswer::Undefined,
            Err(EvaluationError::NotJson) => SandboxAnswer::NotJson,
            Err(EvaluationError::Failed(message)) => SandboxAnswer::Failed(message),
        }
    }
}

/// The outcome of an evaluation.
#[derive(Debug, Serialize, Deserialize)]
pub enum SandboxAnswer {
    /// A value.
    Value(Value),
    /// JSONata's *undefined*.
    Undefined,
    /// A function or a regular expression.
    NotJson,
    /// A JSONata error, a limit that was reached, or the reason why the sandbox cannot evaluate.
    Failed(String),
}

impl SandboxAnswer {
    pub(super) fn into_result(self) -> Result<Option<Value>, EvaluationError> {
        match self {
            SandboxAnswer::Value(value) => Ok(Some(value)),
            SandboxAnswer::Undefined => Ok(None),
            SandboxAnswer::NotJson => Err(EvaluationError::NotJson),
            SandboxAnswer::Failed(message) => Err(EvaluationError::Failed(message)),
        }
    }
}
