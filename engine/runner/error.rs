//! Why a runner refuses.

use crate::{asl::Diagnostic, store::StoreError};

/// A request that a runner could not carry out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RunnerError {
    /// An execution of that id exists with another workflow or input.
    #[error("an execution named '{id}' exists already, with another workflow or input")]
    ExecutionAlreadyExists {
        /// Its id.
        id: String,
    },
    /// Another execution that has not ended works on the same subject.
    #[error("{other} works on {subject} and has not ended: flow resume {other}, or flow cancel {other}")]
    SubjectBusy {
        /// What both work on.
        subject: String,
        /// The one that was first.
        other: String,
    },
    /// There is no execution of that id.
    #[error("there is no execution named '{id}'")]
    ExecutionDoesNotExist {
        /// The id asked for.
        id: String,
    },
    /// The state does not wait for an answer from outside.
    #[error("{message}")]
    NotWaiting {
        /// What is the case instead.
        message: String,
    },
    /// An answer for a Task that does not wait yet cannot be kept.
    #[error("{message}")]
    SignalRefused {
        /// Why.
        message: String,
    },
    /// The execution cannot be continued, or begun, at the state that was named.
    #[error("{message}")]
    ReentryRefused {
        /// Why.
        message: String,
    },
    /// The id has other characters than an id may have.
    #[error("{message}")]
    InvalidId {
        /// What an id may be.
        message: String,
    },
    /// The definition cannot run.
    #[error("the definition cannot run: {}", .problems.first().map_or("", |problem| problem.message.as_str()))]
    InvalidDefinition {
        /// Every problem.
        problems: Vec<Diagnostic>,
    },
    /// The execution has succeeded and cannot be resumed.
    #[error("{id} has succeeded: there is nothing to resume")]
    Succeeded {
        /// Its id.
        id: String,
    },
    /// The store failed; the runner has stopped.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The runner has stopped.
    #[error("the runner has stopped")]
    Stopped,
}
