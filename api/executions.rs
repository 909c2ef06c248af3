//! Executions: starting, stopping, redriving, describing, listing.

pub(crate) mod input;
mod list;
mod redrive;
mod start;

use std::sync::Arc;

use engine::machine::{ExecutionHeader, ExecutionStatus};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Answer, Api, Fault, arn,
    map_runs::{ChildExecution, processor},
    records::{StartedExecution, StateMachineRecord, execution_key, input_key, seconds, set},
    request::IncludedData,
    state_machines::settings,
    variables,
};

pub(crate) use list::ListExecutionsRequest;
pub(crate) use redrive::RedriveRequest;
pub(crate) use start::{PreparedStart, StartRequest};

/// A request that names an execution.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExecutionRequest {
    execution_arn: String,
    #[serde(default)]
    included_data: IncludedData,
}

/// A request of StopExecution.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StopRequest {
    execution_arn: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    cause: String,
}

impl Api {
    /// The header and the API document of an execution, by the engine's id or by the end of its ARN (`MACHINE:NAME`).
    pub(crate) fn header(&self, id: &str) -> Result<(ExecutionHeader, StartedExecution), Fault> {
        let found = match (self.stored_execution(id)?, id.split_once(':')) {
            (None, Some((machine, name))) => {
                self.stored_execution(name)?.filter(|(_, started)| started.machine == machine)
            }
            (found, _) => found,
        };
        found.ok_or_else(|| Fault::no_execution_with(&self.execution_arn(id)))
    }

    /// The header of an execution, without its input.
    pub(crate) fn header_of(&self, id: &str) -> Result<ExecutionHeader, Fault> {
        self.runner.store().summary(id)?.ok_or_else(|| Fault::no_execution(id))
    }

    /// The execution with this id and its API document, if the store has both.
    fn stored_execution(&self, id: &str) -> Result<Option<(ExecutionHeader, StartedExecution)>, Fault> {
        let store = self.runner.store();
        let started = store.document::<StartedExecution>(&execution_key(id))?;
        let Some((header, mut started)) = store.header(id)?.zip(started) else { return Ok(None) };
        // The text is stored only if the client wrote the input in another form than the engine does.
        started.input = store.document(&input_key(id))?.unwrap_or_else(|| header.input.to_string());
        Ok(Some((header, started)))
    }

    pub(crate) async fn stop_execution(&self, request: StopRequest) -> Answer {
        let id = arn::standard_execution(&request.execution_arn)?;
        let (header, _) = self.header(&id)?;
        if header.status != ExecutionStatus::Running {
            return Ok(json!({ "stopDate": seconds(header.stopped_ms.unwrap_or_default()) }));
        }
        self.runner.cancel(&header.id, &request.error, &request.cause).await?;
        let (header, _) = self.header(&header.id)?;
        Ok(json!({ "stopDate": seconds(header.stopped_ms.unwrap_or_else(|| self.now_ms())) }))
    }

    pub(crate) fn describe_execution(&self, request: &ExecutionRequest) -> Answer {
        if let arn::Resource::Child(name) = arn::parse(&request.execution_arn)? {
            let child = self.child(&name, &request.execution_arn)?;
            return self.describe_child(&child, request.included_data == IncludedData::AllData);
        }
        let id = arn::execution(&request.execution_arn)?;
        let (header, started) = self.header(&id)?;
        let mut answer = self.summary(&header, &started);
        if request.included_data == IncludedData::AllData {
            add_data(&header, &started, &mut answer);
        }
        // AWS reports States.Timeout only in the history (recorded).
        if header.status == ExecutionStatus::TimedOut
            && let Value::Object(answer) = &mut answer
        {
            answer.retain(|name, _| name != "error" && name != "cause");
        }
        set(&mut answer, "traceHeader", started.trace_header);
        let reason = redrive::refusal(&header, self.now_ms()).or_else(|| self.redrive_hindered(&started.machine));
        answer["redriveStatus"] = if reason.is_some() { "NOT_REDRIVABLE" } else { "REDRIVABLE" }.into();
        set(&mut answer, "redriveStatusReason", reason);
        Ok(answer)
    }

