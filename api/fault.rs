//! The error of an operation.

use engine::{runner::RunnerError, store::StoreError};

/// The kind of the fault of a runner that has stopped (API Reference, Common Errors).
pub const UNAVAILABLE: &str = "ServiceUnavailable";
/// The kind of the fault of a store that fails (API Reference, Common Errors).
pub const INTERNAL_FAILURE: &str = "InternalFailure";
/// The kind of the fault of an environment whose credentials are missing, expired or refused. New credentials resolve
/// it.
pub const CREDENTIALS_UNUSABLE: &str = "CredentialsUnusable";
/// The kind of the fault of an environment that is pinned to another account than the credentials in use.
pub const ENVIRONMENT_REFUSED: &str = "EnvironmentRefused";
/// The kind of the fault of an environment of which the credentials could not be compared: AWS did not answer.
pub const ENVIRONMENT_UNREACHABLE: &str = "EnvironmentUnreachable";
/// The kind of the fault of a start or a resume whose subject has an execution that has not ended, which [`Fault::execution`] names.
pub const SUBJECT_BUSY: &str = "SubjectBusy";
/// The kind of the fault of a state that the definition of an execution does not have.
pub const STATE_DOES_NOT_EXIST: &str = "StateDoesNotExist";
/// The kind of the fault of a signal to an approval, which [`crate::flow::AnswerApproval`] answers.
pub const IS_APPROVAL: &str = "IsApproval";
/// The kind of the fault of a signal to the Task of an activity, which only a worker answers.
pub const IS_OF_ACTIVITY: &str = "IsOfActivity";
/// The kind of the fault of an early signal to an approval that does not wait yet.
pub const APPROVAL_DOES_NOT_WAIT: &str = "ApprovalDoesNotWait";
/// The kind of the fault of an answer to a question beside a task token that is malformed: only the holder of the token can answer.
pub const MALFORMED_QUESTION: &str = "MalformedQuestion";
/// The kind of the fault of an answer to an execution that has ended.
pub const HAS_ENDED: &str = "ExecutionHasEnded";
/// The kind of the fault of an answer to a state that was answered already.
pub const ALREADY_ANSWERED: &str = "TaskAlreadyAnswered";
/// The kind of the fault of an answer to a state that has timed out (API Reference, SendTaskSuccess).
pub const TASK_TIMED_OUT: &str = "TaskTimedOut";
/// The kind of the fault of an answer to a state whose call is running, and which waits for none.
pub const CALL_RUNS: &str = "TaskCallRuns";
/// Why an EXPRESS execution cannot be redriven.
pub(crate) const EXPRESS_NOT_REDRIVABLE: &str = "Express executions cannot be redriven";
/// The error name of an execution whose workflow refused its input or its environment, such as in a preflight.
pub const REFUSED: &str = "Flow.Refused";
/// The error name with which a workflow of `flow new --from` ends after the steps for a rejection.
pub const RUNBOOK_NOT_COMPLETED: &str = "Runbook.NotCompleted";

/// An error of the API: its name (`__type`) and a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct Fault {
    /// The name in the service model, such as `ExecutionDoesNotExist`.
    pub kind: &'static str,
    /// The message, for people.
    pub message: String,
    /// The id of the existing execution because of which a start or a resume is refused.
    pub execution: Option<String>,
}

impl Fault {
    /// A fault of a kind of the service model or of flow's operations.
    pub fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Fault { kind, message: message.into(), execution: None }
    }

    /// The fault of a start with the id of an execution that one of flow's operations started.
    pub fn execution_exists(id: &str, message: String) -> Self {
        Fault { execution: Some(id.to_owned()), ..Fault::new("ExecutionAlreadyExists", message) }
    }

    /// The fault for an id that no execution has.
    pub(crate) fn no_execution(id: &str) -> Self {
        Fault::new("ExecutionDoesNotExist", format!("there is no execution named '{id}'"))
    }

    /// The fault for an ARN that no execution has.
    pub(crate) fn no_execution_with(arn: &str) -> Self {
        Fault::new("ExecutionDoesNotExist", format!("Execution Does Not Exist: '{arn}'"))
    }

    /// The fault for an ARN that no state machine and no version has.
    pub(crate) fn no_state_machine_with(arn: &str) -> Self {
        Fault::new("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}'"))
    }

    /// The fault for an ARN that no map run, or nothing with tags, has.
    pub(crate) fn no_resource_with(arn: &str) -> Self {
        Fault::new("ResourceNotFound", format!("Resource not found: '{arn}'"))
    }

    /// The fault for an operation that the state machine's type, STANDARD or EXPRESS, does not have.
    pub(crate) fn not_of_this_type() -> Self {
        let message = "This operation is not supported by this type of state machine";
        Fault::new("StateMachineTypeNotSupported", message)
    }

    /// The fault for a token that this API did not issue: of a page or of a task.
    pub(crate) fn invalid_token() -> Self {
        Fault::new("InvalidToken", "Invalid Token: 'Invalid token'")
    }

    /// The fault for a request that does not have the shape of its operation.
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Fault::new("ValidationException", message)
    }

    /// The fault of a failure that the request does not cause.
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Fault::new(INTERNAL_FAILURE, error.to_string())
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
        self.kind == INTERNAL_FAILURE || self.is_unavailable()
    }

    /// Whether the runner has stopped. The next owner of the store can answer.
    pub fn is_unavailable(&self) -> bool {
        self.kind == UNAVAILABLE
    }
}

/// Why an execution with this status cannot be redriven.
pub(crate) fn not_redrivable(status: &str) -> String {
    format!("Execution is {status} and cannot be redriven")
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Fault::internal(error)
    }
}

impl From<RunnerError> for Fault {
    fn from(error: RunnerError) -> Self {
        let kind = match &error {
            RunnerError::ExecutionAlreadyExists { .. } => "ExecutionAlreadyExists",
            RunnerError::SubjectBusy { .. } => SUBJECT_BUSY,
            RunnerError::ExecutionDoesNotExist { .. } => "ExecutionDoesNotExist",
            RunnerError::NotWaiting { .. } => "TaskDoesNotExist",
            RunnerError::SignalRefused { .. } | RunnerError::ReentryRefused { .. } => "ValidationException",
            RunnerError::InvalidId { .. } => "InvalidName",
            RunnerError::InvalidDefinition { .. } => "InvalidDefinition",
            RunnerError::Succeeded { .. } | RunnerError::HasEnded { .. } => "ExecutionNotRedrivable",
            RunnerError::Store(_) => INTERNAL_FAILURE,
            RunnerError::Stopped => UNAVAILABLE,
        };
        let message = error.to_string();
        let execution = match error {
            RunnerError::ExecutionAlreadyExists { id } => Some(id),
            RunnerError::SubjectBusy { other, .. } => Some(other),
            _ => None,
        };
        Fault { kind, message, execution }
    }
}
