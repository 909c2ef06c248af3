//! The error of a step: a class that the machine and `Retry` rules match, and a cause for people.

use serde::{Deserialize, Serialize};

use super::error_names;

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
            ErrorClass::Throttled => error_names::FLOW_THROTTLED,
            ErrorClass::Unknown => error_names::FLOW_UNKNOWN,
            ErrorClass::NotConsistentYet => error_names::FLOW_NOT_CONSISTENT_YET,
            ErrorClass::Capacity => error_names::FLOW_CAPACITY,
            ErrorClass::Busy => error_names::FLOW_BUSY,
            ErrorClass::NameTaken => error_names::FLOW_NAME_TAKEN,
            ErrorClass::NotFound => error_names::FLOW_NOT_FOUND,
            ErrorClass::Credentials => error_names::FLOW_CREDENTIALS,
            ErrorClass::Permission => error_names::FLOW_PERMISSION,
            ErrorClass::Quota => error_names::FLOW_QUOTA,
            ErrorClass::Invalid => error_names::FLOW_INVALID,
            ErrorClass::Failed => error_names::FLOW_FAILED,
        }
    }
}

/// The way to continue an execution after a step has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepRemedy {
    /// A new execution: a resume would fail in the same way.
    NewExecution,
    /// A resume, once the cause is removed. Also a remedy that a later version adds.
    #[serde(other)]
    Resume,
}

/// The error of a failed call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepError {
    /// Its class.
    pub class: ErrorClass,
    /// The cause in a sentence, or the service's message if the service returned one.
    pub cause: String,
    /// The call, in IAM's words, such as `ec2:CreateVpc`.
    pub action: Option<String>,
    /// The service's error code, such as `VpcLimitExceeded`.
    pub code: Option<String>,
    /// The service's request id.
    pub request_id: Option<String>,
    /// The repair; `None` if a resume is enough.
    pub hint: Option<String>,
    /// The way to continue the execution after the repair in the hint. `None` in errors that earlier versions have written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<StepRemedy>,
    /// The error name that `Retry` and `Catch` match instead of the class's, such as `Lambda.TooManyRequestsException`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl StepError {
    /// An error of `class` with this cause. A resume is its remedy.
    pub fn new(class: ErrorClass, cause: impl Into<String>) -> Self {
        StepError {
            class,
            cause: cause.into(),
            action: None,
            code: None,
            request_id: None,
            hint: None,
            remedy: Some(StepRemedy::Resume),
            name: None,
        }
    }

    /// An error with a given name, as AWS's integrations have.
    pub fn named(name: impl Into<String>, cause: impl Into<String>) -> Self {
        StepError { name: Some(name.into()), ..StepError::new(ErrorClass::Failed, cause) }
    }

    /// The error name that `Retry` and `Catch` match.
    pub fn error_name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.class.error_name())
    }

    /// Whether the settings of this machine refused the step, without a call. A repeated attempt is refused too, until a person changes
    /// the settings and resumes.
    pub fn is_refused_here(&self) -> bool {
        self.class == ErrorClass::Permission && self.action.is_none() && self.name.is_none()
    }

    /// The error of a call of an integration that has no step. No rule of `Retry` or `Catch` matches it.
    pub(crate) fn missing_step(cause: impl Into<String>) -> Self {
        let code = Some(error_names::INTEGRATION_WITHOUT_STEP.to_owned());
        StepError { code, ..StepError::named(error_names::RUNTIME, cause) }
    }

    /// Whether the call was not made because the integration has no step.
    pub(crate) fn is_missing_step(&self) -> bool {
        self.code.as_deref() == Some(error_names::INTEGRATION_WITHOUT_STEP)
    }

    /// The error of a Task that cannot be scheduled because its activity does not exist. No rule of `Retry` or `Catch` matches it.
    pub(crate) fn missing_activity(activity: &str) -> Self {
        let cause = format!("The activity {activity} does not exist.");
        let code = Some(error_names::ACTIVITY_MUST_EXIST.to_owned());
        StepError { code, ..StepError::named(error_names::RUNTIME, cause) }
    }

    /// Whether the Task was not scheduled because its activity does not exist.
    pub fn is_missing_activity(&self) -> bool {
        self.code.as_deref() == Some(error_names::ACTIVITY_MUST_EXIST)
    }

    /// Adds the name of the call.
    pub fn during(mut self, action: &str) -> Self {
        self.action = Some(action.to_owned());
        self
    }

    /// Adds the repair, after which a resume continues. The display adds the command that continues: a resume, or the same command if
    /// nothing has begun.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        self.with_remedy(hint, StepRemedy::Resume)
    }

    /// Adds the repair, after which only a new execution succeeds. The display adds the command.
    pub fn hint_of_new_execution(self, hint: impl Into<String>) -> Self {
        self.with_remedy(hint, StepRemedy::NewExecution)
    }

    /// Adds the repair, and how the execution continues after it.
    pub fn with_remedy(mut self, hint: impl Into<String>, remedy: StepRemedy) -> Self {
        (self.hint, self.remedy) = (Some(hint.into()), Some(remedy));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn errors_of_other_versions_are_read() {
        let error = StepError::new(ErrorClass::Failed, "why").hint_of_new_execution("Delete it.");
        let mut written = serde_json::to_value(&error).unwrap();
        assert_eq!(serde_json::from_value::<StepError>(written.clone()).unwrap(), error);
        written["remedy"] = "Ask".into();
        let remedy = |written: &serde_json::Value| serde_json::from_value::<StepError>(written.clone()).unwrap().remedy;
        assert_eq!(remedy(&written), Some(StepRemedy::Resume), "a later version has added a remedy");
        written.as_object_mut().unwrap().remove("remedy");
        assert_eq!(remedy(&written), None, "an earlier version has no field for it");
    }

    #[test]
    fn the_last_hint_decides_the_remedy() {
        let error = StepError::new(ErrorClass::Failed, "why");
        assert_eq!(error.remedy, Some(StepRemedy::Resume));
        let error = error.hint_of_new_execution("Delete it.");
        assert_eq!(error.remedy, Some(StepRemedy::NewExecution));
        assert_eq!(error.hint("Log in.").remedy, Some(StepRemedy::Resume));
    }
}