    /// The fields that ListExecutions and DescribeExecution share.
    fn summary(&self, header: &ExecutionHeader, started: &StartedExecution) -> Value {
        let mut answer = json!({
            "executionArn": self.arn_of(&header.id, started), "stateMachineArn": self.state_machine_arn(&started.machine),
            "name": started.name, "status": header.status, "startDate": seconds(header.started_ms),
            "redriveCount": header.redrive_count,
        });
        set(&mut answer, "stopDate", header.stopped_ms.map(seconds));
        set(&mut answer, "redriveDate", started.redrives.last().map(|redrive| seconds(redrive.at_ms)));
        let version = started.version.map(|number| self.qualified_arn(&started.machine, &number.to_string()));
        set(&mut answer, "stateMachineVersionArn", version);
        let alias = started.alias.as_ref().map(|alias| self.qualified_arn(&started.machine, alias));
        set(&mut answer, "stateMachineAliasArn", alias);
        answer
    }

    pub(crate) fn describe_for_execution(&self, request: &ExecutionRequest) -> Answer {
        let child = match arn::parse(&request.execution_arn)? {
            arn::Resource::Child(name) => Some(self.child(&name, &request.execution_arn)?),
            _ => None,
        };
        let id = match &child {
            Some(child) => child.found.execution.clone(),
            None => arn::standard_execution(&request.execution_arn)?,
        };
        let (header, started) = self.header(&id)?;
        let definition = match (request.included_data, &child) {
            (IncludedData::AllData, None) => self.definition_text(&header.id, &started)?,
            (IncludedData::AllData, Some(child)) => self.processor_text(child)?,
            (IncludedData::MetadataOnly, _) => "{}".to_owned(),
        };
        let mut answer = json!({
            "stateMachineArn": self.state_machine_arn(&started.machine), "name": started.machine,
            "definition": &definition, "roleArn": started.role_arn, "updateDate": seconds(started.updated_ms),
        });
        if let Some(ChildExecution { found, .. }) = &child {
            answer["stateMachineArn"] = self.processor_arn(found).into();
            answer["name"] = format!("{}/{}", started.machine, found.run.label).into();
            answer["mapRunArn"] = self.map_run_arn(found).into();
            answer["label"] = found.run.label.clone().into();
        }
        settings::add_to(&started.settings, &mut answer);
        variables::add_to(&definition, &mut answer);
        set(&mut answer, "revisionId", started.revision_id);
        Ok(answer)
    }

    /// The part of the pinned definition that a child execution runs.
    fn processor_text(&self, child: &ChildExecution) -> Result<String, Fault> {
        let (_, pinned) = self.runner.store().definition(&child.found.execution)?.unwrap_or_default();
        Ok(processor(&pinned, &child.found.run.label).unwrap_or(&Value::Null).to_string())
    }

    /// The pinned definition: the text that was sent, if the state machine or the version still has it.
    fn definition_text(&self, id: &str, started: &StartedExecution) -> Result<String, Fault> {
        let (_, pinned) = self.runner.store().definition(id)?.unwrap_or_default();
        let kept = match started.version {
            Some(number) => self.version(&started.machine, number).map(|version| Arc::new(version.machine)),
            None => self.machine(&started.machine),
        };
        let same = |machine: &StateMachineRecord| {
            serde_json::from_str::<Value>(&machine.definition).ok() == Some(pinned.clone())
        };
        let text = kept.ok().filter(|machine| same(machine)).map(|machine| machine.definition.clone());
        Ok(text.unwrap_or_else(|| pinned.to_string()))
    }
}

/// Writes input, output, error and cause into an answer.
fn add_data(header: &ExecutionHeader, started: &StartedExecution, answer: &mut Value) {
    answer["input"] = started.input.clone().into();
    answer["inputDetails"] = json!({ "included": true });
    if let Some(output) = header.result() {
        answer["output"] = output.to_string().into();
        answer["outputDetails"] = json!({ "included": true });
    }
    let failure = header.failure.as_ref();
    let said = |text: &String| (!text.is_empty()).then(|| text.clone());
    set(answer, "error", failure.and_then(|failure| said(&failure.error)));
    set(answer, "cause", failure.and_then(|failure| said(&failure.cause)));
}
