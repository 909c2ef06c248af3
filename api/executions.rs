//! Executions: starting, stopping, going on, describing, listing.

mod list;
mod start;

use engine::machine::{ExecutionHeader, ExecutionStatus};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Answer, Api, Fault, arn,
    records::{Execution, execution_key, seconds, set},
};

pub(crate) use start::new_uuid;

/// A request that names an execution.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Named {
    execution_arn: String,
    #[serde(default)]
    included_data: IncludedData,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum IncludedData {
    #[default]
    AllData,
    MetadataOnly,
}

/// A request of StopExecution.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Stop {
    execution_arn: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    cause: String,
}

impl Api {
    /// The header of an execution, and what started it.
    pub(crate) fn header(&self, id: &str) -> Result<(ExecutionHeader, Execution), Fault> {
        let missing = || {
            let arn = self.execution_arn(id);
            Fault::new("ExecutionDoesNotExist", format!("Execution Does Not Exist: '{arn}'"))
        };
        let store = self.runner.store();
        let header = store.header(id)?.ok_or_else(missing)?;
        let started = store.document(&execution_key(id))?.ok_or_else(missing)?;
        Ok((header, started))
    }

    pub(crate) async fn stop_execution(&self, request: Stop) -> Answer {
        let id = arn::execution(&request.execution_arn)?;
        let (header, _) = self.header(&id)?;
        if header.status != ExecutionStatus::Running {
            return Ok(json!({ "stopDate": seconds(header.stopped_ms.unwrap_or_default()) }));
        }
        self.runner.cancel(&id, &request.error, &request.cause).await?;
        let (header, _) = self.header(&id)?;
        Ok(json!({ "stopDate": seconds(header.stopped_ms.unwrap_or_else(|| self.now_ms())) }))
    }

    pub(crate) async fn redrive_execution(&self, request: Named) -> Answer {
        let id = arn::execution(&request.execution_arn)?;
        let (header, _) = self.header(&id)?;
        if let Some(reason) = not_redrivable(&header) {
            return Err(Fault::new("ExecutionNotRedrivable", reason));
        }
        self.runner.resume(&id).await?;
        Ok(json!({ "redriveDate": seconds(self.now_ms()) }))
    }

    pub(crate) fn describe_execution(&self, request: &Named) -> Answer {
        let id = arn::execution(&request.execution_arn)?;
        let (header, started) = self.header(&id)?;
        let mut answer = self.summary(&header, &started);
        if request.included_data == IncludedData::AllData {
            let included = json!({ "included": true });
            answer["input"] = started.input.clone().into();
            answer["inputDetails"] = included.clone();
            if let Some(output) = &header.output {
                answer["output"] = output.to_string().into();
                answer["outputDetails"] = included;
            }
            let failure = header.failure.as_ref();
            let told = |text: &String| (!text.is_empty()).then(|| text.clone());
            set(&mut answer, "error", failure.and_then(|failure| told(&failure.error)));
            set(&mut answer, "cause", failure.and_then(|failure| told(&failure.cause)));
        }
        set(&mut answer, "traceHeader", started.trace_header);
        let reason = not_redrivable(&header);
        answer["redriveStatus"] = if reason.is_some() { "NOT_REDRIVABLE" } else { "REDRIVABLE" }.into();
        set(&mut answer, "redriveStatusReason", reason);
        Ok(answer)
    }

    /// What a list shows of an execution.
    fn summary(&self, header: &ExecutionHeader, started: &Execution) -> Value {
        let mut answer = json!({
            "executionArn": self.execution_arn(&header.id), "stateMachineArn": self.state_machine_arn(&started.machine),
            "name": started.name, "status": header.status, "startDate": seconds(header.started_ms),
            "redriveCount": header.redrive_count,
        });
        set(&mut answer, "stopDate", header.stopped_ms.map(seconds));
        let version = started.version.map(|number| self.qualified_arn(&started.machine, &number.to_string()));
        set(&mut answer, "stateMachineVersionArn", version);
        let alias = started.alias.as_ref().map(|alias| self.qualified_arn(&started.machine, alias));
        set(&mut answer, "stateMachineAliasArn", alias);
        answer
    }

    pub(crate) fn describe_for_execution(&self, request: &Named) -> Answer {
        let id = arn::execution(&request.execution_arn)?;
        let (_, started) = self.header(&id)?;
        let (_, definition) = self.runner.store().definition(&id)?.unwrap_or_default();
        let qualified = started.version.map(|number| self.qualified_arn(&started.machine, &number.to_string()));
        let arn = qualified.unwrap_or_else(|| self.state_machine_arn(&started.machine));
        let mut answer = json!({
            "stateMachineArn": arn, "name": started.machine, "definition": definition.to_string(),
            "roleArn": started.role_arn, "updateDate": seconds(started.updated_ms),
        });
        set(&mut answer, "revisionId", started.revision_id);
        Ok(answer)
    }
}

/// Why an execution cannot be redriven, if it cannot (Developer Guide, Redriving executions).
fn not_redrivable(header: &ExecutionHeader) -> Option<String> {
    if header.id.split(':').count() > 2 {
        return Some("Express executions cannot be redriven".to_owned());
    }
    match header.status {
        ExecutionStatus::Running => Some("Execution is RUNNING and cannot be redriven".to_owned()),
        ExecutionStatus::Succeeded => Some("Execution is SUCCEEDED and cannot be redriven".to_owned()),
        _ => None,
    }
}
