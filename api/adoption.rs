//! Adopts the executions of a store that an early version of flow wrote: `flow run` did not record an API document for
//! them.

use std::collections::BTreeMap;

use engine::{machine::ExecutionHeader, store::DocumentChanges};
use serde_json::Value;

use crate::{
    Api, Fault,
    records::{StartedExecution, StateMachineRecord, execution_key, input_key, machine_key},
    state_machine_name,
};

/// The document that records that the adoption is complete.
const ADOPTED: &str = "adopted";

impl Api {
    /// Writes the API's documents for executions that have none. Runs once in the life of a store.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub fn adopt(&self) -> Result<(), Fault> {
        let store = self.runner.store();
        if store.document::<bool>(ADOPTED)?.is_some() {
            return Ok(());
        }
        let mut changes = DocumentChanges::default();
        changes.put(ADOPTED, &true)?;
        let mut machines = BTreeMap::new();
        // Newest first: the state machine gets the definition of its newest execution.
        for header in store.headers()? {
            let plain = header.identity.is_none() && !header.id.contains(':');
            if !plain || store.document::<Value>(&execution_key(&header.id))?.is_some() {
                continue;
            }
            let name = state_machine_name(&header.workflow);
            let Some((_, definition)) = store.definition(&header.id)? else { continue };
            let known = store.document::<StateMachineRecord>(&machine_key(&name))?;
            let made = || known.unwrap_or_else(|| self.of_workflow(&name, definition.to_string()));
            let machine = machines.entry(name.clone()).or_insert_with(made);
            changes.put(&machine_key(&name), machine)?;
            changes.put(&execution_key(&header.id), &self.adopted(&header, machine))?;
            let input = store.header(&header.id)?.map(|header| header.input.to_string()).unwrap_or_default();
            changes.put(&input_key(&header.id), &input)?;
        }
        Ok(store.change_documents(changes)?)
    }

    fn adopted(&self, header: &ExecutionHeader, machine: &StateMachineRecord) -> StartedExecution {
        StartedExecution {
            name: header.id.clone(),
            machine: machine.name.clone(),
            role_arn: machine.role_arn.clone(),
            version: None,
            alias: None,
            input: String::new(),
            trace_header: None,
            settings: machine.settings.clone(),
            redrives: Vec::new(),
            revision_id: None,
            updated_ms: header.started_ms,
            arn_prefix: self.arn_prefix(),
        }
    }
}
