//! Adds to a view what the events of Step Functions do not contain: the subject and the end of each wait.

use std::sync::Arc;

use api::view::{StateStatus, StateView, View, is_or_is_inside};
use engine::{
    asl::{self, StateKind, TemplateData, Wait, each_state, find_state},
    journal::{EntryContent, HistoryEventDetails as Details, StateType, state_path},
    query::Moment,
};
use serde_json::{Map, Value, json};

use super::history::History;

/// The fields of a Wait that decide when it ends.
const END_FIELDS: [&str; 4] = ["Seconds", "SecondsPath", "Timestamp", "TimestampPath"];
/// The values that an expression may read but the history does not have: another evaluation has another value.
const RANDOM: [&str; 2] = ["$random", "$uuid"];

/// Marks the states of one history that wait for a worker, an attempt or a time. Returns whether any waits for a worker.
pub(super) fn mark(definition: &Value, history: &History, view: &mut View) -> bool {
    let waits_for_worker = history.mark_waits_for_workers(view);
    history.mark_retries(view);
    for state in view.states.values_mut() {
        if state.state_type == StateType::Wait
            && state.status == StateStatus::Running
            && let Some(due_ms) = due_ms(definition, &state.name, state.entered_ms)
                .or_else(|| computed_due_ms(definition, history, state))
        {
            state.status = StateStatus::Sleeping { due_ms };
        }
    }
    waits_for_worker
}

/// The end of a Wait state that was entered at a time; `None` if its definition does not have it as a literal.
fn due_ms(definition: &Value, name: &str, entered_ms: u64) -> Option<u64> {
    let state = find_state(definition, name)?;
    match (state["Seconds"].as_u64(), state["Timestamp"].as_str()) {
        (Some(seconds), _) => Some(entered_ms.saturating_add(seconds.saturating_mul(1_000))),
        (None, Some(at)) => timestamp_ms(at),
        (None, None) => None,
    }
}

fn timestamp_ms(text: &str) -> Option<u64> {
    u64::try_from(text.parse::<jiff::Timestamp>().ok()?.as_millisecond()).ok()
}

/// The end of a Wait state that is defined by a path or an expression, evaluated with the state's input and the variables in the history.
/// `None` if the expression reads other values or may take long to evaluate.
fn computed_due_ms(definition: &Value, history: &History, state: &StateView) -> Option<u64> {
    let wanted = find_state(definition, &state.name)?;
    let texts: Vec<&str> = END_FIELDS.iter().filter_map(|field| wanted.get(field)?.as_str()).collect();
    let is_random = texts.iter().any(|text| RANDOM.iter().any(|word| text.contains(word)));
    if is_random || wanted.get("InputPath").is_some_and(|path| path != "$") {
        return None;
    }
    let has_path = ["SecondsPath", "TimestampPath"].iter().any(|field| wanted.get(field).is_some());
    let language = if has_path { "JSONPath" } else { "JSONata" };
    let mut alone = json!({ "Type": "Wait", "QueryLanguage": language, "End": true });
    for field in END_FIELDS {
        if let Some(value) = wanted.get(field) {
            alone[field] = value.clone();
        }
    }
    let machine = asl::parse(&json!({ "StartAt": "Wait", "States": { "Wait": alone } })).ok()?;
    let StateKind::Wait(wait) = &machine.states.get("Wait")?.kind else { return None };
    let (Wait::Seconds(template) | Wait::Timestamp(template)) = wait;
    // The time of an expensive expression has no limit here.
    if !machine.is_cheap || template.references().context {
        return None;
    }
    let (input, variables) = scope_of(history, state)?;
    if reads_other_variables(definition, &texts, &variables) {
        return None;
    }
    let states = json!({ "input": *input });
    let data = TemplateData { states: &states, input: &input, context: &Value::Null, variables: &[&variables] };
    let moment = Moment { now_ms: state.entered_ms, entropy: 0 };
    let value = asl::evaluate(template, &data, &moment).ok()?;
    match wait {
        Wait::Seconds(_) => {
            let seconds = value.as_f64().filter(|seconds| *seconds >= 0.0)?;
            Some(state.entered_ms.saturating_add((seconds * 1_000.0) as u64))
        }
        Wait::Timestamp(_) => timestamp_ms(value.as_str()?),
    }
}

