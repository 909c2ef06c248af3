//! Classifies the errors of AWS calls for the engine.
//!
//! The class depends on the code on the wire, not on the SDK's variants: EC2 has none, and for other services code and
//! variant differ.

mod codes;

use std::{error::Error, time::Duration};

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;
use engine::step::{Answer, ErrorClass, StepContext, StepError, StepRemedy, StepResult};

use crate::planned::is_read;
pub use codes::{is_existing_code, is_missing_code};

/// The prefix of the ids of rehearsals.
pub const REHEARSAL_PREFIX: &str = "rehearsal-";
/// A header of every response of `flow serve`, by which clients recognize it. A proxy keeps it, unlike `server`.
pub const HEADER_OF_SERVER: &str = "x-flow-wire";
/// The hint for credentials that a `flow serve` refuses.
const HINT_OF_SERVER: &str =
    "Set FLOW_TOKEN to the server's token, or FLOW_ACCESS_KEY_ID and FLOW_SECRET_ACCESS_KEY to its key.";

/// An error and all its sources, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        source = error.source();
    }
    text
}

/// The service's error code, if it answered with one.
pub fn code_of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// Whether the service reports that the resource exists already.
pub fn already_exists<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    code_of(error).is_some_and(is_existing_code)
}

/// Whether the service reports that the resource does not exist: for a deletion that is success.
pub fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    code_of(error).is_some_and(is_missing_code)
}

/// The failure of the call `action` (an IAM action such as `ec2:CreateVpc`).
pub fn failure<E>(action: &str, error: SdkError<E, HttpResponse>) -> StepError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    described(action, &error)
}

/// The failure of a call whose credentials are missing or that the service refuses for its credentials. Its class pauses the execution.
/// Integrations whose other errors have AWS's names call this function first.
pub(crate) fn of_refused_credentials<E>(action: &str, error: &SdkError<E, HttpResponse>) -> Option<StepError>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let described = described(action, error);
    (described.class == ErrorClass::Credentials).then_some(described)
}

fn described<E>(action: &str, error: &SdkError<E, HttpResponse>) -> StepError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let request_id = error.request_id().map(str::to_owned);
    let status = error.raw_response().map(|response| response.status().as_u16());
    if let Some(error) = of_missing_credentials(action, error) {
        return error;
    }
    let code = code_of(error).map(str::to_owned);
    let message = error.as_service_error().and_then(ProvideErrorMetadata::message).map(str::to_owned);
    let class = class_of(error, code.as_deref(), message.as_deref().unwrap_or_default(), status);
    let cause = message.unwrap_or_else(|| cause_without_message(action, error, status));
    let is_flow = error.raw_response().is_some_and(|response| response.headers().get(HEADER_OF_SERVER).is_some());
    let of_code = match code.as_deref() {
        Some(_) if is_flow && class == ErrorClass::Credentials => Some((HINT_OF_SERVER, StepRemedy::Resume)),
        Some(code) => codes::refusal(code, &cause).map(|(_, advice)| (advice.hint, advice.remedy)),
        None => None,
    };
    let action_refused = codes::refused_action(&cause).unwrap_or(action);
    let of_policy = || (class == ErrorClass::Permission).then(|| hint_of_policy(&cause, action_refused)).flatten();
    let of_class = || of_policy().or_else(|| hint(class, action_refused));
    let (hint, remedy) = match of_code {
        Some((hint, remedy)) => (Some(hint.to_owned()), remedy),
        None => (of_class(), StepRemedy::Resume),
    };
    StepError {
        class,
        cause,
        action: Some(action.to_owned()),
        code,
        request_id,
        hint,
        remedy: Some(remedy),
        name: None,
    }
}

/// As [`failure`], but NotFound for an id that this execution created, `id` or one in the service's message, is
/// eventual consistency and becomes `NotConsistentYet`.
pub fn failure_for<E>(context: &StepContext, id: &str, action: &str, error: SdkError<E, HttpResponse>) -> StepError
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let mut failure = failure(action, error);
    let made_here = context.created.contains_key(id) || context.created.keys().any(|made| failure.cause.contains(made));
    if failure.class == ErrorClass::NotFound && made_here {
        failure.class = ErrorClass::NotConsistentYet;
        // Retries end after minutes. A repeated call does not find it either if someone has deleted it.
        let hint = format!("If it was deleted meanwhile, a new run makes it again:   {}", run_again(context, ""));
        failure = failure.hint_of_new_execution(hint);
    }
    failure
}

/// The command that starts a new run with the input of this execution and `more` options.
pub(crate) fn run_again(context: &StepContext, more: &str) -> String {
    let rehearse = if context.execution.starts_with(REHEARSAL_PREFIX) { " --rehearse" } else { "" };
    format!("flow run --again {}{rehearse}{more}", context.execution)
}

/// For steps that only poll: continues the wait after an error that will pass.
///
/// # Errors
/// Any other error.
pub fn poll_again_or<T>(error: StepError, context: &StepContext) -> StepResult<T> {
    let reason = match error.class {
        ErrorClass::Throttled => "throttled; polling again",
        ErrorClass::Unknown => "no answer; polling again",
        ErrorClass::NotConsistentYet => "not known everywhere yet; polling again",
        _ => return Err(error),
    };
    tracing::debug!(%error, "polling again");
    Ok(Answer::pending(reason, context.poll_interval(Duration::from_secs(5), Duration::from_secs(60))))
}

