//! The error of a step: a class that the machine and `Retry` rules match, and a cause for people.

use serde::{Deserialize, Serialize};

/// The class of a failure. The name of each class is the error name that `Retry` and `Catch` match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ErrorClass {
    /// `Flow.Throttled`: the service limits the rate of calls; nothing was changed.
    Throttled,
    /// `Flow.Unknown`: the answer was lost, timed out or was a server error; the call may have taken effect.
    Unknown,
    /// `Flow.NotConsistentYet`: an id that this execution created is not visible everywhere yet.
    NotConsistentYet,
    /// `Flow.Capacity`: the provider has no capacity left at the moment.
    Capacity,
    /// `Flow.Busy`: the resource is still in use (deletes and modifications).
    Busy,
    /// `Flow.NameTaken`: the name belongs to a resource that this deployment did not create.
    NameTaken,
    /// `Flow.NotFound`: the resource does not exist, and this execution did not create it.
    NotFound,
    /// `Flow.Credentials`: the credentials are missing, expired or wrong. The execution pauses until `flow resume`.
    Credentials,
    /// `Flow.Permission`: the caller does not have the permission for the call.
    Permission,
    /// `Flow.Quota`: an account limit is reached.
    Quota,
    /// `Flow.Invalid`: the request can never succeed unchanged.
    Invalid,
    /// `Flow.Failed`: the resource that the step waits for has a status that it does not leave (a certificate, a deployment).
    Failed,
}

impl ErrorClass {
    /// The error name that `Retry` and `Catch` match, such as `Flow.Throttled`.
    pub fn error_name(self) -> &'static str {
        match self {
            ErrorClass::Throttled => "Flow.Throttled",
            ErrorClass::Unknown => "Flow.Unknown",
            ErrorClass::NotConsistentYet => "Flow.NotConsistentYet",
            ErrorClass::Capacity => "Flow.Capacity",
            ErrorClass::Busy => "Flow.Busy",
            ErrorClass::NameTaken => "Flow.NameTaken",
            ErrorClass::NotFound => "Flow.NotFound",
            ErrorClass::Credentials => "Flow.Credentials",
            ErrorClass::Permission => "Flow.Permission",
            ErrorClass::Quota => "Flow.Quota",
            ErrorClass::Invalid => "Flow.Invalid",
            ErrorClass::Failed => "Flow.Failed",
        }
    }
}

/// The error code of a call that has no step. `flow check` uses the same code.
const MISSING_STEP: &str = "INTEGRATION_WITHOUT_STEP";

/// The error of a failed call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepError {
    /// Its class.
    pub class: ErrorClass,
    /// The cause in a sentence, or the service's own message if there is one.
    pub cause: String,
    /// The call, in IAM's words, such as `ec2:CreateVpc`.
    pub action: Option<String>,
    /// The service's error code, such as `VpcLimitExceeded`.
    pub code: Option<String>,
    /// The service's request id.
    pub request_id: Option<String>,
    /// The repair; `None` if a resume is enough.
    pub hint: Option<String>,
    /// The error name that `Retry` and `Catch` match instead of the class's, such as `Lambda.TooManyRequestsException`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl StepError {
    /// An error of `class` with this cause.
    pub fn new(class: ErrorClass, cause: impl Into<String>) -> Self {
        StepError { class, cause: cause.into(), action: None, code: None, request_id: None, hint: None, name: None }
    }

    /// An error with a name of its own, as AWS's integrations have.
    pub fn named(name: impl Into<String>, cause: impl Into<String>) -> Self {
        StepError { name: Some(name.into()), ..StepError::new(ErrorClass::Failed, cause) }
    }

    /// The error name that `Retry` and `Catch` match.
    pub fn error_name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.class.error_name())
    }

    /// Whether the settings of this machine refused the step, without a call. A repeated attempt is refused too, until a person changes
    /// the settings and resumes.
    pub(crate) fn is_refused_here(&self) -> bool {
        self.class == ErrorClass::Permission && self.action.is_none() && self.name.is_none()
    }

    /// The error of a call of an integration that has no step. No rule of `Retry` or `Catch` matches it.
    pub(crate) fn missing_step(cause: impl Into<String>) -> Self {
        StepError { code: Some(MISSING_STEP.to_owned()), ..StepError::named("States.Runtime", cause) }
    }

    /// Whether the call was not made because the integration has no step.
    pub(crate) fn is_missing_step(&self) -> bool {
        self.code.as_deref() == Some(MISSING_STEP)
    }

    /// Adds the name of the call.
    pub fn during(mut self, action: &str) -> Self {
        self.action = Some(action.to_owned());
        self
    }

    /// Adds the repair. Who shows it adds how to continue: a resume, or the same command again where nothing has begun.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl std::fmt::Display for StepError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(action) = &self.action {
            write!(f, "{action}: ")?;
        }
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        write!(f, "{}", self.cause)?;
        if let Some(request_id) = &self.request_id {
            write!(f, " (request id {request_id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for StepError {}
