//! Workflows that `flow run` begins: state machines and executions like all others, and what StartExecution cannot say of them.

use engine::{
    machine::{Activity, ExecutionHeader},
    step::TaskToken,
    store::DocumentChanges,
};
use serde_json::Value;
use tokio::sync::MutexGuard;

use crate::{
    Api, Fault, definition,
    executions::{Prepared, new_uuid},
    records::{Creation, StateMachine, StateMachineType, machine_key},
    state_machines::{Resolved, settings},
};

/// The longest name of a state machine (API Reference, CreateStateMachine, `name`).
const NAME_CHARACTERS_MAX: usize = 80;

/// A workflow to begin.
#[derive(Debug, Clone)]
pub struct WorkflowStart {
    /// The execution's id, which is its name too.
    pub id: String,
    /// The workflow's name; its state machine is called after it, see [`state_machine_name`].
    pub workflow: String,
    /// What it works on: two running executions on one subject are refused.
    pub subject: Option<String>,
    /// Where it acts; see [`engine::step::Registries`].
    pub environment: Value,
    /// The definition, pinned for this execution and current for the state machine from now on.
    pub definition: Value,
    /// The input.
    pub input: Value,
}

/// The name of a workflow's state machine: the workflow's own, as far as AWS allows its characters and its length.
pub fn state_machine_name(workflow: &str) -> String {
    let legal = |c: char| if engine::store::is_name(&c.to_string()) { c } else { '-' };
    let name: String = workflow.chars().take(NAME_CHARACTERS_MAX).map(legal).collect();
    if name.is_empty() { "workflow".to_owned() } else { name }
}

impl Api {
    /// Begins an execution of a workflow, whose state machine is made, or updated, with it. The same id and input find the
    /// execution that exists, ended or not.
    ///
    /// # Errors
    /// The definition cannot run, the name is taken by other work, the subject is busy, or the store fails.
    pub async fn start_workflow(&self, start: WorkflowStart) -> Result<ExecutionHeader, Fault> {
        if !engine::store::is_name(&start.id) {
            let message = format!(
                "'{}' cannot be the id of an execution: 1 to 80 characters, without spaces, colons, wildcards and the like",
                start.id
            );
            return Err(Fault::new("InvalidName", message));
        }
        let name = state_machine_name(&start.workflow);
        let qualified_name = format!("{name}:{}", start.id);
        let _starting = self.starting.lock(&qualified_name).await;
        if let Ok((header, _)) = self.header(&qualified_name) {
            let same = header.id == start.id && *header.input == start.input;
            let message = format!("an execution named '{}' exists already, with another input", start.id);
            return if same { Ok(header) } else { Err(Fault::new("ExecutionAlreadyExists", message)) };
        }
        let (machine, documents, _changing) = self.deployed(&name, &start.definition).await?;
        let resolved = Resolved { machine, version: None, alias: None };
        let mut prepared: Prepared = self.prepared(resolved, start.id.clone(), start.input.to_string())?;
        prepared.new.id = start.id;
        prepared.new.subject = start.subject;
        prepared.new.environment = start.environment;
        prepared.new.documents = documents;
        self.begin_new(prepared).await
    }

    /// The state machine with this definition, and what has to be written for it. The lock is held where that is anything.
    async fn deployed(
        &self,
        name: &str,
        definition: &Value,
    ) -> Result<(StateMachine, DocumentChanges, Option<MutexGuard<'_, ()>>), Fault> {
        let changing = self.changing.lock().await;
        let found = self.machine_if_any(name)?;
        let same =
            |found: &StateMachine| serde_json::from_str::<Value>(&found.definition).ok().as_ref() == Some(definition);
        let standard = |found: &StateMachine| found.kind == StateMachineType::Standard;
        let text = definition.to_string();
        let machine = match found {
            Some(found) if found.deleting => return Err(self.deleting(name)),
            Some(found) if standard(&found) && same(&found) => return Ok((found, DocumentChanges::default(), None)),
            Some(found) if found.of_workflow => {
                StateMachine { definition: text, updated_ms: self.now_ms(), revision_id: Some(new_uuid()), ..found }
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
        definition::runnable(&machine.definition, machine.kind)?;
        let mut documents = DocumentChanges::default();
        documents.put(&machine_key(name), &machine)?;
        Ok((machine, documents, Some(changing)))
    }

    pub(crate) fn of_workflow(&self, name: &str, definition: String) -> StateMachine {
        let now = self.now_ms();
        StateMachine {
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

    /// The ARN of an execution, by its id.
    ///
    /// # Errors
    /// There is none of that id, or the store cannot be read.
    pub fn arn_of_execution(&self, id: &str) -> Result<String, Fault> {
        let (header, started) = self.header(id)?;
        Ok(self.arn_of(&header.id, &started))
    }

    /// The task token of a state that waits. `state` is its path, or its name where only one of that name waits.
    ///
    /// # Errors
    /// No Task of that name waits, or several do.
    pub fn task_token(&self, id: &str, state: &str) -> Result<String, Fault> {
        let mut rows = self.runner.store().frames(id)?;
        let named = |path: &str, name: &str| path == state || name == state;
        rows.retain(|row| matches!(row.activity, Activity::Task { .. }) && named(&row.state_path(), &row.state));
        match rows.as_slice() {
            [row] => {
                let token =
                    TaskToken { execution: id.to_owned(), frame: row.id, visit: row.visit, attempt: row.attempt };
                Ok(token.encode())
            }
            [] => {
                Err(Fault::new("TaskDoesNotExist", format!("no state named '{state}' waits in {id}: flow status {id}")))
            }
            _ => {
                let message = format!("several states named '{state}' wait in {id}: name one by its path");
                Err(Fault::new("TaskDoesNotExist", message))
            }
        }
    }
}
