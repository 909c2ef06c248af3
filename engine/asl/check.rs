//! Checks a definition and reports every problem at once: those of parsing, and those of the definition as a graph.

mod expressions;
mod forms;
mod graph;
mod integrations;
mod keys;
mod names;
mod scopes;
mod types;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;

pub(super) use super::pointer::{below, item};
use super::{QueryLanguage, StateMachine, parse::parse_all};
pub(super) use graph::targets;
pub use integrations::without_step;
pub use keys::repeated_keys;
pub use names::unknown_names;

/// AWS's code of every problem with the form of a definition.
const SCHEMA: &str = "SCHEMA_VALIDATION_FAILED";

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The definition cannot run.
    Error,
    /// The definition can run, but probably not as intended.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its severity.
    pub severity: Severity,
    /// A code: AWS's if one exists (ValidateStateMachineDefinition), else in the same form.
    pub code: &'static str,
    /// The problem, and what is allowed instead.
    pub message: String,
    /// The location in the definition, such as `/States/A/Next` or `/States/A/Choices[0]`; empty for the definition itself.
    pub location: String,
    /// Its kind; `None` if no program needs it to suggest a correction or to omit the consequences.
    pub kind: Option<ProblemKind>,
}

/// The kind of a problem. AWS has one code for many kinds, and its messages are texts for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProblemKind {
    /// The object may not have this field.
    UnknownField(String),
    /// A Map in INLINE mode may not have this field.
    FieldOfDistributedMap(String),
    /// The field belongs to one query language, and the state has the other one.
    FieldOfLanguage(String, QueryLanguage),
    /// The object must have these fields.
    MissingFields(Vec<String>),
    /// The object must have a field that is probably meant by this one.
    MisspeltField(String),
    /// The value of this field is neither a path nor a call of an intrinsic function.
    InvalidQuery(String),
    /// A variable or function in an expression, as written, that does not exist or that the field does not allow.
    WrongReference(String),
    /// The machine has no state of this name, which a transition names.
    MissingTarget(String),
    /// No transition leads to the state.
    Unreachable,
    /// Step Functions has no integration of this `Resource`.
    UnknownIntegration(String),
    /// No step has this `Resource`.
    UnknownStep(String),
}

impl Diagnostic {
    /// An error.
    pub fn error(code: &'static str, location: &str, message: impl Into<String>) -> Self {
        let (message, location) = (message.into(), location.to_owned());
        Diagnostic { severity: Severity::Error, code, message, location, kind: None }
    }

    /// A warning.
    pub fn warning(code: &'static str, location: &str, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Self::error(code, location, message) }
    }

    /// The error of a field that the object at a location may not have.
    pub fn unknown_field(location: &str, name: &str) -> Self {
        let error = Self::error(SCHEMA, location, format!("Field '{name}' is not supported"));
        error.of_kind(ProblemKind::UnknownField(name.to_owned()))
    }

    /// The error of an object that lacks fields.
    pub fn missing_fields(location: &str, names: Vec<String>) -> Self {
        let error = Self::error(SCHEMA, location, format!("These fields are required: [{}]", names.join(", ")));
        error.of_kind(ProblemKind::MissingFields(names))
    }

    /// Sets the kind.
    pub fn of_kind(self, kind: ProblemKind) -> Self {
        Diagnostic { kind: Some(kind), ..self }
    }
}

/// Every problem of the definition, errors first. `known_resource` returns whether a Task may name a `Resource`.
pub fn check(definition: &Value, known_resource: &dyn Fn(&str) -> bool) -> Vec<Diagnostic> {
    check_as(definition, false, known_resource)
}

/// Like [`check`], for a definition that may be `express`, which may not use integrations that wait for long.
pub fn check_as(definition: &Value, express: bool, known_resource: &dyn Fn(&str) -> bool) -> Vec<Diagnostic> {
    read(definition, express, known_resource).1
}

/// The machine of a definition as far as it can be parsed, with every problem that [`check_as`] reports. It can run if no problem is an
/// error.
pub fn read(
    definition: &Value,
    express: bool,
    known_resource: &dyn Fn(&str) -> bool,
) -> (Option<Arc<StateMachine>>, Vec<Diagnostic>) {
    let (machine, mut found) = parse_all(definition);
    forms::check(definition, &mut found);
    scopes::check(definition, &mut found);
    if let Some(machine) = &machine {
        expressions::check(machine, "", &mut found);
        graph::check(machine, &graph::Context { express, known_resource }, &mut found);
    }
    // Findings about the definition itself come last, as in AWS's order.
    found.sort_by(|a, b| {
        (a.severity, a.location.is_empty(), &a.location).cmp(&(b.severity, b.location.is_empty(), &b.location))
    });
    (machine, found)
}
