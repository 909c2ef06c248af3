//! The value of a template. Errors are worded as AWS words them.

use serde_json::{Map, Value};

use super::Template;
use crate::query::{Moment, Scope};

/// A template that could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationFailure {
    /// The field in AWS's notation, such as `Arguments/cidr`.
    pub location: String,
    /// The error name, `States.QueryEvaluationError`.
    pub error: &'static str,
    /// What is wrong.
    pub cause: String,
}

/// Evaluates every expression in the template.
///
/// # Errors
/// An expression failed or is undefined.
pub fn evaluate(template: &Template, scope: &Scope<'_>, moment: &Moment) -> Result<Value, EvaluationFailure> {
    match template {
        Template::Literal(value) => Ok(value.clone()),
        Template::Array(items) => items.iter().map(|item| evaluate(item, scope, moment)).collect(),
        Template::Object(fields) => fields
            .iter()
            .map(|(name, field)| Ok((name.clone(), evaluate(field, scope, moment)?)))
            .collect::<Result<Map<_, _>, _>>()
            .map(Value::Object),
        Template::Expression { expression, pointer } => {
            let field = pointer.trim_start_matches('/');
            let source = expression.source();
            let failure = |what: String| EvaluationFailure {
                location: field.to_owned(),
                error: "States.QueryEvaluationError",
                cause: format!("The JSONata expression '{source}' specified for the field '{field}' {what}"),
            };
            match expression.evaluate(scope, moment) {
                Ok(Some(value)) => Ok(value),
                Ok(None) => Err(failure("returned nothing (undefined).".to_owned())),
                Err(error) => Err(failure(format!("threw an error during evaluation. {error}"))),
            }
        }
    }
}
