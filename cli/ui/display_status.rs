//! The status of an execution in one word.

use api::flow::Needs;
use engine::machine::{ExecutionHeader, ExecutionStatus};

/// Step Functions' status. A running execution is PAUSED until `flow resume`; CANCELLING while calls in flight answer;
/// WAITING if no process drives it, no call is in flight and nothing is due yet, also while a worker or another execution must
/// act; INTERRUPTED if no process drives it and a call is in flight or due.
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
