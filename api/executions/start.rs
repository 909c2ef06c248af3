//! Starts executions.

use engine::{
    machine::{ExecutionHeader, ExecutionStatus, Identity},
    runner::{NewExecution, RunnerError, RunnerEvent},
    store::DocumentChanges,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{add_data, input};
use crate::{
    Answer, Api, CREDENTIALS_UNUSABLE, CheckedDefinition, Fault,
    records::{StartedExecution, StateMachineType, execution_key, input_key, seconds, set},
    request::{IncludedData, checked_name},
    state_machines::Resolved,
    uuid::new_uuid,
};

/// A request of StartExecution or StartSyncExecution.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartRequest {
    state_machine_arn: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    input: Option<String>,
    #[serde(default)]
    trace_header: Option<String>,
    #[serde(default)]
    included_data: IncludedData,
}

/// An execution to start: its API document and the runner's request.
pub(crate) struct PreparedStart {
    pub started: StartedExecution,
    pub new: NewExecution,
    kind: StateMachineType,
}

impl Api {
    pub(crate) async fn start_execution(&self, request: StartRequest) -> Answer {
        let prepared = self.prepare(request).await?;
        let started = prepared.started.clone();
        let header = self.begin(prepared).await?;
        Ok(json!({ "executionArn": self.arn_of(&header.id, &started), "startDate": seconds(header.started_ms) }))
    }

    pub(crate) async fn start_sync_execution(&self, request: StartRequest) -> Answer {
        let included = request.included_data;
        let prepared = self.prepare(request).await?;
        if prepared.kind != StateMachineType::Express {
            return Err(Fault::not_of_this_type());
        }
        let (id, started) = (prepared.new.id.clone(), prepared.started.clone());
        let mut follow = self.runner.follow(&id, 1);
        self.begin(prepared).await?;
        let header = loop {
            match follow.next().await? {
                Some(RunnerEvent::Settled { header }) if header.status != ExecutionStatus::Running => break header,
                Some(RunnerEvent::Released { reason, .. }) => return Err(Fault::new(CREDENTIALS_UNUSABLE, reason)),
                Some(RunnerEvent::StoreFailed { message }) => return Err(Fault::internal(message)),
                Some(_) => {}
                None => return Err(RunnerError::Stopped.into()),
            }
        };
        let mut answer = self.response(&header, &started);
        if included == IncludedData::AllData {
            add_data(&header, &started, &mut answer);
            // AWS reports this also when there is no output (recorded).
            answer["outputDetails"] = json!({ "included": true });
        }
        Ok(answer)
    }

    fn response(&self, header: &ExecutionHeader, started: &StartedExecution) -> Value {
        let stopped_ms = header.stopped_ms.unwrap_or(header.started_ms);
        // AWS bills EXPRESS executions in units of 100 ms and 64 MB.
        let billed_ms = stopped_ms.saturating_sub(header.started_ms).div_ceil(100).max(1) * 100;
        let mut answer = json!({
            "executionArn": self.execution_arn(&header.id), "stateMachineArn": self.state_machine_arn(&started.machine),
            "name": started.name, "startDate": seconds(header.started_ms), "stopDate": seconds(stopped_ms),
            "status": header.status,
            "billingDetails": { "billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": billed_ms },
        });
        set(&mut answer, "traceHeader", started.trace_header.clone());
        answer
    }

    async fn prepare(&self, request: StartRequest) -> Result<PreparedStart, Fault> {
        let resolved = self.resolve(&request.state_machine_arn)?;
        let is_name_new = request.name.is_none();
        let name = request.name.unwrap_or_else(new_uuid);
        let text = request.input.unwrap_or_else(|| "{}".to_owned());
        let input = input::read(&text)?;
        let express = resolved.machine.kind == StateMachineType::Express;
        let definition = self.definitions.get(&resolved.machine.definition, express)?;
        let needs_account = definition.resources().iter().any(|r| self.options.host.needs_account(r));
        let environment = self.options.host.environment(needs_account).await;
        let mut prepared = self.prepared(resolved, name, &definition, input)?;
        prepared.new.environment = environment;
        prepared.started.trace_header = request.trace_header;
        prepared.started.input = text;
        prepared.new.is_id_new = is_name_new || express;
        Ok(prepared)
    }

    /// Prepares an execution without an environment.
    pub(crate) fn prepared(
        &self,
        resolved: Resolved,
        name: String,
        definition: &CheckedDefinition,
        input: Value,
    ) -> Result<PreparedStart, Fault> {
        let Resolved { machine, version, alias } = resolved;
        checked_name(&name)?;
        let id = match machine.kind {
            StateMachineType::Standard => format!("{}:{name}", machine.name),
            // Names of EXPRESS executions need not be unique: AWS appends an id.
            StateMachineType::Express => format!("{}:{name}:{}", machine.name, new_uuid()),
        };
        let new = NewExecution {
            workflow: machine.name.clone(),
            subject: None,
            identity: Some(Identity {
                execution_id: self.execution_arn(&id),
                execution_name: name.clone(),
                role_arn: machine.role_arn.clone(),
                state_machine_id: self.state_machine_arn(&machine.name),
                state_machine_name: machine.name.clone(),
            }),
            id,
            environment: Value::Null,
            definition: definition.definition().clone(),
            machine: Some(definition.machine().clone()),
            input,
            from: Vec::new(),
            documents: DocumentChanges::default(),
            is_id_new: false,
        };
        let started = StartedExecution {
            name,
            machine: machine.name.clone(),
            role_arn: machine.role_arn.clone(),
            version,
            alias,
            input: String::new(),
            trace_header: None,
            settings: machine.settings.clone(),
            redrives: Vec::new(),
            revision_id: machine.revision_id.clone(),
            updated_ms: machine.updated_ms,
            arn_prefix: self.arn_prefix(),
        };
        Ok(PreparedStart { started, new, kind: machine.kind })
    }

    /// Starts the execution, or returns the running one with the same name and input.
    async fn begin(&self, prepared: PreparedStart) -> Result<ExecutionHeader, Fault> {
        let PreparedStart { started, new, .. } = &prepared;
        if new.is_id_new {
            return self.begin_new(prepared).await;
        }
        // Of two concurrent starts of one name, the second must not overwrite the first one's document.
        let _starting = self.starting.lock(&new.id).await;
        if let Ok((header, earlier)) = self.header(&new.id) {
            let same = earlier.input == started.input && header.status == ExecutionStatus::Running;
            let arn = self.execution_arn(&new.id);
            let exists = || Fault::new("ExecutionAlreadyExists", format!("Execution Already Exists: '{arn}'"));
            return if same { Ok(header) } else { Err(exists()) };
        }
        self.begin_new(prepared).await
    }

    /// Starts an execution whose name is free. Its document becomes durable in the commit of its start.
    pub(crate) async fn begin_new(&self, prepared: PreparedStart) -> Result<ExecutionHeader, Fault> {
        let PreparedStart { started, mut new, kind, .. } = prepared;
        new.documents.put(&execution_key(&new.id), &started)?;
        // The engine stores the input as JSON. The text is stored only if the client wrote it in another form.
        let written = new.input.to_string();
        if !started.input.is_empty() && started.input != written {
            new.documents.put(&input_key(&new.id), &started.input)?;
        }
        let id = new.id.clone();
        let header = self.runner.start_execution(new).await?;
        if kind == StateMachineType::Standard {
            self.end_if_deleted(&id, &started.machine).await?;
        }
        Ok(header)
    }
}
