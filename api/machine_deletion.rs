//! Deletes state machines. A state machine with running executions is DELETING until they have ended; each ends when it
//! enters its next state. Source: API Reference, DeleteStateMachine; Developer Guide, "Deleting a state machine".

use std::sync::Arc;

use engine::{
    machine::ExecutionStatus,
    step::error_names,
    store::{DocumentChanges, ListFilter, ListPosition},
};
use serde_json::{Value, json};

use crate::{
    Answer, Api, Fault, arn,
    records::{self, StateMachineRecord, StateMachineType, machine_key},
    state_machines::StateMachineRequest,
};

/// The most running executions that are read at once.
const RUNNING_AT_ONCE: usize = 1_000;

impl Api {
    /// Deletes the state machine with its versions and aliases: immediately if it has no running execution.
    pub(crate) async fn delete_state_machine(&self, request: StateMachineRequest) -> Answer {
        let name = arn::state_machine(request.arn())?;
        let _changing = self.changing.lock().await;
        // A repeated request repeats the deletion: after a crash, some executions may not have received the request to
        // end.
        let Some(machine) = self.machine_if_any(&name)? else { return Ok(json!({})) };
        let store = self.runner.store();
        let mut changes = DocumentChanges::default();
        changes.delete(&records::tags_key(&self.state_machine_arn(&name)));
        for prefix in [records::versions_prefix(&name), records::aliases_prefix(&name)] {
            for (key, _) in store.documents::<Value>(&prefix, None, usize::MAX)? {
                changes.delete(&key);
            }
        }
        // EXPRESS executions end by themselves within minutes.
        let running = match machine.kind {
            StateMachineType::Standard => self.running(&name)?,
            StateMachineType::Express => Vec::new(),
        };
        match running.is_empty() {
            true => changes.delete(&machine_key(&name)),
            false => changes
                .put(&machine_key(&name), &StateMachineRecord { deleting: true, ..Arc::unwrap_or_clone(machine) })?,
        }
        store.change_documents(changes)?;
        for id in running {
            self.end_next(&id, &name).await?;
        }
        Ok(json!({}))
    }

    async fn end_next(&self, id: &str, name: &str) -> Result<(), Fault> {
        let cause = format!("State machine {name} has been deleted.");
        Ok(self.runner.end_next(id, error_names::RUNTIME, &cause).await?)
    }

    /// Ends an execution that started while its state machine was being deleted, after the running executions were
    /// listed.
    pub(crate) async fn end_if_deleted(&self, id: &str, name: &str) -> Result<(), Fault> {
        match self.machines.get(self.runner.store(), name)? {
            Some(machine) if !machine.deleting => Ok(()),
            _ => self.end_next(id, name).await,
        }
    }

    fn running(&self, name: &str) -> Result<Vec<String>, Fault> {
        let (mut running, mut after) = (Vec::new(), None);
        loop {
            let found = self.running_after(name, after.as_ref(), RUNNING_AT_ONCE)?;
            let Some(last) = found.last() else { return Ok(running) };
            after = Some(last.clone());
            running.extend(found.into_iter().map(|position| position.id));
        }
    }

    fn running_after(
        &self,
        name: &str,
        after: Option<&ListPosition>,
        limit: usize,
    ) -> Result<Vec<ListPosition>, Fault> {
        let filter = ListFilter { status: Some(ExecutionStatus::Running), redriven: None };
        Ok(self.runner.store().list_page(name, filter, after, limit)?)
    }

    /// The state machine of a name, unless its deletion is complete.
    pub(crate) fn machine_if_any(&self, name: &str) -> Result<Option<Arc<StateMachineRecord>>, Fault> {
        let Some(machine) = self.machines.get(self.runner.store(), name)? else { return Ok(None) };
        let gone = !self.complete_deletions([&*machine])?.is_empty();
        Ok(Some(machine).filter(|_| !gone))
    }

    /// Deletes the records of the DELETING state machines whose last execution has ended, and returns their names.
    pub(crate) fn complete_deletions<'a>(
        &self,
        machines: impl IntoIterator<Item = &'a StateMachineRecord>,
    ) -> Result<Vec<String>, Fault> {
        let mut gone = Vec::new();
        for machine in machines.into_iter().filter(|machine| machine.deleting) {
            if self.running_after(&machine.name, None, 1)?.is_empty() {
                gone.push(machine.name.clone());
            }
        }
        // If another request holds the lock, it may be creating a state machine of that name. The record then stays
        // until the next call.
        if let Some(_changing) = self.changing.try_lock().ok().filter(|_| !gone.is_empty()) {
            for name in &gone {
                let found: Option<StateMachineRecord> = self.runner.store().document(&machine_key(name))?;
                if found.is_some_and(|found| found.deleting) {
                    self.delete(&[machine_key(name)])?;
                }
            }
        }
        Ok(gone)
    }

    /// The state machine; a fault if it is DELETING.
    pub(crate) fn lasting_machine(&self, name: &str) -> Result<Arc<StateMachineRecord>, Fault> {
        match self.machine(name)? {
            machine if machine.deleting => Err(self.deleting(name)),
            machine => Ok(machine),
        }
    }

    pub(crate) fn deleting(&self, name: &str) -> Fault {
        Fault::new(
            "StateMachineDeleting",
            format!("State Machine is being deleted: '{}'", self.state_machine_arn(name)),
        )
    }

    /// Why a state machine does not allow a redrive of its executions, if it does not.
    pub(crate) fn redrive_hindered(&self, name: &str) -> Option<String> {
        let deleting = self.lasting_machine(name).is_err_and(|fault| fault.kind == "StateMachineDeleting");
        deleting.then(|| "State machine is in DELETING status".to_owned())
    }
}
