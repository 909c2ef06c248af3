//! Starts an execution of a workflow: a state machine and an execution as in the API, with the settings that
//! StartExecution does not have.

use std::sync::Arc;

use engine::{
    machine::{ExecutionHeader, ExecutionStatus, Reentry},
    store::DocumentChanges,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::MutexGuard;

use crate::{
    Api, CheckedDefinition, Fault, Operation,
    executions::{PreparedStart, input::refuse_deep},
    records::{Creation, StateMachineRecord, StateMachineType, machine_key},
    state_machines::{Resolved, settings},
    uuid::new_uuid,
};

/// The longest name of a state machine or an execution (API Reference, CreateStateMachine and StartExecution, `name`).
pub const NAME_CHARACTERS_MAX: usize = 80;

/// Starts an execution of a workflow, and creates or updates its state machine. A repeated request with the same id,
/// definition and input returns the existing execution, also if it has ended.
pub struct StartExecution;

/// A request of [`StartExecution`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StartExecutionRequest {
    /// The execution's id and name.
    pub id: String,
    /// The workflow's name; its state machine is named after it, see [`state_machine_name`].
    pub workflow: String,
    /// The subject that the execution works on. Only one running execution may have a subject.
    pub subject: Option<String>,
    /// The environment in which it acts; see [`engine::step::Registries`].
    pub environment: Value,
    /// The definition: pinned in this execution, and the state machine's current one from now on.
    pub definition: CheckedDefinition,
    /// The input.
    pub input: Value,
    /// The state at which it starts, as [`super::PlanReentry`] returns it for an earlier execution. Empty for the
    /// definition's `StartAt`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<Reentry>,
}

/// The name of a workflow's state machine: the workflow's name, reduced to the characters and the length that AWS
/// allows.
pub fn state_machine_name(workflow: &str) -> String {
    let legal = |c: char| if engine::store::is_name(&c.to_string()) { c } else { '-' };
    let name: String = workflow.chars().take(NAME_CHARACTERS_MAX).map(legal).collect();
    if name.is_empty() { "workflow".to_owned() } else { name }
}

impl Operation for StartExecution {
    const NAME: &'static str = "Flow.StartExecution";
    type Request = StartExecutionRequest;
    type Response = ExecutionHeader;

    async fn answer(api: &Api, request: StartExecutionRequest) -> Result<ExecutionHeader, Fault> {
        let header = api.start_workflow(request).await?;
        // An existing execution may have been left by another process. An owner that cannot act for it lets the caller read it.
        if header.status == ExecutionStatus::Running && api.verify_recovered(&header.id).await.is_ok() {
            api.runner.recover(&header.id).await?;
        }
        Ok(header)
    }
}

/// Why a text cannot be the id of an execution, as a sentence for people; `None` if it can.
pub fn id_problem(id: &str) -> Option<String> {
    let problem = engine::store::name_problem(id)?;
    Some(format!("'{id}' cannot be the id of an execution: {problem}"))
}

/// Whether two environments have the same account, region and world. A caller that attaches to an execution must have
/// been shown these.
fn same_location(pinned: &Value, shown: &Value) -> bool {
    let fields: &[&str] = match pinned["accountId"].is_null() && shown["accountId"].is_null() {
        true => &["kind", "world"],
        false => &["kind", "world", "accountId", "partition", "region"],
    };
    fields.iter().all(|field| pinned[field] == shown[field])
}

/// Describes for people where an environment acts.
fn location_of(environment: &Value) -> String {
    let text = |field: &str| environment[field].as_str();
    match (text("world"), text("accountId"), text("region")) {
        (Some(world), ..) => format!("the rehearsal {world}"),
        (None, Some(account), region) => format!("account {account}, region {}", region.unwrap_or("of its profile")),
        (None, None, Some(region)) => format!("region {region}"),
        (None, None, None) => "no AWS account".to_owned(),
    }
}

