//! Every problem of a definition at once: what parsing finds, and what only the whole can show.

mod expressions;
mod forms;
mod graph;
mod integrations;
mod keys;
mod names;
mod nearest;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;

use super::{StateMachine, parse::parse_all};
pub(super) use graph::targets;
pub use integrations::without_step;
pub use keys::repeated_keys;
pub use names::unknown_names;
pub use nearest::{did_you_mean, nearest};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot run.
    Error,
    /// It can run, but hardly as meant.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A code: AWS's where AWS has one (ValidateStateMachineDefinition), else of the same form.
    pub code: &'static str,
    /// What is wrong, and what is allowed.
    pub message: String,
    /// Where in the definition, such as `/States/A/Next` or `/States/A/Choices[0]`; empty where it is about the whole.
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

/// Every problem of the definition, errors first. `known_resource` says which `Resource` a Task may name.
pub fn check(definition: &Value, known_resource: &dyn Fn(&str) -> bool) -> Vec<Diagnostic> {
    check_as(definition, false, known_resource)
}

/// As [`check`], for a definition that may be `express`: those have no integration that waits for long.
pub fn check_as(definition: &Value, express: bool, known_resource: &dyn Fn(&str) -> bool) -> Vec<Diagnostic> {
    read(definition, express, known_resource).1
}

/// The machine of a definition, as far as it can be read, with every problem as [`check_as`] reports it. It can run where no problem
/// is an error.
pub fn read(
    definition: &Value,
    express: bool,
    known_resource: &dyn Fn(&str) -> bool,
) -> (Option<Arc<StateMachine>>, Vec<Diagnostic>) {
    let (machine, mut found) = parse_all(definition);
    forms::check(definition, &mut found);
    if let Some(machine) = &machine {
        expressions::check(machine, "", &mut found);
        graph::check(machine, &graph::Context { express, known_resource }, &mut found);
    }
    // What is about the whole comes last, as AWS has it.
    found.sort_by(|a, b| {
        (a.severity, a.location.is_empty(), &a.location).cmp(&(b.severity, b.location.is_empty(), &b.location))
    });
    (machine, found)
}

/// A JSON pointer with one more name.
pub(super) fn below(pointer: &str, name: &str) -> String {
    match name.contains(['~', '/']) {
        true => [pointer, "/", &name.replace('~', "~0").replace('/', "~1")].concat(),
        false => [pointer, "/", name].concat(),
    }
}

/// The same with the index of an item, as AWS writes it.
pub(super) fn item(pointer: &str, index: usize) -> String {
    format!("{pointer}[{index}]")
}
