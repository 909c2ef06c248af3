//! The operations that are never served over TCP. `cli/wire/guard.rs` decides which clients may call the others.

use super::{
    AnswerApproval, MarkShown, PruneExecutions, ResumeExecution, SignalTask, StartExecution, TrackUnfinished,
    VerifyEnvironment,
};
use crate::{Operation, StreamOperation};

/// The operations that act for the user of this machine. They are served only over the store's socket, to processes of that user: a client
/// of the network must not determine the environment of an execution, the person of an answer, or the entries that count as shown.
pub const SOCKET_ONLY: [&str; 8] = [
    StartExecution::NAME,
    ResumeExecution::NAME,
    SignalTask::NAME,
    AnswerApproval::NAME,
    VerifyEnvironment::NAME,
    MarkShown::NAME,
    TrackUnfinished::NAME,
    <PruneExecutions as StreamOperation>::NAME,
];
