//! HTTP tasks: call any HTTPS API with credentials that the workflow never receives.
//! Source: Step Functions Developer Guide, "Call HTTPS APIs in Step Functions workflows".

mod arguments;
mod connection;
mod declaration;
mod form;
mod request;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use engine::step::{
    Answer, Done, ErrorClass, PAYLOAD_BYTES_MAX, Registry, StepContext, StepError, StepResult, error_names,
};
use serde_json::{Map, Value, json};

use arguments::{HttpAnswer, HttpCall};
use connection::Connection;
pub(crate) use connection::declarations;
use request::Call;

use crate::local_settings::LocalSettings;

/// The longest duration of a request, as on AWS.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(60);
/// The largest answer, in bytes, as on AWS.
const RESPONSE_BYTES_MAX: usize = PAYLOAD_BYTES_MAX;

pub(crate) fn register(registry: &mut Registry, settings: &Arc<LocalSettings>) {
    step!(
        registry,
        settings,
        "aws:http:invoke",
        "Calls an HTTPS API with the credentials of a connection that FLOW_CONNECTIONS declares.",
        ["states:InvokeHTTPEndpoint"],
        invoke
    );
}

async fn invoke(settings: Arc<LocalSettings>, context: StepContext, input: HttpCall) -> StepResult<HttpAnswer> {
    let call = Call::read(&input.0)?;
    let connection = Connection::find(settings.connections.as_deref(), call.connection.as_deref())?;
    let time_left = context.deadline_ms.map(|due| Duration::from_millis(due.saturating_sub(context.now_ms)));
    Ok(match perform(&call, &connection, time_left.unwrap_or(REQUEST_TIME_MAX)).await? {
        Answer::Done(Done { output, changes, .. }) => Answer::Done(Done::new(HttpAnswer(output), changes)),
        Answer::Pending(pending) => Answer::Pending(pending),
    })
}

/// Makes the call within AWS's limit and the state's remaining time, including fetching a token and a second attempt.
async fn perform(call: &Call, connection: &Connection, time_left: Duration) -> StepResult<Value> {
    let late = match time_left < REQUEST_TIME_MAX {
        true => StepError::named(error_names::TIMEOUT, ""),
        false => StepError::named(error_names::HTTP_SOCKET, took_too_long()),
    };
    tokio::time::timeout(time_left.min(REQUEST_TIME_MAX), tried_twice(call, connection)).await.map_err(|_| late)?
}

fn took_too_long() -> String {
    format!("The request took longer than {} seconds.", REQUEST_TIME_MAX.as_secs())
}

async fn tried_twice(call: &Call, connection: &Connection) -> StepResult<Value> {
    let mut answer = send(call, connection, false).await?;
    // A token may have been revoked before it expired.
    if answer.status().as_u16() == 401 && connection.has_token() {
        answer = send(call, connection, true).await?;
    }
    output(answer).await
}

async fn send(call: &Call, connection: &Connection, anew: bool) -> Result<reqwest::Response, StepError> {
    let client = client()?;
    let additions = connection.additions(client, anew).await?;
    let request = call.request(client, &additions)?;
    client.execute(request).await.map_err(|error| socket(&error))
}

/// The shared client, so that connections to a host are reused.
pub(crate) fn client() -> Result<&'static reqwest::Client, StepError> {
    static CLIENT: OnceLock<Result<reqwest::Client, String>> = OnceLock::new();
    let make = || {
        let builder = reqwest::Client::builder().timeout(REQUEST_TIME_MAX).redirect(reqwest::redirect::Policy::none());
        builder.build().map_err(|error| error.to_string())
    };
    CLIENT.get_or_init(make).as_ref().map_err(|error| StepError::new(ErrorClass::Unknown, error.clone()))
}

/// The error of a connection that failed or timed out. It is unknown what the server received.
pub(crate) fn socket(error: &reqwest::Error) -> StepError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = match error.is_timeout() {
        true => took_too_long(),
        // Without the address, whose query may contain a key.
        false => cause.to_string(),
    };
    StepError::named(error_names::HTTP_SOCKET, text)
}

async fn output(answer: reqwest::Response) -> StepResult<Value> {
    let status = answer.status();
    let mut headers = Map::new();
    for (name, value) in answer.headers() {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        if let Some(values) = headers.entry(name.as_str()).or_insert_with(|| json!([])).as_array_mut() {
            values.push(value.into());
        }
    }
    let body = String::from_utf8_lossy(&body(answer, RESPONSE_BYTES_MAX).await?).into_owned();
    if !status.is_success() {
        return Err(StepError::named(format!("States.Http.StatusCode.{}", status.as_u16()), body));
    }
    let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
    Ok(Answer::done(json!({
        "Headers": headers,
        "ResponseBody": body,
        "StatusCode": status.as_u16(),
        "StatusText": status.canonical_reason().unwrap_or_default(),
    })))
}

/// The body of an answer, at most `bytes_max`.
pub(crate) async fn body(mut answer: reqwest::Response, bytes_max: usize) -> Result<Vec<u8>, StepError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| socket(&error))? {
        if bytes.len() + chunk.len() > bytes_max {
            let cause = format!("The response is larger than {bytes_max} bytes.");
            return Err(StepError::named(error_names::DATA_LIMIT_EXCEEDED, cause));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