/// Whether the expressions may read a variable that the definition assigns and that is not in the history.
fn reads_other_variables(definition: &Value, texts: &[&str], variables: &Map<String, Value>) -> bool {
    let mut assigned = Vec::new();
    each_state(definition, &mut |state| assigned.extend(assigned_names(state.json)));
    assigned.retain(|name| !variables.contains_key(*name));
    assigned.iter().any(|name| texts.iter().any(|text| text.contains(&format!("${name}"))))
}

/// The names of the variables that a state assigns, also in its rules; those of JSONPath without their ending.
fn assigned_names(state: &Value) -> Vec<&str> {
    let rules = ["Choices", "Catch"].iter().filter_map(|field| state.get(field)?.as_array()).flatten();
    let all = std::iter::once(state).chain(rules).filter_map(|part| part.get("Assign")?.as_object());
    all.flat_map(|assign| assign.keys()).map(|name| name.strip_suffix(".$").unwrap_or(name)).collect()
}

/// The input with which a state was entered last, and the variables that it can read: those of its frame and of the frames around it.
fn scope_of(history: &History, state: &StateView) -> Option<(Arc<Value>, Map<String, Value>)> {
    let mut found = None;
    let mut assigned: Vec<(&str, &Map<String, Value>)> = Vec::new();
    for entry in history.entries() {
        let EntryContent::Event(event) = &entry.content else { continue };
        match &event.details {
            Details::StateEntered { name, input, state_type, .. } => {
                let path = state_path(&event.frame, name);
                if path == state.path {
                    found = Some((input.clone(), visible(&assigned, &event.frame)));
                } else if matches!(state_type, StateType::Parallel | StateType::Map) {
                    // The frames inside it begin again, without variables of their own.
                    assigned.retain(|(frame, _)| !is_or_is_inside(frame, &path));
                }
            }
            Details::StateExited { assigned_variables: Some(variables), .. } => {
                assigned.push((&*event.frame, &**variables));
            }
            _ => {}
        }
    }
    found
}