/// The failure of a creating step whose name is used by a resource of another owner.
pub fn name_taken(kind: &str, name: &str, deployment: &str, owner: Option<&str>) -> StepError {
    let whose = match owner {
        Some(owner) => format!("deployment {owner}"),
        None => "something that carries no tags of a deployment".to_owned(),
    };
    StepError::new(ErrorClass::NameTaken, format!("{kind} {name} exists and belongs to {whose}, not to {deployment}"))
        .hint(format!("Delete or rename it, or choose another name for the deployment than {deployment}."))
}

/// The failure of a creating step that found several matches and does not choose one.
pub fn more_than_one(kind: &str, deployment: &str, ids: &[String]) -> StepError {
    StepError::new(
        ErrorClass::Invalid,
        format!("{} {kind}s carry the tags of deployment {deployment}: {}", ids.len(), ids.join(", ")),
    )
    .hint("Delete all but one.")
}

fn class_of<E>(
    error: &SdkError<E, HttpResponse>,
    code: Option<&str>,
    message: &str,
    status: Option<u16>,
) -> ErrorClass {
    match (error, code) {
        (SdkError::ConstructionFailure(_), _) => ErrorClass::Invalid,
        (SdkError::ServiceError(_), Some(code)) => codes::class_of_code(code, message, status),
        (SdkError::ServiceError(_) | SdkError::ResponseError(_), _) => codes::class_of_status(status),
        _ => ErrorClass::Unknown,
    }
}

/// The failure of a call that was not made because its credentials are missing or belong to another account. Its class
/// pauses the execution.
pub(crate) fn of_missing_credentials(action: &str, error: &(dyn Error + 'static)) -> Option<StepError> {
    match reported_by_a_provider(error) {
        Some(error) => Some(error.during(action)),
        None => names_missing_credentials(error).then(|| credentials_error(action, &chain(error))),
    }
}

/// The failure of a credentials provider.
pub(crate) fn of_credentials(action: &str, error: &CredentialsError) -> StepError {
    match reported_by_a_provider(error) {
        Some(error) => error.during(action),
        None => credentials_error(action, &chain(error)),
    }
}

/// The error of a credentials provider of this crate, such as credentials of another account.
fn reported_by_a_provider(error: &(dyn Error + 'static)) -> Option<StepError> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(reported) = error.downcast_ref::<StepError>() {
            return Some(reported.clone());
        }
        next = error.source();
    }
    None
}

fn names_missing_credentials(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<CredentialsError>() {
            return true;
        }
        next = error.source();
    }
    false
}

fn credentials_error(action: &str, cause: &str) -> StepError {
    let mut error = StepError::new(ErrorClass::Credentials, format!("no AWS credentials could be loaded: {cause}"));
    error.hint = hint(ErrorClass::Credentials, action);
    error.during(action)
}

fn cause_without_message<E: Error + 'static>(
    action: &str,
    error: &SdkError<E, HttpResponse>,
    status: Option<u16>,
) -> String {
    match (error, status) {
        (SdkError::ServiceError(_) | SdkError::ResponseError(_), Some(status)) => {
            format!("the service answered HTTP {status} with nothing readable")
        }
        (SdkError::TimeoutError(_), _) if changes_nothing(action) => "no answer in time".to_owned(),
        (SdkError::TimeoutError(_), _) => "no answer in time; whether the call took effect is not known".to_owned(),
        (SdkError::DispatchFailure(failure), _) => {
            let detail = failure.as_connector_error().map(|error| chain(error)).unwrap_or_default();
            format!("the service could not be reached or its answer was lost: {detail}")
        }
        _ => chain(error),
    }
}

/// Whether a call without an answer has no effect. A task that is fetched is not offered to others.
fn changes_nothing(action: &str) -> bool {
    is_read(action) && action != "states:GetActivityTask"
}

/// The hint for a refusal that names the policy which denies the action, if to allow the action in IAM is not enough.
fn hint_of_policy(message: &str, action: &str) -> Option<String> {
    let policy = codes::denying_policy(message)?;
    let hint = match (codes::is_explicit_deny(message), policy) {
        (false, "identity-based policy") => return None,
        (true, "service control policy" | "resource control policy") => format!(
            "A {policy} of the organization denies {action}, whatever IAM allows: its administrator must change it."
        ),
        (true, _) => format!("A {policy} denies {action}, whatever others allow: remove the deny."),
        (false, _) => format!("Allow {action} in the {policy} too."),
    };
    Some(hint)
}

fn hint(class: ErrorClass, action: &str) -> Option<String> {
    let hint = match class {
        ErrorClass::Credentials => {
            "Get new credentials (such as `aws sso login`, or AWS_PROFILE set to another profile).".to_owned()
        }
        ErrorClass::Permission => format!("Allow {action} to this identity in IAM."),
        ErrorClass::Quota => "Ask for a higher quota in Service Quotas or delete what is not needed.".to_owned(),
        _ => return None,
    };
    Some(hint)
}

#[cfg(test)]
mod tests;
