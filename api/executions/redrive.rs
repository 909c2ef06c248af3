//! Redrives executions that failed, timed out or were aborted.

use engine::machine::{ExecutionHeader, ExecutionStatus, Reentry};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Answer, Api, Fault, arn,
    fault::{EXPRESS_NOT_REDRIVABLE, not_redrivable},
    records::{Redrive, execution_key, seconds},
};

/// The number of client tokens that are stored for each execution, and for how long (API Reference, RedriveExecution, `clientToken`).
const TOKENS_KEPT: usize = 10;
const TOKEN_KEPT_MS: u64 = 15 * 60 * 1_000;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// The limits of a redrive: time since the end, and time since the start (Developer Guide, "Redriving executions").
const REDRIVABLE_MS: u64 = 14 * DAY_MS;
const EXECUTION_MS_MAX: u64 = 365 * DAY_MS;
const REDRIVABLE_EVENTS_MAX: u64 = 24_999;

/// A request of RedriveExecution.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RedriveRequest {
    execution_arn: String,
    #[serde(default)]
    client_token: Option<String>,
}

impl Api {
    /// Continues an execution after a crash, a pause or a failure. `environment`, if given, replaces the pinned environment. `from`, if not
    /// empty, names the state at which the execution continues. `known_redrives` is its number of redrives when the caller read it: of two
    /// callers that resume it at once, the second does not redrive it again. Returns the end of an execution that is not changed.
    ///
    /// # Errors
    /// The execution does not exist, it has succeeded and `from` is given, or the store fails.
    pub(crate) async fn resume(
        &self,
        id: &str,
        environment: Option<Value>,
        from: Vec<Reentry>,
        known_redrives: Option<u32>,
    ) -> Result<Option<ExecutionStatus>, Fault> {
        let (header, started) = self.header(id)?;
        let name = if id.contains(':') { id.to_owned() } else { started.qualified_name() };
        if !from.is_empty() {
            if header.status == ExecutionStatus::Running {
                self.runner.resume_from(id, environment, from).await?;
            } else {
                self.redrive(&name, None, environment, from, refusal_by_status).await?;
            }
            return Ok(None);
        }
        let is_redriven = |header: &ExecutionHeader| known_redrives.is_some_and(|known| header.redrive_count > known);
        if header.status == ExecutionStatus::Running || is_redriven(&header) {
            return Ok(self.runner.resume_unfinished(id, environment).await?);
        }
        let refusal = |header: &ExecutionHeader, now_ms: u64| {
            let redriven = is_redriven(header).then(|| "Execution has been redriven already".to_owned());
            refusal_by_status(header, now_ms).or(redriven)
        };
        match self.redrive(&name, None, environment.clone(), from, refusal).await {
            Err(fault) if fault.kind == "ExecutionNotRedrivable" => {
                let (header, _) = self.header(id)?;
                match header.status {
                    // Another caller has redriven it since its header was read.
                    ExecutionStatus::Running => Ok(self.runner.resume_unfinished(id, environment).await?),
                    ExecutionStatus::Succeeded => Ok(Some(ExecutionStatus::Succeeded)),
                    status if is_redriven(&header) => Ok(Some(status)),
                    _ => Err(fault),
                }
            }
            redriven => redriven.map(|_| None),
        }
    }

    /// The end of an execution; `None` if it has not ended or does not exist.
    pub(crate) fn end_status(&self, id: &str) -> Result<Option<ExecutionStatus>, Fault> {
        let status = self.runner.store().summary(id)?.map(|header| header.status);
        Ok(status.filter(|status| *status != ExecutionStatus::Running))
    }

    pub(crate) async fn redrive_execution(&self, request: RedriveRequest) -> Answer {
        let id = arn::standard_execution(&request.execution_arn)?;
        let redriven_ms = self.redrive(&id, request.client_token, None, Vec::new(), refusal).await?;
        Ok(json!({ "redriveDate": seconds(redriven_ms) }))
    }

    /// Redrives an execution. Returns the time of the redrive in milliseconds since the Unix epoch.
    async fn redrive(
        &self,
        id: &str,
        client_token: Option<String>,
        environment: Option<Value>,
        from: Vec<Reentry>,
        refusal: impl FnOnce(&ExecutionHeader, u64) -> Option<String>,
    ) -> Result<u64, Fault> {
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
        if let Some(reason) = refusal(&header, now).or_else(|| self.redrive_hindered(&started.machine)) {
            return Err(Fault::new("ExecutionNotRedrivable", reason));
        }
        self.runner.resume_from(&header.id, environment, from).await?;
        let surplus = (started.redrives.len() + 1).saturating_sub(TOKENS_KEPT);
        started.redrives.drain(..surplus);
        started.redrives.push(Redrive { at_ms: now, client_token });
        // After the redrive: if the redrive failed, a stored token would hide the failure from a retry.
        self.put(&execution_key(&header.id), &started)?;
        Ok(now)
    }
}

/// Why an execution cannot be redriven, or `None` (API Reference, DescribeExecution, `redriveStatusReason`).
pub(super) fn refusal(header: &ExecutionHeader, now_ms: u64) -> Option<String> {
    let since_ms = |at_ms: u64| now_ms.saturating_sub(at_ms);
    match refusal_by_status(header, now_ms) {
        Some(reason) => Some(reason),
        None if header.last_event_id >= REDRIVABLE_EVENTS_MAX => {
            Some("Execution history event limit exceeded".to_owned())
        }
        None if since_ms(header.started_ms) > EXECUTION_MS_MAX => {
            Some("Execution has exceeded the max execution time".to_owned())
        }
        None if header.stopped_ms.map(since_ms).unwrap_or_default() > REDRIVABLE_MS => {
            Some("Execution redrivable period exceeded".to_owned())
        }
        None => None,
    }
}

/// Like [`refusal`], without the limits of time and history: they do not apply to `flow resume`.
fn refusal_by_status(header: &ExecutionHeader, _now_ms: u64) -> Option<String> {
    if header.id.split(':').count() > 2 {
        return Some(EXPRESS_NOT_REDRIVABLE.to_owned());
    }
    match header.status {
        ExecutionStatus::Running => Some(not_redrivable("RUNNING")),
        ExecutionStatus::Succeeded => Some(not_redrivable("SUCCEEDED")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use engine::machine::{Execution, ExecutionStatus};
    use serde_json::json;

    use super::{DAY_MS, refusal, refusal_by_status};

    #[test]
    fn a_redrive_has_fourteen_days_and_a_history_with_room() {
        let definition = json!({ "StartAt": "A", "States": { "A": { "Type": "Succeed" } } });
        let machine = engine::asl::parse(&definition).unwrap();
        let mut header = Execution::new("m:e", "m", machine, json!({})).header;
        (header.status, header.stopped_ms) = (ExecutionStatus::Failed, Some(DAY_MS));
        assert_eq!(refusal(&header, 15 * DAY_MS), None);
        let late = refusal(&header, 15 * DAY_MS + 1);
        assert_eq!(late.as_deref(), Some("Execution redrivable period exceeded"));
        assert_eq!(refusal_by_status(&header, 15 * DAY_MS + 1), None, "flow resume has no such limit");
        header.stopped_ms = Some(366 * DAY_MS);
        let late = refusal(&header, 366 * DAY_MS);
        assert_eq!(late.as_deref(), Some("Execution has exceeded the max execution time"));
        header.last_event_id = 24_999;
        assert_eq!(refusal(&header, 0).as_deref(), Some("Execution history event limit exceeded"));
    }
}