/// The variables of a frame and of the frames around it; of one name, that of the innermost frame, assigned last.
fn visible(assigned: &[(&str, &Map<String, Value>)], frame: &str) -> Map<String, Value> {
    let is_around = |outer: &str| outer.is_empty() || is_or_is_inside(frame, outer);
    let mut around: Vec<_> = assigned.iter().filter(|(outer, _)| is_around(outer)).collect();
    // A stable sort: of one frame, later assignments stay last.
    around.sort_by_key(|(outer, _)| outer.len());
    let all = around.into_iter().flat_map(|(_, variables)| variables.iter());
    all.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use api::view::AwaitedHeartbeat;
    use serde_json::json;
    use steps::step_functions::{RemoteEvent, RemoteExecution};

    use super::*;
    use crate::step_functions::{CachedExecution, header, waiting_states};

    /// The view of an execution whose only state waits, after these events.
    fn marked(state: &Value, events: &[RemoteEvent]) -> View {
        marked_in(&json!({ "StartAt": "A", "States": { "A": state } }), events)
    }

    /// The view of an execution of a definition after these events.
    fn marked_in(definition: &Value, events: &[RemoteEvent]) -> View {
        let definition = definition.clone();
        let mut history = History::new(&definition);
        history.add(events);
        let arn = "arn:aws:states:us-east-1:111111111111:execution:job:r-1".to_owned();
        let mut view = View::new(&header(&arn, &RemoteExecution::default()), &definition);
        history.entries().iter().for_each(|entry| view.fold(entry));
        waiting_states::mark(&CachedExecution { arn, definition, history, shown: 0 }, &mut view);
        view
    }

    fn event(id: u64, kind: &str) -> RemoteEvent {
        let (previous_id, timestamp_ms, kind) = (id - 1, id * 1_000, kind.to_owned());
        RemoteEvent { id, previous_id, timestamp_ms, kind, name: Some("A".to_owned()), ..RemoteEvent::default() }
    }

    #[test]
    fn a_wait_sleeps_until_its_end() {
        let view = marked(&json!({ "Type": "Wait", "Seconds": 3 }), &[event(1, "WaitStateEntered")]);
        assert_eq!(view.states["A"].status, StateStatus::Sleeping { due_ms: 4_000 });
    }

    #[test]
    fn a_wait_ends_when_its_path_or_expression_says_as_far_as_the_history_has_what_it_reads() {
        let input = Some(json!({ "seconds": 3, "at": "1970-01-01T00:00:05Z", "no": "x" }).to_string());
        let due_ms = |fields: Value| {
            let mut assign = event(1, "PassStateExited");
            assign.name = Some("Assign".to_owned());
            assign.assigned_variables = json!({ "pause": 7 }).as_object().cloned();
            let entered = RemoteEvent { data: input.clone(), ..event(2, "WaitStateEntered") };
            let mut wait = json!({ "Type": "Wait", "End": true });
            wait.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            let first = json!({ "Type": "Pass", "Next": "A", "Assign": { "pause": 7, "later": 8 } });
            let definition = json!({ "StartAt": "Assign", "States": { "Assign": first, "A": wait } });
            let view = marked_in(&definition, &[assign, entered]);
            match &view.states["A"].status {
                StateStatus::Sleeping { due_ms } => Some(*due_ms),
                _ => None,
            }
        };
        for (fields, expected) in [
            (json!({ "SecondsPath": "$.seconds" }), Some(5_000)),
            (json!({ "TimestampPath": "$.at" }), Some(5_000)),
            (json!({ "SecondsPath": "$pause" }), Some(9_000)),
            (json!({ "Seconds": "{% $states.input.seconds + 1 %}" }), Some(6_000)),
            (json!({ "Seconds": "{% $pause %}" }), Some(9_000)),
            (json!({ "Timestamp": "{% $states.input.at %}" }), Some(5_000)),
            // What the history does not have, or what fails the state.
            (json!({ "SecondsPath": "$$.Execution.Input.seconds" }), None),
            (json!({ "SecondsPath": "$.seconds", "InputPath": "$.at" }), None),
            (json!({ "SecondsPath": "$.none" }), None),
            (json!({ "TimestampPath": "$.no" }), None),
            (json!({ "Seconds": "{% $exists($later) ? 1 : 2 %}" }), None),
            (json!({ "Seconds": "{% $states.context.Execution.Input.seconds %}" }), None),
            (json!({ "Seconds": "{% $floor($random() * 9) %}" }), None),
        ] {
            assert_eq!(due_ms(fields.clone()), expected, "{fields}");
        }
    }

    #[test]
    fn a_variable_is_seen_inside_the_frame_that_assigned_it() {
        let (outer, inner) = (json!({ "a": 1, "b": 1 }), json!({ "a": 2 }));
        let (outer, inner) = (outer.as_object().unwrap(), inner.as_object().unwrap());
        let assigned = [("Each[0]", inner), ("", outer)];
        assert_eq!(Value::Object(visible(&assigned, "Each[0]")), json!({ "a": 2, "b": 1 }));
        assert_eq!(Value::Object(visible(&assigned, "Each[1]")), json!({ "a": 1, "b": 1 }));
    }

    #[test]
    fn a_task_with_a_token_shows_its_question_and_its_end() {
        let payload = |prompt: &Value| json!({ "Payload": { "token": "T", "Prompt": prompt } });
        let asked = |prompt: &Value| {
            let mut parameters = payload(prompt);
            parameters["Payload"]["token.$"] = json!("$$.Task.Token");
            let mut scheduled = event(2, "TaskScheduled");
            (scheduled.data, scheduled.timeout_seconds) = (Some(payload(prompt).to_string()), Some(60));
            scheduled.heartbeat_seconds = Some(20);
            let task = json!({ "Type": "Task", "Parameters": parameters });
            let events = [event(1, "TaskStateEntered"), scheduled, event(3, "TaskSubmitted")];
            marked(&task, &events).states["A"].status.clone()
        };
        let StateStatus::Waiting(wait) = asked(&json!("Go?")) else { panic!("no question") };
        let instructions = wait.instructions.unwrap();
        assert_eq!((wait.deadline_ms, instructions.sentence), (Some(62_000), "Go?".to_owned()));
        assert_eq!(instructions.values.last().unwrap().0, "HeartbeatSeconds", "no history has the heartbeats");
        let heartbeat = Some(AwaitedHeartbeat::EverySeconds(20));
        assert_eq!(asked(&Value::Null), StateStatus::Parked { deadline_ms: Some(62_000), heartbeat });
    }

    #[test]
    fn a_task_that_waits_for_a_job_runs_and_asks_nobody() {
        let status = |resource: &str| {
            let of = |id: u64, kind: &str| RemoteEvent { resource: Some(resource.to_owned()), ..event(id, kind) };
            let events =
                [event(1, "TaskStateEntered"), of(2, "TaskScheduled"), of(3, "TaskStarted"), of(4, "TaskSubmitted")];
            marked(&json!({ "Type": "Task", "End": true }), &events).states["A"].status.clone()
        };
        for resource in ["startExecution.sync:2", "startExecution.sync", "runTask.sync"] {
            assert_eq!(status(resource), StateStatus::Running, "{resource}");
        }
        let parked = StateStatus::Parked { deadline_ms: None, heartbeat: None };
        assert_eq!(status("sendMessage.waitForTaskToken"), parked);
    }

    #[test]
    fn a_failed_attempt_is_retried_at_the_time_that_its_rule_says() {
        let retry = json!([{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "IntervalSeconds": 30 }]);
        let failed = |id: u64| {
            let error = Some("Lost".to_owned());
            RemoteEvent { error, cause: Some(String::new()), ..event(id, "ActivityFailed") }
        };
        let mut events = vec![event(1, "TaskStateEntered"), event(2, "ActivityScheduled"), failed(3)];
        let task = json!({ "Type": "Task", "Retry": retry, "End": true });
        let next = |events: &[RemoteEvent]| match &marked(&task, events).states["A"].status {
            StateStatus::Retrying { attempt, attempts_max, next_attempt_ms, .. } => {
                Some((*attempt, *attempts_max, *next_attempt_ms))
            }
            _ => None,
        };
        assert_eq!(next(&events), Some((2, Some(3), 33_000)));
        events.extend([event(4, "ActivityScheduled"), failed(5)]);
        assert_eq!(next(&events), Some((3, Some(3), 65_000)));
        events.push(event(6, "ActivityScheduled"));
        assert_eq!(next(&events), None, "it has begun");
        events.push(failed(7));
        assert_eq!(next(&events), None, "no attempt is left");
        // The count begins again.
        events.extend([event(8, "ExecutionFailed"), event(9, "ExecutionRedriven"), event(10, "ActivityScheduled")]);
        let running = marked(&task, &events).states["A"].clone();
        assert_eq!((running.attempt, running.attempts_max), (1, None));
        events.push(failed(11));
        assert_eq!(next(&events), Some((2, Some(3), 41_000)));
    }

    #[test]
    fn a_wait_with_literals_ends_at_a_known_time() {
        for (state, expected) in [
            (json!({ "Type": "Wait", "Seconds": 3 }), Some(4_000)),
            (json!({ "Type": "Wait", "Timestamp": "1970-01-01T00:00:05Z" }), Some(5_000)),
            (json!({ "Type": "Wait", "SecondsPath": "$.seconds" }), None),
            (json!({ "Type": "Wait", "Seconds": "{% $seconds %}" }), None),
            (json!({ "Type": "Wait", "Timestamp": "{% $at %}" }), None),
        ] {
            let definition = json!({ "StartAt": "Pause", "States": { "Pause": state } });
            assert_eq!(due_ms(&definition, "Pause", 1_000), expected, "{definition}");
        }
    }
}
