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
pub use early_signal::{EARLY_SIGNALS_MAX, EarlySignal, EarlySignalChanges, SignalAnswer};
pub use execution::{Execution, ExecutionHeader, ExecutionStatus, Identity};
pub use frame::{
    Frame, FrameId, FrameRow, FrameState, FrameWrite, Heartbeat, Parked, Part, TOP_FRAME, Tolerated, Waiting, is_long,
};
pub use frames::Frames;
pub use input::{Input, StepAnswer};
pub use limits::{HISTORY_EVENTS_MAX, NESTING_LEVELS_MAX, PAYLOAD_BYTES_MAX, too_deep};
pub use map_run::{
    Child, ChildEntries, ChildId, ChildStatus, Counts, MapRun, MapRunChanges, MapRunLimits, MapRunStatus, child_index,
    label, uuid_prefix,
};
pub use reentry::{Reentry, check_reentry, reentry_path};
