//! The pure machine: `advance` takes an execution and one input and says what changed and what is to be done.
//! No clock, no I/O, no randomness: time and results arrive as data.

mod advance;
mod choice;
mod command;
mod data;
mod execution;
mod failure;
mod frame;
mod input;
mod items;
mod limits;
mod map;
mod parallel;
mod read;
mod redrive;
mod retry;
mod scope;
mod state;
mod task;
#[cfg(test)]
mod tests;
mod token;
mod token_wait;
mod turn;
mod wait;

pub use advance::advance;
pub use command::{Command, Transition};
pub use execution::{Execution, ExecutionHeader, ExecutionStatus, Identity};
pub use frame::{Activity, Frame, FrameId, FrameRow, FrameWrite, Heartbeat, Parked, Part, Tolerated, Waiting, is_long};
pub use input::{Input, StepAnswer};
pub use limits::{HISTORY_EVENTS_MAX, PAYLOAD_BYTES_MAX};
pub use token::{TaskToken, idempotency_token};
