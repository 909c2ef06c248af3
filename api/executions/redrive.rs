//! Redriving executions that did not end well.

use engine::machine::{ExecutionHeader, ExecutionStatus};
use serde::Deserialize;
use serde_json::json;

use crate::{
    Answer, Api, Fault, arn,
    records::{Redrive, execution_key, seconds},
};

/// How many client tokens are remembered, and for how long (API Reference, RedriveExecution, `clientToken`).
const TOKENS_KEPT: usize = 10;
const TOKEN_KEPT_MS: u64 = 15 * 60 * 1_000;

/// A request of RedriveExecution.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    execution_arn: String,
    #[serde(default)]
    client_token: Option<String>,
}

impl Api {
    pub(crate) async fn redrive_execution(&self, request: Request) -> Answer {
        let id = arn::standard_execution(&request.execution_arn)?;
        let _starting = self.starting.lock(&id).await;
        let (header, mut started) = self.header(&id)?;
        let now = self.now_ms();
        let repeated = |redrive: &&Redrive| {
            redrive.client_token.is_some()
                && redrive.client_token == request.client_token
                && now.saturating_sub(redrive.at_ms) < TOKEN_KEPT_MS
        };
        if let Some(earlier) = started.redrives.iter().find(repeated) {
            return Ok(json!({ "redriveDate": seconds(earlier.at_ms) }));
        }
        if let Some(reason) = refusal(&header) {
            return Err(Fault::new("ExecutionNotRedrivable", reason));
        }
        self.runner.resume(&id).await?;
        let surplus = (started.redrives.len() + 1).saturating_sub(TOKENS_KEPT);
        started.redrives.drain(..surplus);
        started.redrives.push(Redrive { at_ms: now, client_token: request.client_token });
        // After the redrive: a token that is remembered for one that never was would hide the failure.
        self.put(&execution_key(&id), &started)?;
        Ok(json!({ "redriveDate": seconds(now) }))
    }
}

/// Why an execution cannot be redriven, if it cannot (Developer Guide, Redriving executions).
pub(super) fn refusal(header: &ExecutionHeader) -> Option<String> {
    if header.id.split(':').count() > 2 {
        return Some("Express executions cannot be redriven".to_owned());
    }
    match header.status {
        ExecutionStatus::Running => Some("Execution is RUNNING and cannot be redriven".to_owned()),
        ExecutionStatus::Succeeded => Some("Execution is SUCCEEDED and cannot be redriven".to_owned()),
        _ => None,
    }
}
