//! The status of an execution in one word.

use api::flow::Needs;
use engine::machine::{ExecutionHeader, ExecutionStatus};

/// Every result of [`display_status`].
pub const DISPLAY_STATUSES: [&str; 9] =
    ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "RUNNING", "WAITING", "INTERRUPTED", "PAUSED", "CANCELLING"];

/// Step Functions' status, and for a running execution the first of these that applies: PAUSED until `flow resume`; CANCELLING while
/// calls in flight answer; RUNNING while a process drives it; WAITING if no call was in flight and nothing is due yet, also while a
/// person, a worker or another execution must act; else INTERRUPTED. This is the only rule: every command and every display shows its
/// result, and docs/operations.md describes it.
pub fn display_status(header: &ExecutionHeader, driven: bool, needs: Option<&Needs>, now_ms: u64) -> &'static str {
    // The next poll of an approval only reminds: without an answer nothing is due.
    let due_ms = needs.map_or(header.next_wake_ms, |needs| needs.next_due_ms);
    let waits = !header.awake || header.only_waits;
    match header.status {
        ExecutionStatus::Running if header.paused => "PAUSED",
        ExecutionStatus::Running if driven && header.cancels_with.is_some() => "CANCELLING",
        ExecutionStatus::Running if driven => "RUNNING",
        ExecutionStatus::Running if waits && due_ms.is_none_or(|next| next > now_ms) => "WAITING",
        ExecutionStatus::Running => "INTERRUPTED",
        ExecutionStatus::Succeeded => "SUCCEEDED",
        ExecutionStatus::Failed => "FAILED",
        ExecutionStatus::TimedOut => "TIMED_OUT",
        ExecutionStatus::Aborted => "ABORTED",
    }
}

/// Whether a process drives an execution with this status.
pub fn is_driven(display_status: &str) -> bool {
    matches!(display_status, "RUNNING" | "CANCELLING")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use engine::{asl, journal::ErrorAndCause, machine::Execution};
    use serde_json::json;

    use super::*;

    const NOW_MS: u64 = 1_000_000;

    fn status(driven: bool, needs: Option<&Needs>, change: impl FnOnce(&mut ExecutionHeader)) -> &'static str {
        let machine = asl::parse(&json!({ "StartAt": "A", "States": { "A": { "Type": "Succeed" } } })).unwrap();
        let mut header = Execution::new("x-1", "x", machine, json!({})).header;
        change(&mut header);
        display_status(&header, driven, needs, NOW_MS)
    }

    fn awake(header: &mut ExecutionHeader) {
        header.awake = true;
    }

    #[test]
    fn a_running_execution_has_the_first_status_that_applies() {
        let paused = |header: &mut ExecutionHeader| {
            (header.paused, header.awake) = (true, true);
        };
        let cancels = |header: &mut ExecutionHeader| {
            header.cancels_with = Some(ErrorAndCause { error: "Cancelled".to_owned(), cause: String::new() });
        };
        let only_waits = |header: &mut ExecutionHeader| {
            (header.awake, header.only_waits) = (true, true);
        };
        let due = |due_ms: u64| {
            move |header: &mut ExecutionHeader| {
                header.next_wake_ms = Some(due_ms);
            }
        };
        assert_eq!([status(true, None, paused), status(false, None, paused)], ["PAUSED", "PAUSED"]);
        assert_eq!([status(true, None, cancels), status(true, None, awake)], ["CANCELLING", "RUNNING"]);
        assert_eq!(status(false, None, awake), "INTERRUPTED", "a call was in flight");
        assert_eq!(status(false, None, only_waits), "WAITING", "a worker or another execution must act");
        assert_eq!(status(false, None, due(NOW_MS + 1)), "WAITING");
        assert_eq!(status(false, None, due(NOW_MS)), "INTERRUPTED", "a poll or the end of a Wait is due");
    }

    #[test]
    fn the_repeated_poll_of_an_approval_is_not_due_work() {
        let answerer = api::flow::Answerer::TokenHolder;
        let (execution, state) = ("x-1".to_owned(), "A".to_owned());
        let needs = Needs { execution, state, answerer, next_due_ms: None };
        let overdue = |header: &mut ExecutionHeader| {
            header.next_wake_ms = Some(1);
        };
        assert_eq!(status(false, Some(&needs), overdue), "WAITING", "a person must act");
    }
}
