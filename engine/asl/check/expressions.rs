//! JSONata expressions that Step Functions refuses although they can be parsed.

use super::{Diagnostic, ProblemKind, below, graph::inner_machines};
use crate::asl::{ChoiceRule, Condition, State, StateKind, StateMachine, Template, Wait};

/// Checks the expressions of a machine and of its nested machines.
pub(super) fn check(machine: &StateMachine, pointer: &str, found: &mut Vec<Diagnostic>) {
    let states = below(pointer, "States");
    for (name, state) in &machine.states {
        let pointer = below(&states, name);
        templates(state).into_iter().for_each(|template| check_template(template, state, &pointer, found));
        inner_machines(state, &pointer).into_iter().for_each(|(inner, pointer)| check(inner, &pointer, found));
    }
}

fn check_template(template: &Template, state: &State, at: &str, found: &mut Vec<Diagnostic>) {
    match template {
        Template::Expression { expression, pointer } => {
            let references = expression.references();
            let mut refuse = |name: &str, why: &str| {
                let message = format!("Reference to '{name}' {why}.");
                let problem = Diagnostic::error("UNSUPPORTED_JSONATA_EXPRESSION", &format!("{at}{pointer}"), message);
                found.push(problem.of_kind(ProblemKind::WrongReference(name.to_owned())));
            };
            for name in &references.unbound {
                refuse(name, "at the top level is not supported");
            }
            if references.error_output && !pointer.starts_with("/Catch[") {
                refuse("$states.errorOutput", "is only supported in a Catch");
            }
            if references.result && !has_result(state, pointer) {
                refuse("$states.result", "is only supported in Assign and Output of Task, Parallel and Map");
            }
        }
        Template::Array(items) => items.iter().for_each(|item| check_template(item, state, at, found)),
        Template::Object(fields) => fields.iter().for_each(|(_, field)| check_template(field, state, at, found)),
        Template::Literal(_) | Template::Payload(_) | Template::Query { .. } => {}
    }
}

/// Whether `$states.result` is available at a pointer within a state. Source: Developer Guide, "Transforming data with JSONata":
/// "the API or sub-workflow's result (if successful)"; a reference elsewhere "will be caught at creation, update, or validation".
fn has_result(state: &State, pointer: &str) -> bool {
    let calls = matches!(state.kind, StateKind::Task(_) | StateKind::Parallel { .. } | StateKind::Map(_));
    let mut names = pointer.split(['/', '[']);
    calls && matches!(names.nth(1), Some("Assign" | "Output"))
}

/// All templates of a state.
pub(super) fn templates(state: &State) -> Vec<&Template> {
    let common = &state.common;
    let mut templates: Vec<&Template> = common.assign.iter().chain(&common.output).collect();
    templates.extend(common.catch.iter().flat_map(|rule| rule.assign.iter().chain(&rule.output)));
    match &state.kind {
        StateKind::Pass { .. } | StateKind::Succeed => {}
        StateKind::Task(task) => {
            templates.extend(task.arguments.iter().chain(&task.timeout_seconds).chain(&task.heartbeat_seconds));
            templates.extend(&task.credentials);
        }
        StateKind::Choice { rules, .. } => {
            for ChoiceRule { condition, assign, output, .. } in rules {
                templates.extend(assign.iter().chain(output));
                if let Condition::Expression(condition) = condition {
                    templates.push(condition);
                }
            }
        }
        StateKind::Wait(Wait::Seconds(template) | Wait::Timestamp(template)) => templates.push(template),
        StateKind::Fail { error, cause } => templates.extend(error.iter().chain(cause)),
        StateKind::Parallel { arguments, .. } => templates.extend(arguments),
        StateKind::Map(map) => {
            templates.extend(map.items.iter().chain(&map.item_selector).chain(&map.max_concurrency));
            templates.extend(map.tolerated_failure_count.iter().chain(&map.tolerated_failure_percentage));
            if let Some(batcher) = &map.item_batcher {
                templates.extend(batcher.max_items.iter().chain(&batcher.max_input_bytes).chain(&batcher.batch_input));
            }
            if let Some(reader) = &map.item_reader {
                templates.extend(reader.max_items.iter().chain([&reader.arguments]));
            }
            templates.extend(map.result_writer.as_ref().map(|writer| &writer.arguments));
        }
    }
    templates
}
