//! What a step answers when it failed: a class that the machine and `Retry` rules act on, and the words a person needs.

use serde::{Deserialize, Serialize};

/// How a failure is to be treated. The name of each class is the error name that `Retry` and `Catch` match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ErrorClass {
    /// `Flow.Throttled`: the service asks for fewer calls; nothing was changed.
    Throttled,
    /// `Flow.Unknown`: the answer was lost, timed out or was a server error; the call may have taken effect.
    Unknown,
    /// `Flow.NotConsistentYet`: an id that this execution made is not known everywhere yet.
    NotConsistentYet,
    /// `Flow.Capacity`: the provider has none left at the moment.
    Capacity,
    /// `Flow.Busy`: something still holds on to the resource (deletes and modifications).
    Busy,
    /// `Flow.NameTaken`: the name belongs to something that is not ours.
    NameTaken,
    /// `Flow.NotFound`: it does not exist, and this execution did not make it.
    NotFound,
    /// `Flow.Credentials`: missing, expired or wrong. The execution pauses; `flow resume` goes on.
    Credentials,
    /// `Flow.Permission`: the caller may not do this.
    Permission,
    /// `Flow.Quota`: an account limit is reached.
    Quota,
    /// `Flow.Invalid`: the request can never succeed as it is.
    Invalid,
    /// `Flow.Failed`: the thing waited for failed for good (a certificate, a deployment).
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

/// A failed look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepError {
    /// How it is to be treated.
    pub class: ErrorClass,
    /// What happened, in a sentence; the service's own message where there is one.
    pub cause: String,
    /// The call, in IAM's words, such as `ec2:CreateVpc`.
    pub action: Option<String>,
    /// The service's error code, such as `VpcLimitExceeded`.
    pub code: Option<String>,
    /// The service's request id.
    pub request_id: Option<String>,
    /// What to do next, when there is more to say than to resume.
    pub hint: Option<String>,
    /// The error name that `Retry` and `Catch` match in place of the class's, such as `Lambda.TooManyRequestsException`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl StepError {
    /// A failure of `class` that says `cause`.
    pub fn new(class: ErrorClass, cause: impl Into<String>) -> Self {
        StepError { class, cause: cause.into(), action: None, code: None, request_id: None, hint: None, name: None }
    }

    /// A failure under an error name of its own, as AWS's integrations have them.
    pub fn named(name: impl Into<String>, cause: impl Into<String>) -> Self {
        StepError { name: Some(name.into()), ..StepError::new(ErrorClass::Failed, cause) }
    }

    /// The error name that `Retry` and `Catch` match.
    pub fn error_name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.class.error_name())
    }

    /// The same, naming the call.
    pub fn during(mut self, action: &str) -> Self {
        self.action = Some(action.to_owned());
        self
    }

    /// The same, with what to do next.
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
