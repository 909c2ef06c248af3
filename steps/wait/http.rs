//! Waits for a URL.

use std::{collections::BTreeMap, sync::Arc};

use engine::step::{Answer, ErrorClass, PAYLOAD_BYTES_MAX, StepContext, StepError, StepResult};
use regex::Regex;
use reqwest::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{not_yet, within};
use crate::{http, local_settings::LocalSettings};

/// The number of bytes of a body that are read.
const BODY_BYTES_MAX: usize = PAYLOAD_BYTES_MAX;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct WaitForHttp {
    /// Such as `https://example.com/health`.
    #[schemars(regex(pattern = r"^https?://"))]
    url: String,
    /// GET or HEAD: a poll changes nothing.
    #[serde(default)]
    method: Verb,
    /// Headers of the request.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The expected statuses; default any of 200 to 299.
    #[serde(default)]
    status: Vec<u16>,
    /// A regular expression that the body must match.
    #[serde(default)]
    body_matches: Option<String>,
    /// Seconds between two polls, 1 to 3600; default 10.
    #[serde(default = "super::interval_default")]
    #[schemars(range(min = 1, max = 3600))]
    interval_seconds: u64,
}

#[derive(Debug, Default, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Verb {
    #[default]
    Get,
    Head,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Answered {
    url: String,
    status: u16,
}

/// Why a text cannot be `BodyMatches`; `None` if it can.
pub fn refused_body_pattern(pattern: &str) -> Option<String> {
    body_pattern(pattern).err()
}

fn body_pattern(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| {
        // The error shows the pattern over several lines, and the reason in the last one.
        let drawn = error.to_string();
        let reason = drawn.lines().last().unwrap_or_default().trim_start_matches("error: ");
        format!(
            "BodyMatches is no regular expression: {reason}. A backslash makes a character such as ( or [ literal, and look-around and \
             backreferences do not exist"
        )
    })
}

pub(super) async fn wait(_: Arc<LocalSettings>, context: StepContext, input: WaitForHttp) -> StepResult<Answered> {
    let pattern = match &input.body_matches {
        Some(pattern) => Some(body_pattern(pattern).map_err(invalid)?),
        None => None,
    };
    match within(&context, "no answer", poll(&input, pattern.as_ref())).await {
        Ok(Ok(Ok(status))) => Ok(Answer::done(Answered { url: input.url, status })),
        Ok(Ok(Err(reason))) => not_yet(&context, reason, input.interval_seconds),
        Ok(Err(error)) => Err(error),
        Err(reason) => not_yet(&context, reason, input.interval_seconds),
    }
}

/// Polls once. Returns the status, or the reason to continue waiting.
async fn poll(input: &WaitForHttp, pattern: Option<&Regex>) -> Result<Result<u16, String>, StepError> {
    let method = match input.method {
        Verb::Get => Method::GET,
        Verb::Head => Method::HEAD,
    };
    let mut request = http::client()?.request(method, &input.url);
    for (name, value) in &input.headers {
        request = request.header(name, value);
    }
    let request = request.build().map_err(|error| invalid(format!("{}: {error}", input.url)))?;
    if !matches!(request.url().scheme(), "http" | "https") {
        return Err(invalid(format!("{}: only URLs that begin with http:// or https:// are polled", input.url)));
    }
    let answer = match http::client()?.execute(request).await {
        Ok(answer) => answer,
        Err(error) => return Ok(Err(http::socket(&error).cause)),
    };
    let status = answer.status().as_u16();
    let wanted = if input.status.is_empty() { answer.status().is_success() } else { input.status.contains(&status) };
    if !wanted {
        return Ok(Err(format!("HTTP {status}")));
    }
    let Some(pattern) = pattern else { return Ok(Ok(status)) };
    Ok(match http::body(answer, BODY_BYTES_MAX).await {
        Ok(body) if pattern.is_match(&String::from_utf8_lossy(&body)) => Ok(status),
        Ok(_) => Err(format!("HTTP {status}, but the body does not match")),
        Err(error) => Err(error.cause),
    })
}

fn invalid(cause: String) -> StepError {
    StepError::new(ErrorClass::Invalid, cause)
}
