//! The status of an execution in one word.

use engine::machine::{ExecutionHeader, ExecutionStatus};

/// Step Functions' status. A running execution is PAUSED until `flow resume`; CANCELLING while calls in flight answer;
/// WAITING if no process drives it and nothing is due yet; INTERRUPTED if no process drives it and a call is in flight
/// or due.
pub fn display_status(header: &ExecutionHeader, driven: bool, now_ms: u64) -> &'static str {
    match header.status {
        ExecutionStatus::Running if header.paused => "PAUSED",
        ExecutionStatus::Running if driven && header.cancels_with.is_some() => "CANCELLING",
        ExecutionStatus::Running if driven => "RUNNING",
        ExecutionStatus::Running if !header.awake && header.next_wake_ms.is_none_or(|next| next > now_ms) => "WAITING",
        ExecutionStatus::Running => "INTERRUPTED",
        ExecutionStatus::Succeeded => "SUCCEEDED",
        ExecutionStatus::Failed => "FAILED",
        ExecutionStatus::TimedOut => "TIMED_OUT",
        ExecutionStatus::Aborted => "ABORTED",
    }
}
