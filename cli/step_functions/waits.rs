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
    use serde_json::json;

    use super::due_ms;

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
