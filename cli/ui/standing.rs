//! The status of an execution in one word.

use engine::machine::{ExecutionHeader, ExecutionStatus};

/// Step Functions' status, or for a running one, what this machine makes of it: PAUSED, or INTERRUPTED where no process drives it.
pub fn standing(header: &ExecutionHeader, driven: bool) -> &'static str {
    match header.status {
        ExecutionStatus::Running if header.paused => "PAUSED",
        ExecutionStatus::Running if !driven => "INTERRUPTED",
        ExecutionStatus::Running => "RUNNING",
        ExecutionStatus::Succeeded => "SUCCEEDED",
        ExecutionStatus::Failed => "FAILED",
        ExecutionStatus::TimedOut => "TIMED_OUT",
        ExecutionStatus::Aborted => "ABORTED",
    }
}
