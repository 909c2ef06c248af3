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
    /// Goes on with an execution, named by its id: after a pause, or, as RedriveExecution, after it did not end well.
    ///
    /// # Errors
    /// There is none of that id, it has succeeded, or the store fails.
    pub async fn resume(&self, id: &str) -> Result<(), Fault> {
        let (header, started) = self.header(id)?;
        match header.status {
            ExecutionStatus::Running => Ok(self.runner.resume(id).await?),
            _ if id.contains(':') => self.redrive(id, None).await.map(drop),
            _ => self.redrive(&started.qualified_name(), None).await.map(drop),
        }
    }

    pub(crate) async fn redrive_execution(&self, request: Request) -> Answer {
        let id = arn::standard_execution(&request.execution_arn)?;
        let redriven_ms = self.redrive(&id, request.client_token).await?;
        Ok(json!({ "redriveDate": seconds(redriven_ms) }))
    }

    /// Goes on with an execution that did not end well; answers when it did, in milliseconds since the Unix epoch.
    async fn redrive(&self, id: &str, client_token: Option<String>) -> Result<u64, Fault> {
        let _starting = self.starting.lock(id).await;
        let (header, mut started) = self.header(id)?;
        let now = self.now_ms();
        let repeated = |redrive: &&Redrive| {
            redrive.client_token.is_some()
                && redrive.client_token == client_token
                && now.saturating_sub(redrive.at_ms) < TOKEN_KEPT_MS
        };
        if let Some(earlier) = started.redrives.iter().find(repeated) {
            return Ok(earlier.at_ms);
        }
        if let Some(reason) = refusal(&header) {
            return Err(Fault::new("ExecutionNotRedrivable", reason));
        }
        self.runner.resume(&header.id).await?;
        let surplus = (started.redrives.len() + 1).saturating_sub(TOKENS_KEPT);
        started.redrives.drain(..surplus);
        started.redrives.push(Redrive { at_ms: now, client_token });
        // After the redrive: a token that is remembered for one that never was would hide the failure.
        self.put(&execution_key(&header.id), &started)?;
        Ok(now)
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
