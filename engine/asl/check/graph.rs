//! Checks states together: transitions, names and resources.

use std::collections::BTreeSet;

use super::{Diagnostic, ProblemKind, below};
use crate::{
    asl::{Map, State, StateKind, StateMachine, Template},
    step::{Pattern, Resource},
};

/// The rules that a definition is checked against.
pub(super) struct Context<'a> {
    pub express: bool,
    pub known_resource: &'a dyn Fn(&str) -> bool,
}

/// Checks a machine and its nested machines.
pub(super) fn check(machine: &StateMachine, context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let mut names = BTreeSet::new();
    check_machine(machine, "", context, &mut names, found);
}

fn check_machine<'m>(
    machine: &'m StateMachine,
    pointer: &str,
    context: &Context<'_>,
    names: &mut BTreeSet<&'m str>,
    found: &mut Vec<Diagnostic>,
) {
    check_ends(machine, pointer, found);
    let states = below(pointer, "States");
    // The names of this machine come first, so that the nested duplicate is the one reported.
    for name in machine.states.keys() {
        if !names.insert(name) {
            let message = format!("Duplicate State name: {name}");
            found.push(Diagnostic::error("DUPLICATE_STATE_NAME", &below(&states, name), message));
        }
    }
    for (name, state) in &machine.states {
        let pointer = below(&states, name);
        check_state(state, &pointer, context, found);
        // The child executions of a distributed Map have their own type.
        let express = context.express || matches!(&state.kind, StateKind::Map(map) if map.is_express);
        let context = Context { express, known_resource: context.known_resource };
        for (inner, pointer) in inner_machines(state, &pointer) {
            check_machine(inner, &pointer, &context, names, found);
        }
    }
}

/// Checks that a machine can end and that every state is reachable. AWS does not report unreachable states of a machine without an end.
fn check_ends(machine: &StateMachine, pointer: &str, found: &mut Vec<Diagnostic>) {
    let ends = |state: &State| match &state.kind {
        StateKind::Succeed | StateKind::Fail { .. } => true,
        StateKind::Choice { .. } => false,
        _ => state.common.next.is_none(),
    };
    if machine.states.is_empty() {
        return;
    }
    if !machine.states.values().any(|state| ends(state)) {
        found.push(Diagnostic::error("MISSING_END_STATE", "", "Workflow has no terminal state"));
        return;
    }
    let reachable = reachable(machine);
    for name in machine.states.keys().filter(|name| !reachable.contains(name.as_str())) {
        let (message, at) = (format!("State \"{name}\" is not reachable."), below(&below(pointer, "States"), name));
        found.push(Diagnostic::error("MISSING_TRANSITION_TARGET", &at, message).of_kind(ProblemKind::Unreachable));
    }
}

fn check_state(state: &State, pointer: &str, context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    match &state.kind {
        StateKind::Task(task) => {
            if let Some(pattern) = context.express.then(|| refused_by_express(&task.resource)).flatten() {
                let message = format!("Express state machine does not support {pattern}");
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
        // Source: Developer Guide, "Choosing workflow type in Step Functions".
        StateKind::Map(map) if context.express && map.distributed => {
            let location = format!("{pointer}/{}/ProcessorConfig/Mode", map.processor_field);
            let message = "Express state machine does not support 'DISTRIBUTED' mode of Map";
            found.push(Diagnostic::error("SCHEMA_VALIDATION_FAILED", &location, message));
        }
        // Step Functions accepts the fields (recorded) and uses them for distributed Maps only. Source: Developer Guide, "Using Map state
        // in Inline mode", which does not have them.
        StateKind::Map(map) if !map.distributed && tolerates(map) => {
            let message = "An inline Map fails at its first failed item: only a distributed Map tolerates failures.";
            found.push(Diagnostic::warning("TOLERANCE_WITHOUT_EFFECT", pointer, message));
        }
        StateKind::Choice { default: None, .. } => {
            let message = "A Choice without Default fails with States.NoChoiceMatched where no rule matches.";
            found.push(Diagnostic::warning("CHOICE_WITHOUT_DEFAULT", pointer, message));
        }
        _ => {}
    }
}

/// Whether a Map has a threshold other than zero.
fn tolerates(map: &Map) -> bool {
    let is_zero = |template: &Template| matches!(template, Template::Literal(value) if value.as_f64() == Some(0.0));
    let thresholds = [&map.tolerated_failure_count, &map.tolerated_failure_percentage];
    thresholds.into_iter().flatten().any(|template| !is_zero(template))
}

/// The machines nested in a state, with their pointers.
pub(super) fn inner_machines<'s>(state: &'s State, pointer: &str) -> Vec<(&'s StateMachine, String)> {
    state.machines().into_iter().map(|(kind, machine)| (&**machine, kind.pointer(pointer))).collect()
}

pub(super) fn unknown_resource(resource: &str, location: &str) -> Diagnostic {
    if resource.starts_with("flow:") {
        let message = format!("No step is named '{resource}'; `flow steps` lists all.");
        let problem = Diagnostic::error("UNKNOWN_RESOURCE", location, message);
        return problem.of_kind(ProblemKind::UnknownStep(resource.to_owned()));
    }
    let message = format!(
        "The resource provided {resource} is not recognized. The value is not a valid resource ARN, \
         or the resource is not available in this region."
    );
    let problem = Diagnostic::error("SCHEMA_VALIDATION_FAILED", location, message);
    problem.of_kind(ProblemKind::UnknownIntegration(resource.to_owned()))
}

/// AWS's name for something that an EXPRESS execution may not wait for. One of the names ends with a blank.
fn refused_by_express(resource: &str) -> Option<&'static str> {
    match Resource::parse(resource) {
        Resource::Integration { pattern: Pattern::RunJob { .. }, .. } => Some("'.sync' service integration"),
        Resource::Integration { pattern: Pattern::WaitForTaskToken, .. } => {
            Some("'.waitForTaskToken' service integration ")
        }
        Resource::Activity => Some("'activity' service integration"),
        _ => None,
    }
}

fn reachable(machine: &StateMachine) -> BTreeSet<&str> {
    let mut seen = BTreeSet::new();
    let mut to_see = vec![machine.start_at.as_str()];
    while let Some(name) = to_see.pop() {
        let Some((name, state)) = machine.states.get_key_value(name) else { continue };
        if seen.insert(name.as_str()) {
            to_see.extend(targets(state).into_iter().map(|(target, _)| target));
        }
    }
    seen
}

/// The names of all states that can follow a state, and the pointer within the state for each.
pub(in crate::asl) fn targets(state: &State) -> Vec<(&str, String)> {
    let next = state.common.next.as_deref();
    let mut targets: Vec<(&str, String)> = next.map(|next| (next, "/Next".to_owned())).into_iter().collect();
    let at = |list: &str, index: usize| format!("/{list}[{index}]/Next");
    let catchers = state.common.catch.iter().enumerate();
    targets.extend(catchers.map(|(index, rule)| (rule.next.as_str(), at("Catch", index))));
    if let StateKind::Choice { rules, default } = &state.kind {
        targets.extend(rules.iter().enumerate().map(|(index, rule)| (rule.next.as_str(), at("Choices", index))));
        targets.extend(default.as_deref().map(|default| (default, "/Default".to_owned())));
    }
    targets
}
