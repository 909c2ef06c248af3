//! Marks in a view what the events of Step Functions do not contain: what a state waits for, and until when.

use api::view::{Doing, View};
use engine::{asl::find_state, journal::StateType};
use serde_json::Value;

use super::{Known, questions};

/// Marks the states of a complete view that wait. Returns whether any waits for a worker.
pub(super) fn mark(known: &Known, view: &mut View) -> bool {
    let waits_for_worker = known.history.mark_waits_for_workers(view);
    known.history.mark_approvals(view, &known.arn);
    questions::mark(known, view);
    for state in view.states.values_mut() {
        if state.state_type == StateType::Wait
            && state.doing == Doing::Running
            && let Some(due_ms) = due_ms(&known.definition, &state.name, state.entered_ms)
        {
            state.doing = Doing::Sleeping { due_ms };
        }
    }
    waits_for_worker
}

/// The end of a Wait state that was entered at a time; `None` if its definition does not have it as a literal.
fn due_ms(definition: &Value, name: &str, entered_ms: u64) -> Option<u64> {
    let state = find_state(definition, name)?;
    match (state["Seconds"].as_u64(), state["Timestamp"].as_str()) {
        (Some(seconds), _) => Some(entered_ms.saturating_add(seconds.saturating_mul(1_000))),
        (None, Some(at)) => u64::try_from(at.parse::<jiff::Timestamp>().ok()?.as_millisecond()).ok(),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use steps::step_functions::{RemoteEvent, RemoteExecution};

    use super::*;
    use crate::step_functions::{header, history::History};

    /// The view of an execution whose only state waits, after these events.
    fn marked(state: &Value, events: &[RemoteEvent]) -> View {
        let definition = json!({ "StartAt": "A", "States": { "A": state } });
        let mut history = History::new(&definition);
        history.add(events);
        let arn = "arn:aws:states:us-east-1:111111111111:execution:job:r-1".to_owned();
        let mut view = View::new(&header(&arn, &RemoteExecution::default()), &definition);
        history.entries().iter().for_each(|entry| view.fold(entry));
        mark(&Known { arn, definition, history, shown: 0 }, &mut view);
        view
    }

    fn event(id: u64, kind: &str) -> RemoteEvent {
        let (previous_id, timestamp_ms, kind) = (id - 1, id * 1_000, kind.to_owned());
        RemoteEvent { id, previous_id, timestamp_ms, kind, name: Some("A".to_owned()), ..RemoteEvent::default() }
    }

    #[test]
    fn a_wait_sleeps_until_its_end() {
        let view = marked(&json!({ "Type": "Wait", "Seconds": 3 }), &[event(1, "WaitStateEntered")]);
        assert_eq!(view.states["A"].doing, Doing::Sleeping { due_ms: 4_000 });
    }

    #[test]
    fn a_task_with_a_token_shows_its_question_and_its_end() {
        let payload = |prompt: &Value| json!({ "Payload": { "token": "T", "Prompt": prompt } });
        let asked = |prompt: &Value| {
            let mut parameters = payload(prompt);
            parameters["Payload"]["token.$"] = json!("$$.Task.Token");
            let mut scheduled = event(2, "TaskScheduled");
            (scheduled.data, scheduled.timeout_seconds) = (Some(payload(prompt).to_string()), Some(60));
            let task = json!({ "Type": "Task", "Parameters": parameters });
            let events = [event(1, "TaskStateEntered"), scheduled, event(3, "TaskSubmitted")];
            marked(&task, &events).states["A"].doing.clone()
        };
        let Doing::Waiting(wait) = asked(&json!("Go?")) else { panic!("no question") };
        assert_eq!((wait.deadline_ms, wait.instructions.unwrap().sentence), (Some(62_000), "Go?".to_owned()));
        assert_eq!(asked(&Value::Null), Doing::Parked { deadline_ms: Some(62_000) });
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
