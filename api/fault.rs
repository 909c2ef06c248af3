//! The error of an operation.

use engine::{runner::RunnerError, store::StoreError};

/// The kind of a fault that is not caused by the request (API Reference, Common Errors).
const UNAVAILABLE: &str = "ServiceUnavailable";

/// An error of the API: its name (`__type`) and a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct Fault {
    /// The name in the service model, such as `ExecutionDoesNotExist`.
    pub kind: &'static str,
    /// The message, for people.
    pub message: String,
}

impl Fault {
    /// A fault of a kind of the service model or of flow's own operations.
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Fault { kind, message: message.into() }
    }

    /// The fault for an id that no execution has.
    pub(crate) fn no_execution(id: &str) -> Self {
        Fault::new("ExecutionDoesNotExist", format!("there is no execution named '{id}'"))
    }

    /// The fault for a request that does not have the shape of its operation.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Fault::new("ValidationException", message)
    }

    /// The HTTP status of the answer (API Reference, the errors of each operation).
    pub fn http_status(&self) -> u16 {
        match self.kind {
            "ServiceQuotaExceededException" => 402,
            "ConflictException" => 409,
            _ if self.is_unavailable() => 503,
            _ if self.is_internal() => 500,
            _ => 400,
        }
    }

    /// Whether the fault is internal, so that a retry can help.
    pub fn is_internal(&self) -> bool {
        self.kind == "InternalFailure" || self.is_unavailable()
    }

    /// Whether the runner has stopped. The next owner of the store can answer.
    pub fn is_unavailable(&self) -> bool {
        self.kind == UNAVAILABLE
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::new("InternalFailure", error.to_string())
    }
}

impl From<RunnerError> for Fault {
    fn from(error: RunnerError) -> Self {
        let kind = match &error {
            RunnerError::ExecutionAlreadyExists { .. } | RunnerError::SubjectBusy { .. } => "ExecutionAlreadyExists",
            RunnerError::ExecutionDoesNotExist { .. } => "ExecutionDoesNotExist",
            RunnerError::NotWaiting { .. } => "TaskDoesNotExist",
            RunnerError::SignalRefused { .. } | RunnerError::ReentryRefused { .. } => "ValidationException",
            RunnerError::InvalidId { .. } => "InvalidName",
            RunnerError::InvalidDefinition { .. } => "InvalidDefinition",
            RunnerError::Succeeded { .. } => "ExecutionNotRedrivable",
            RunnerError::Store(_) => "InternalFailure",
            RunnerError::Stopped => UNAVAILABLE,
        };
        Fault::new(kind, error.to_string())
    }
}
