//! Evaluating. (first slice follows)
use super::Template;
use crate::query::{Moment, Scope};
/// A template that could not be evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationFailure {
    /// AWS's field.
    pub location: String,
    /// The error name.
    pub error: &'static str,
    /// The text.
    pub cause: String,
}
/// The value of a template.
pub fn evaluate(_template: &Template, _scope: &Scope<'_>, _moment: &Moment) -> Result<serde_json::Value, EvaluationFailure> {
    Ok(serde_json::Value::Null)
}
