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
use super::{StateMachine, parse::parse_all};
pub(super) use graph::targets;
pub use integrations::without_step;
pub use keys::repeated_keys;
pub use names::unknown_names;

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
}

impl Diagnostic {
    /// An error.
    pub fn error(code: &'static str, location: &str, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Error, code, message: message.into(), location: location.to_owned() }
    }

    /// A warning.
    pub fn warning(code: &'static str, location: &str, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, code, message: message.into(), location: location.to_owned() }
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
