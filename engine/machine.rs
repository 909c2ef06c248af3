//! The pure machine: `advance` folds one input into an execution and returns what changed and which commands to carry out.
//! No clock, no I/O, no randomness: time and results arrive as data.

mod advance;
mod awaited;
mod cancellation;
mod child;
mod choice;
mod command;
mod data;
mod early_signal;
mod execution;
mod failure;
mod frame;
mod frames;
mod input;
mod items;
mod limits;
mod map;
mod map_run;
mod parallel;
mod read;
mod redrive;
mod reentry;
mod retry;
mod runs;
mod scope;
mod state;
mod task;
#[cfg(test)]
mod tests;
mod token_wait;
mod turn;
mod wait;

pub use advance::advance;
pub use command::{Command, OfferedTask, StepCall, Transition};
pub use early_signal::{EarlySignal, EarlySignalChanges, SignalAnswer};
pub use execution::{Execution, ExecutionHeader, ExecutionStatus, Identity};
pub use frame::{Frame, FrameId, FrameRow, FrameState, FrameWrite, Heartbeat, Parked, Part, Tolerated, Waiting};
pub(crate) use frame::{TOP_FRAME, is_long};
pub use frames::Frames;
pub use input::{Input, StepAnswer};
pub use limits::{NESTING_LEVELS_MAX, PAYLOAD_BYTES_MAX, refuse_result, too_deep};
pub(crate) use map_run::uuid_prefix;
pub use map_run::{
    Child, ChildEntries, ChildId, ChildStatus, Counts, MapRun, MapRunChanges, MapRunLimits, MapRunStatus, child_index,
    label,
};
pub(crate) use reentry::check_reentry;
pub use reentry::{Reentry, ReentryError, reentry_path};
pub use retry::{matches as error_matches, missed_heartbeat};
pub use scope::cause_without_state;
pub use task::cause_of_time_out;
