//! Evaluations that are handed to somebody who can be ended when they ask for too much.

use std::{borrow::Cow, collections::BTreeMap, sync::OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{EvaluationError, Expression, Moment, Scope};

/// Who evaluates what is not plain.
pub trait Elsewhere: Send + Sync {
    /// Evaluates, within bounds on time and memory.
    fn answer(&self, request: &ElsewhereRequest<'_>) -> ElsewhereAnswer;
}

static EVALUATOR: OnceLock<Box<dyn Elsewhere>> = OnceLock::new();

/// Names who evaluates, from now on and in all of this process, the expressions of which it is not plain how much time and
/// memory they take. Nobody does until then, and the first one named stays: they are evaluated where they are met.
pub fn evaluate_elsewhere(evaluator: Box<dyn Elsewhere>) {
    let _ = EVALUATOR.set(evaluator);
}

pub(super) fn evaluator() -> Option<&'static dyn Elsewhere> {
    EVALUATOR.get().map(|evaluator| &**evaluator)
}

/// An expression with all that it sees.
#[derive(Debug, Serialize, Deserialize)]
pub struct ElsewhereRequest<'s> {
    pub(super) source: Cow<'s, str>,
    /// `states` and the variables that it names.
    pub(super) seen: BTreeMap<String, Cow<'s, Value>>,
    pub(super) moment: Moment,
}

impl ElsewhereRequest<'_> {
    /// Evaluates it in this thread.
    pub fn evaluate_here(&self) -> ElsewhereAnswer {
        let expression = match Expression::parse(&self.source) {
            Ok(expression) => expression,
            Err(error) => return ElsewhereAnswer::Failed(error.message),
        };
        let states = self.seen.get("states").map_or(&Value::Null, |states| &**states);
        let variables = self.seen.iter().map(|(name, value)| (name.clone(), (**value).clone())).collect();
        match expression.evaluate_here(&Scope { states, variables: &[&variables] }, &self.moment) {
            Ok(Some(value)) => ElsewhereAnswer::Value(value),
            Ok(None) => ElsewhereAnswer::Undefined,
            Err(EvaluationError::NotJson) => ElsewhereAnswer::NotJson,
            Err(EvaluationError::Failed(message)) => ElsewhereAnswer::Failed(message),
        }
    }
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
pub enum ElsewhereAnswer {
    /// A value.
    Value(Value),
    /// JSONata's *undefined*.
    Undefined,
    /// A function or a regular expression.
    NotJson,
    /// A JSONata error, or a bound was reached.
    Failed(String),
}

impl ElsewhereAnswer {
    pub(super) fn into_result(self) -> Result<Option<Value>, EvaluationError> {
        match self {
            ElsewhereAnswer::Value(value) => Ok(Some(value)),
            ElsewhereAnswer::Undefined => Ok(None),
            ElsewhereAnswer::NotJson => Err(EvaluationError::NotJson),
            ElsewhereAnswer::Failed(message) => Err(EvaluationError::Failed(message)),
        }
    }
}
