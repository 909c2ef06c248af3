//! The limits of the local steps: the size of a program's output, and the time of a program or a wait.

use std::time::Duration;

use engine::step::{PAYLOAD_BYTES_MAX, StepContext, StepError, error_names};

/// The largest output of a program, in bytes (Step Functions quotas: the result of a Task).
pub(crate) const OUTPUT_BYTES_MAX: usize = PAYLOAD_BYTES_MAX;
/// The longest run time of a program in a state without TimeoutSeconds.
pub(crate) const RUN_TIME_MAX: Duration = Duration::from_secs(3_600);

/// The time that the program of a step may still run.
pub(crate) fn run_time_left(context: &StepContext) -> Duration {
    context.deadline_ms.map_or(RUN_TIME_MAX, |due| Duration::from_millis(due.saturating_sub(context.now_ms)))
}

/// The failure of a wait that a state without TimeoutSeconds ends.
pub(crate) fn waited_too_long(cause: impl Into<String>) -> StepError {
    StepError::named(error_names::TIMEOUT, cause)
        .hint_of_new_execution("Set TimeoutSeconds in the state to wait longer, then start a new execution.")
}
