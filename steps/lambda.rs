//! Lambda: functions by their own ARN, and the integration `lambda:invoke`.
//! Source: Developer Guide, "Invoke an AWS Lambda function with Step Functions".

mod metadata;

use std::sync::Arc;

use aws_sdk_lambda::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
    operation::{RequestId, invoke::InvokeOutput},
    primitives::Blob,
    types::{InvocationType, LogType},
};
use engine::step::{
    Answer, Done, ErrorClass, Pattern, Registry, Resource, StepContext, StepError, StepResult, error_names,
};
use serde::de::IgnoredAny;
use serde_json::{Map, Value, json};

use crate::{Environment, approval::question_beside, failure::of_refused_credentials};
use metadata::Metadata;

impl Environment {
    /// The client for changes.
    fn lambda(&self) -> aws_sdk_lambda::Client {
        self.client_for_changes(aws_sdk_lambda::Client::new)
    }
}

pub(crate) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "aws:lambda:function",
        "Invokes the function whose ARN is the Resource; its answer is the result.",
        ["lambda:InvokeFunction"],
        call_function
    );
    step!(
        registry,
        environment,
        "aws:lambda:invoke",
        "Invokes a function; the result has its answer under Payload.",
        ["lambda:InvokeFunction"],
        invoke
    );
}

async fn call_function(environment: Arc<Environment>, context: StepContext, input: Value) -> StepResult<Value> {
    let metadata = Metadata::default();
    let call = environment.lambda().invoke().function_name(&context.resource).payload(Blob::new(input.to_string()));
    let answer = call.customize().interceptor(metadata.clone()).send().await.map_err(failed)?;
    payload(&answer).map(Answer::done)
}

async fn invoke(environment: Arc<Environment>, context: StepContext, input: Value) -> StepResult<Value> {
    let text = |name: &str| input[name].as_str().map(str::to_owned);
    let name = text("FunctionName").ok_or_else(|| {
        StepError::named(error_names::RUNTIME, "The field 'FunctionName' is required but was missing")
    })?;
    let metadata = Metadata::default();
    let mut call = environment.lambda().invoke().function_name(name).set_qualifier(text("Qualifier"));
    call = call.set_client_context(text("ClientContext"));
    call = call.set_invocation_type(text("InvocationType").map(|kind| InvocationType::from(kind.as_str())));
    // AWS sends nothing for null, and the function receives an empty object.
    if let Some(payload) = input.get("Payload").filter(|payload| !payload.is_null()) {
        call = call.payload(Blob::new(sent(payload)));
    }
    call = call.set_log_type(text("LogType").map(|kind| LogType::from(kind.as_str())));
    let answer = call.customize().interceptor(metadata.clone()).send().await.map_err(failed)?;
    let mut result = Map::new();
    if let Some(version) = answer.executed_version() {
        result.insert("ExecutedVersion".to_owned(), version.into());
    }
    // Lambda answers a request for the log tail even if the log is empty.
    if input["LogType"] == "Tail" {
        result.insert("LogResult".to_owned(), answer.log_result().unwrap_or_default().into());
    }
    result.insert("Payload".to_owned(), payload(&answer)?);
    result.extend(metadata.fields());
    result.insert("SdkResponseMetadata".to_owned(), json!({ "RequestId": answer.request_id() }));
    result.insert("StatusCode".to_owned(), answer.status_code().into());
    let question = match Resource::parse(&context.resource) {
        Resource::Integration { pattern: Pattern::WaitForTaskToken, .. } => {
            question_beside(&input, &context.task_token())
        }
        _ => None,
    };
    Ok(Answer::Done(Done { question, ..Done::new(Value::Object(result), Vec::new()) }))
}

/// The payload for a function: a text that is JSON is sent as it is, not as a JSON string (recorded).
fn sent(payload: &Value) -> String {
    match payload.as_str() {
        Some(text) if serde_json::from_str::<IgnoredAny>(text).is_ok() => text.to_owned(),
        _ => payload.to_string(),
    }
}

/// The function's answer, or its failure with the error name that it returned.
fn payload(answer: &InvokeOutput) -> Result<Value, StepError> {
    let bytes = answer.payload().map(Blob::as_ref).unwrap_or_default();
    let text = String::from_utf8_lossy(bytes);
    let value: Value = match text.is_empty() {
        // AWS shows an empty answer, such as that of an invocation as an event, as an empty object.
        true => json!({}),
        false => serde_json::from_slice(bytes).unwrap_or_else(|_| Value::String(text.clone().into_owned())),
    };
    match answer.function_error() {
        None => Ok(value),
        Some(_) => {
            let name = value["errorType"].as_str().unwrap_or("Lambda.Unknown").to_owned();
            Err(StepError::named(name, text))
        }
    }
}

fn failed<E>(error: SdkError<E, HttpResponse>) -> StepError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    if let Some(error) = of_refused_credentials("lambda:InvokeFunction", &error) {
        return error;
    }
    let Some(service) = error.as_service_error() else {
        let mut cause = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(inner) = source {
            cause = format!("{cause}: {inner}");
            source = inner.source();
        }
        return match error {
            SdkError::ConstructionFailure(_) => StepError::new(ErrorClass::Credentials, cause),
            _ => StepError::named("Lambda.SdkClientException", cause),
        };
    };
    let code = service.code().unwrap_or("Unknown").to_owned();
    let message = service.message().unwrap_or_default().to_owned();
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    let request_id = error.raw_response().and_then(RequestId::request_id).unwrap_or_default().to_owned();
    let cause = format!(
        "{message} (Service: AWSLambda; Status Code: {status}; Error Code: {code}; Request ID: {request_id}; Proxy: null)"
    );
    StepError::named(format!("Lambda.{code}"), cause)
}
