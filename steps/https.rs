//! Checks the application over HTTPS, as its users reach it.

use std::{sync::Arc, time::Duration};

use engine::step::{Answer, Registry, StepContext, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Environment;

pub(crate) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "https:waitForAnswer",
        "Waits until a page answers 200 over HTTPS with a certificate that is trusted.",
        [],
        wait_for_answer
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WaitForAnswer {
    url: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Answered {
    status: u16,
    url: String,
}

async fn wait_for_answer(
    environment: Arc<Environment>,
    context: StepContext,
    input: WaitForAnswer,
) -> StepResult<Answered> {
    let reason = match environment.https().get(&input.url).send().await {
        Ok(answer) if answer.status().as_u16() == 200 => {
            return Ok(Answer::done(Answered { status: 200, url: input.url }));
        }
        Ok(answer) => format!("HTTP {}", answer.status().as_u16()),
        Err(error) => why(&error),
    };
    Ok(Answer::pending(reason, context.poll_interval(Duration::from_secs(5), Duration::from_secs(60))))
}

/// The innermost cause in a few words, for people: the outer causes only repeat the address. It is recognized by its text, because the
/// libraries of TLS and DNS have different error types.
fn why(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    let lower = text.to_lowercase();
    if error.is_timeout() {
        "no answer in time".to_owned()
    } else if lower.contains("certificate") {
        format!("certificate not trusted: {text}")
    } else if lower.contains("refused") {
        "connection refused".to_owned()
    } else if lower.contains("lookup") || lower.contains("resolve") || lower.contains("no record") {
        "no address".to_owned()
    } else {
        text
    }
}
