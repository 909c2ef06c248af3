//! Every problem of a definition at once: what parsing finds, and what only the whole can show.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{State, StateKind, StateMachine, parse::parse_all};
use crate::step::{Pattern, Resource};

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
    /// A JSON pointer into the definition, such as `/States/A/Next`.
    pub location: String,
}

impl Diagnostic {
    pub(super) fn error(code: &'static str, location: &str, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Error, code, message: message.into(), location: location.to_owned() }
    }

    pub(super) fn warning(code: &'static str, location: &str, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, code, message: message.into(), location: location.to_owned() }
    }
}

/// Every problem of the definition, errors first. `known_resource` says which `Resource` a Task may name.
pub fn check(definition: &Value, known_resource: &dyn Fn(&str) -> bool) -> Vec<Diagnostic> {
    check_as(definition, false, known_resource)
}

/// As [`check`], for a definition that may be `express`: those have no integration that waits for long.
pub fn check_as(definition: &Value, express: bool, known_resource: &dyn Fn(&str) -> bool) -> Vec<Diagnostic> {
    let (machine, mut found) = parse_all(definition);
    if let Some(machine) = machine {
        check_machine(&machine, "", &Context { express, known_resource }, &mut found);
    }
    found.sort_by(|a, b| (a.severity, &a.location).cmp(&(b.severity, &b.location)));
    found
}

/// A JSON pointer with one more name.
pub(super) fn below(pointer: &str, name: &str) -> String {
    match name.contains(['~', '/']) {
        true => [pointer, "/", &name.replace('~', "~0").replace('/', "~1")].concat(),
        false => [pointer, "/", name].concat(),
    }
}

/// What a definition is checked for.
struct Context<'a> {
    express: bool,
    known_resource: &'a dyn Fn(&str) -> bool,
}

fn check_machine(machine: &StateMachine, pointer: &str, context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let states = below(pointer, "States");
    let reachable = reachable(machine);
    for (name, state) in &machine.states {
        let pointer = below(&states, name);
        if !reachable.contains(name.as_str()) {
            let message = format!("State '{name}' is not reachable from StartAt.");
            found.push(Diagnostic::error("UNREACHABLE_STATE", &pointer, message));
        }
        check_state(state, &pointer, context, found);
    }
}

fn check_state(state: &State, pointer: &str, context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    match &state.kind {
        StateKind::Task(task) => {
            if let Some(pattern) = context.express.then(|| refused_by_express(&task.resource)).flatten() {
                let message = format!("Express state machine does not support '{pattern}' service integration");
                found.push(Diagnostic::error("SCHEMA_VALIDATION_FAILED", &below(pointer, "Resource"), message));
            }
            if !(context.known_resource)(&task.resource) {
                found.push(unknown_resource(&task.resource, &below(pointer, "Resource")));
            }
            if task.resource.contains(":waitFor") && task.timeout_seconds.is_none() {
                let message = "A wait without TimeoutSeconds can wait for ever.";
                found.push(Diagnostic::warning("WAIT_WITHOUT_DEADLINE", pointer, message));
            }
        }
        StateKind::Choice { default: None, .. } => {
            let message = "A Choice without Default fails with States.NoChoiceMatched where no rule matches.";
            found.push(Diagnostic::warning("CHOICE_WITHOUT_DEFAULT", pointer, message));
        }
        StateKind::Parallel { branches, .. } => {
            for (index, branch) in branches.iter().enumerate() {
                let pointer = below(&below(pointer, "Branches"), &index.to_string());
                check_machine(branch, &pointer, context, found);
            }
        }
        StateKind::Map(map) => check_machine(&map.processor, &below(pointer, "ItemProcessor"), context, found),
        _ => {}
    }
}

fn unknown_resource(resource: &str, location: &str) -> Diagnostic {
    if resource.starts_with("flow:") {
        let message = format!("No step is named '{resource}'; `flow steps` lists all.");
        return Diagnostic::error("UNKNOWN_RESOURCE", location, message);
    }
    let message = format!(
        "The resource provided {resource} is not recognized. The value is not a valid resource ARN, \
         or the resource is not available in this region."
    );
    Diagnostic::error("SCHEMA_VALIDATION_FAILED", location, message)
}

/// What of a resource waits longer than an EXPRESS execution may.
fn refused_by_express(resource: &str) -> Option<&'static str> {
    match Resource::parse(resource) {
        Resource::Integration { pattern: Pattern::RunJob { .. }, .. } => Some(".sync"),
        Resource::Integration { pattern: Pattern::WaitForTaskToken, .. } => Some(".waitForTaskToken"),
        Resource::Activity => Some("activity"),
        _ => None,
    }
}

fn reachable(machine: &StateMachine) -> BTreeSet<&str> {
    let mut seen = BTreeSet::new();
    let mut to_see = vec![machine.start_at.as_str()];
    while let Some(name) = to_see.pop() {
        let Some((name, state)) = machine.states.get_key_value(name) else { continue };
        if seen.insert(name.as_str()) {
            to_see.extend(targets(state));
        }
    }
    seen
}

/// The names of all states that can follow a state.
pub(super) fn targets(state: &State) -> Vec<&str> {
    let mut targets: Vec<&str> = state.common.next.as_deref().into_iter().collect();
    targets.extend(state.common.catch.iter().map(|rule| rule.next.as_str()));
    if let StateKind::Choice { rules, default } = &state.kind {
        targets.extend(rules.iter().map(|rule| rule.next.as_str()));
        targets.extend(default.as_deref());
    }
    targets
}
