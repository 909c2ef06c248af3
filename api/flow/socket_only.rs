//! Which operations are never served over TCP. `cli/wire/guard.rs` decides who may call the others.

use super::{
    AnswerApproval, MarkShown, PruneExecutions, ResumeExecution, SignalTask, StartExecution, TrackUnfinished,
    VerifyEnvironment,
};
use crate::{Operation, StreamOperation};

/// The operations that act for the user of this machine. They are served only over the store's socket, to processes of that user: a
/// client of the network must not decide where an execution acts, who answered, or what the user has been shown.
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