impl Api {
    pub(crate) async fn start_workflow(&self, request: StartExecutionRequest) -> Result<ExecutionHeader, Fault> {
        let StartExecutionRequest { id, workflow, subject, environment, definition, input, from } = request;
        if let Some(problem) = id_problem(&id) {
            return Err(Fault::new("InvalidName", problem));
        }
        refuse_deep(&input)?;
        let name = state_machine_name(&workflow);
        let qualified_name = format!("{name}:{id}");
        let _starting = self.starting.lock(&qualified_name).await;
        if let Ok((header, _)) = self.header(&qualified_name) {
            let pinned = self.runner.store().definition(&header.id)?.map(|(_, pinned)| pinned);
            let same_definition = pinned.is_none_or(|pinned| pinned == *definition.value());
            let same_input = header.id == id && *header.input == input;
            let message = match (same_input, same_definition, same_location(&header.environment, &environment)) {
                (true, true, true) => return Ok(header),
                (false, ..) => format!("an execution named '{id}' exists already, with another input"),
                (_, false, _) => format!("an execution named '{id}' exists already, with another definition"),
                (.., false) => {
                    let (pinned, shown) = (location_of(&header.environment), location_of(&environment));
                    format!("an execution named '{id}' exists already and acts in {pinned}, not in {shown}")
                }
            };
            return Err(Fault::execution_exists(&id, message));
        }
        self.verify_environment(&environment).await?;
        let (machine, documents, _changing) = self.deployed(&name, &definition).await?;
        let resolved = Resolved { machine: Arc::new(machine), version: None, alias: None };
        let mut prepared: PreparedStart = self.prepared(resolved, id.clone(), &definition, input)?;
        prepared.new.id = id;
        prepared.new.subject = subject;
        prepared.new.environment = environment;
        prepared.new.from = from;
        prepared.new.documents = documents;
        self.begin_new(prepared).await
    }

    /// The state machine with this definition, and the documents to write for it. The lock is returned only if there are documents.
    async fn deployed(
        &self,
        name: &str,
        definition: &CheckedDefinition,
    ) -> Result<(StateMachineRecord, DocumentChanges, Option<MutexGuard<'_, ()>>), Fault> {
        let changing = self.changing.lock().await;
        let found = self.machine_if_any(name)?;
        let standard = |found: &StateMachineRecord| found.kind == StateMachineType::Standard;
        let text = definition.text().to_owned();
        let machine = match found {
            Some(found) if found.deleting => return Err(self.deleting(name)),
            Some(found) if standard(&found) && definition.is_of(&found.definition) => {
                return Ok((Arc::unwrap_or_clone(found), DocumentChanges::default(), None));
            }
            Some(found) if found.of_workflow => {
                let (updated_ms, revision_id) = (self.now_ms(), Some(new_uuid()));
                StateMachineRecord { definition: text, updated_ms, revision_id, ..Arc::unwrap_or_clone(found) }
            }
            Some(_) => {
                let arn = self.state_machine_arn(name);
                let message = format!(
                    "State Machine Already Exists: '{arn}', made by a client of the API and with another definition: \
                     rename the workflow's file, or delete the state machine"
                );
                return Err(Fault::new("StateMachineAlreadyExists", message));
            }
            None => self.of_workflow(name, text),
        };
        let mut documents = DocumentChanges::default();
        documents.put(&machine_key(name), &machine)?;
        Ok((machine, documents, Some(changing)))
    }

    pub(crate) fn of_workflow(&self, name: &str, definition: String) -> StateMachineRecord {
        let now = self.now_ms();
        StateMachineRecord {
            name: name.to_owned(),
            kind: StateMachineType::Standard,
            definition,
            role_arn: format!("arn:aws:iam::{}:role/flow", self.options.account_id),
            settings: settings::initial(),
            creation: Creation::default(),
            created_ms: now,
            updated_ms: now,
            revision_id: None,
            last_version: 0,
            of_workflow: true,
            deleting: false,
        }
    }
}
