//! Evaluates templates. Error messages have AWS's words.

use serde_json::{Map, Value};

use super::Template;
use crate::{
    query::{Budget, EvaluationError, InThisThread, Moment, Path, QueryError, Roots, Scope},
    step::error_names,
};

/// The data that a template reads: the scope of a JSONata expression, the roots of a JSONPath query.
#[derive(Debug, Clone, Copy)]
pub struct TemplateData<'a> {
    /// The value of `$states`.
    pub states: &'a Value,
    /// The value of `$` in a path.
    pub input: &'a Value,
    /// The value of `$$` in a path.
    pub context: &'a Value,
    /// Variables, innermost scope first.
    pub variables: &'a [&'a Map<String, Value>],
}

impl<'a> TemplateData<'a> {
    /// The roots for paths.
    pub fn roots(&self) -> Roots<'a> {
        Roots { input: self.input, context: self.context, variables: self.variables }
    }
}

/// A template that could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationFailure {
    /// The field in AWS's notation, such as `Arguments/cidr`; `None` for JSONPath, for which AWS reports no location.
    pub location: Option<String>,
    /// The error name, `States.QueryEvaluationError` or `States.Runtime`.
    pub error: &'static str,
    /// The cause.
    pub cause: String,
}

impl EvaluationFailure {
    fn runtime(cause: String) -> Self {
        EvaluationFailure { location: None, error: error_names::RUNTIME, cause }
    }
}

/// Evaluates every expression in the template.
///
/// # Errors
/// An expression failed or is undefined.
pub fn evaluate(template: &Template, view: &TemplateData<'_>, moment: &Moment) -> Result<Value, EvaluationFailure> {
    evaluate_within(template, view, moment, &Budget::new(&InThisThread))
}

/// Like `evaluate`, within a budget that also records the work.
pub(crate) fn evaluate_within(
    template: &Template,
    view: &TemplateData<'_>,
    moment: &Moment,
    budget: &Budget,
) -> Result<Value, EvaluationFailure> {
    match template {
        Template::Literal(value) => Ok(value.clone()),
        Template::Array(items) => items.iter().map(|item| evaluate_within(item, view, moment, budget)).collect(),
        Template::Object(fields) => fields
            .iter()
            .map(|(name, field)| Ok((name.clone(), evaluate_within(field, view, moment, budget)?)))
            .collect::<Result<Map<_, _>, _>>()
            .map(Value::Object),
        Template::Expression { expression, pointer } => {
            let field = pointer.trim_start_matches('/');
            let source = expression.source();
            let failure = |what: String| EvaluationFailure {
                location: Some(field.to_owned()),
                error: error_names::QUERY_EVALUATION_ERROR,
                cause: format!("The JSONata expression '{source}' specified for the field '{field}' {what}"),
            };
            let scope = Scope { states: view.states, variables: view.variables };
            match expression.evaluate_within(&scope, moment, budget) {
                Ok(Some(value)) if budget.spend(&value) => Ok(value),
                Ok(Some(_)) => {
                    Err(failure("and the state's other ones take more time or memory than a state may.".to_owned()))
                }
                Ok(None) => Err(failure("returned nothing (undefined).".to_owned())),
                Err(EvaluationError::NotJson) => Err(failure("returned an unsupported result type.".to_owned())),
                Err(error) => Err(failure(format!("threw an error during evaluation. {error}"))),
            }
        }
        Template::Payload(template) => {
            template.evaluate_within(&view.roots(), moment, budget).map_err(|failure| EvaluationFailure::runtime(failure.message))
        }
        Template::Query { query, field } => query.evaluate_within(&view.roots(), moment, budget).map_err(|error| {
            let path = query.source_in_cause();
            EvaluationFailure::runtime(match error {
                QueryError::Path(error) if error.is_missing() && names_an_input(field) => {
                    format!("The {field} parameter does not reference an input value: {path}")
                }
                QueryError::Path(error) if error.is_missing() && matches!(*field, "ErrorPath" | "CausePath") => {
                    let input = view.input;
                    format!("The JSONPath '{path}' specified for the field '{field}' could not be found in the input '{input}'")
                }
                error => error.to_string(),
            })
        }),
    }
}

/// Whether AWS has a special message for a path in this field that has no value.
fn names_an_input(field: &str) -> bool {
    matches!(field, "SecondsPath" | "TimestampPath" | "TimeoutSecondsPath" | "HeartbeatSecondsPath")
}

/// Selects a value by a path.
///
/// # Errors
/// The path has no value.
pub(crate) fn select(path: &Path, view: &TemplateData<'_>, budget: &Budget) -> Result<Value, EvaluationFailure> {
    path.evaluate_within(&view.roots(), budget).map_err(|error| EvaluationFailure::runtime(error.message))
}

/// Inserts a result into an input by a `ResultPath`.
///
/// # Errors
/// The path does not fit the input.
pub(crate) fn insert_at_result_path(path: &Path, input: &Value, result: Value) -> Result<Value, EvaluationFailure> {
    path.set(input, result).map_err(|error| EvaluationFailure::runtime(error.message))
}
