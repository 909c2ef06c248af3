//! Errors of a runner.

use crate::{asl::Diagnostic, machine::ExecutionStatus, store::StoreError};

/// The reason why a runner refuses a request or cannot carry it out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RunnerError {
    /// An execution of that id exists with another workflow or input.
    #[error("an execution named '{id}' exists already, with another workflow or input")]
    ExecutionAlreadyExists {
        /// Its id.
        id: String,
    },
    /// Another running execution works on the same subject.
    #[error("{other} works on {subject} and has not ended")]
    SubjectBusy {
        /// The subject of both.
        subject: String,
        /// The execution that started first.
        other: String,
    },
    /// No execution has this id.
    #[error("there is no execution named '{id}'")]
    ExecutionDoesNotExist {
        /// The requested id.
        id: String,
    },
    /// The state does not wait for an answer from outside.
    #[error("{message}")]
    NotWaiting {
        /// The actual condition, as a message for people.
        message: String,
    },
    /// An answer for a Task that does not wait yet cannot be stored.
    #[error("{message}")]
    SignalRefused {
        /// The reason.
        message: String,
    },
    /// The execution cannot be continued, or started, at the given state.
    #[error("{message}")]
    ReentryRefused {
        /// The reason.
        message: String,
    },
    /// The id has characters that an id may not have.
    #[error("{message}")]
    InvalidId {
        /// The rule for ids.
        message: String,
    },
    /// The definition cannot run.
    #[error("the definition cannot run: {}", .problems.first().map_or("", |problem| problem.message.as_str()))]
    InvalidDefinition {
        /// All problems.
        problems: Vec<Diagnostic>,
    },
    /// The execution has succeeded and cannot be resumed.
    #[error("{id} has succeeded: there is nothing to resume")]
    Succeeded {
        /// Its id.
        id: String,
    },
    /// The execution has ended, and only an unfinished one was to be resumed.
    #[error("{id} has ended")]
    HasEnded {
        /// Its id.
        id: String,
        /// The status with which it ended.
        status: ExecutionStatus,
    },
    /// The store failed; the runner has stopped.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The runner has stopped.
    #[error("the runner has stopped")]
    Stopped,
}
