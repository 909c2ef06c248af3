//! The pure machine: `advance` folds one input into an execution and returns what changed and which commands to carry out.
//! No clock, no I/O, no randomness: time and results arrive as data.

mod advance;
mod cancellation;
mod command;
mod execution;
mod failure;
mod frame;
mod input;
mod limits;
mod map;
mod redrive;
mod reentry;
mod scope;
mod state;
mod task;
#[cfg(test)]
mod tests;
mod turn;

pub use advance::advance;
pub use command::{Command, OfferedTask, StepCall, Transition};
pub use execution::{Execution, ExecutionHeader, ExecutionStatus, Identity};
pub use failure::retry::{matches as error_matches, missed_heartbeat, retry_delay_ms};
pub use frame::{
    Frame, FrameId, FrameRow, FrameState, FrameWrite, Frames, Heartbeat, Parked, Part, Tolerated, Waiting,
};
pub(crate) use frame::{TOP_FRAME, is_long};
pub use input::{Input, StepAnswer};
pub use limits::{NESTING_LEVELS_MAX, PAYLOAD_BYTES_MAX, refuse_result, too_deep};
pub(crate) use map::uuid_prefix;
pub use map::{
    Child, ChildEntries, ChildId, ChildStatus, Counts, MapRun, MapRunChanges, MapRunLimits, MapRunStatus, child_index,
    label,
};
pub(crate) use reentry::check_reentry;
pub use reentry::{Reentry, ReentryError, reentry_path};
pub use scope::cause_without_state;
pub use task::{
    cause_of_time_out,
    early_signal::{EarlySignal, EarlySignalChanges, SignalAnswer},
};
