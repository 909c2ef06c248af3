//! The failures of the calls, in the words of Step Functions' SDK integration.

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::RequestId,
};
use engine::step::StepError;

use crate::{
    failure::{failure, of_refused_credentials},
    s3::error_name,
};

/// The failure of a call. Refused credentials pause the execution and have no name of AWS.
pub(super) fn failed<E>(action: &str, error: SdkError<E, HttpResponse>) -> StepError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    if let Some(refused) = of_refused_credentials(action, &error) {
        return refused;
    }
    let service = error.as_service_error();
    let name = match service.map(|service| service.code().unwrap_or_default()) {
        // The answer to a HEAD request has no body. AWS's SDK reports the object that is not found like GetObject's.
        Some("NotFound") => error_name("NoSuchKey"),
        Some(code) => error_name(code),
        None => "S3.SdkClientException".to_owned(),
    };
    let cause = match (service, error.raw_response()) {
        (Some(service), Some(response)) => Some(cause(service.message(), response)),
        _ => None,
    };
    let described = failure(action, error);
    StepError { name: Some(name), cause: cause.unwrap_or_else(|| described.cause.clone()), ..described }
}

/// The cause as AWS writes it (recorded in June 2023 and January 2025).
fn cause(message: Option<&str>, response: &HttpResponse) -> String {
    let status = response.status().as_u16();
    let request_id = response.request_id().unwrap_or_default();
    let extended_id = response.headers().get("x-amz-id-2").unwrap_or_default();
    let details =
        format!("(Service: S3, Status Code: {status}, Request ID: {request_id}, Extended Request ID: {extended_id})");
    match message.filter(|message| !message.is_empty()) {
        Some(message) => format!("{message} {details}"),
        None => details,
    }
}
