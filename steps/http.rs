//! HTTP tasks: any HTTPS API, with credentials that the workflow never sees.
//! Source: Step Functions Developer Guide, "Call HTTPS APIs in Step Functions workflows".

mod connection;
mod form;
mod request;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use serde_json::{Map, Value, json};

use connection::Connection;
use request::Call;

use crate::local::LocalSettings;

/// The longest a request may take, as AWS has it.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(60);
/// The largest answer, in bytes, as AWS has it.
const RESPONSE_BYTES_MAX: usize = 262_144;

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

async fn invoke(settings: Arc<LocalSettings>, _context: StepContext, input: Value) -> StepResult<Value> {
    let call = Call::read(&input)?;
    let connection = Connection::find(settings.connections.as_deref(), call.connection.as_deref())?;
    perform(&call, &connection).await
}

async fn perform(call: &Call, connection: &Connection) -> StepResult<Value> {
    let mut answer = send(call, connection, false).await?;
    // A token may have been taken back before its time.
    if answer.status().as_u16() == 401 && connection.has_token() {
        answer = send(call, connection, true).await?;
    }
    told(answer).await
}

async fn send(call: &Call, connection: &Connection, anew: bool) -> Result<reqwest::Response, StepError> {
    let client = client()?;
    let additions = connection.additions(client, anew).await?;
    let request = call.request(client, &additions)?;
    client.execute(request).await.map_err(|error| socket(&error))
}

/// One for all, so that connections to a host are used again.
fn client() -> Result<&'static reqwest::Client, StepError> {
    static CLIENT: OnceLock<Result<reqwest::Client, String>> = OnceLock::new();
    let make = || {
        let builder = reqwest::Client::builder().timeout(REQUEST_TIME_MAX).redirect(reqwest::redirect::Policy::none());
        builder.build().map_err(|error| error.to_string())
    };
    CLIENT.get_or_init(make).as_ref().map_err(|error| StepError::new(ErrorClass::Unknown, error.clone()))
}

/// The connection failed, or took too long; what of it the other side saw is not known.
fn socket(error: &reqwest::Error) -> StepError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = match error.is_timeout() {
        true => format!("The request took longer than {} seconds.", REQUEST_TIME_MAX.as_secs()),
        // Without the address, whose query may hold a key.
        false => cause.to_string(),
    };
    StepError::named("States.Http.Socket", text)
}

async fn told(answer: reqwest::Response) -> StepResult<Value> {
    let status = answer.status();
    let mut headers = Map::new();
    for (name, value) in answer.headers() {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        if let Some(values) = headers.entry(name.as_str()).or_insert_with(|| json!([])).as_array_mut() {
            values.push(value.into());
        }
    }
    let body = text(answer).await?;
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

async fn text(mut answer: reqwest::Response) -> Result<String, StepError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| socket(&error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > RESPONSE_BYTES_MAX {
            let cause = format!("The response is larger than {RESPONSE_BYTES_MAX} bytes.");
            return Err(StepError::named("States.DataLimitExceeded", cause));
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
