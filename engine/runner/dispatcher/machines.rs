//! Definitions as this version of the machine has read them, the ones in use.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use crate::asl::{self, Diagnostic, StateMachine};

/// So many are kept although no execution in memory has them.
const KEPT_MAX: usize = 64;

#[derive(Default)]
pub(super) struct Machines {
    by_hash: HashMap<String, Arc<StateMachine>>,
}

impl Machines {
    /// The machine of a definition that has been read before.
    pub fn known(&self, hash: &str) -> Option<Arc<StateMachine>> {
        self.by_hash.get(hash).cloned()
    }

    /// Reads a definition.
    pub fn read(&mut self, hash: &str, definition: &Value) -> Result<Arc<StateMachine>, Vec<Diagnostic>> {
        Ok(self.keep(hash, asl::parse(definition)?))
    }

    /// Keeps a machine that was read elsewhere.
    pub fn keep(&mut self, hash: &str, machine: Arc<StateMachine>) -> Arc<StateMachine> {
        if self.by_hash.len() >= KEPT_MAX {
            self.by_hash.retain(|_, machine| Arc::strong_count(machine) > 1);
        }
        self.by_hash.insert(hash.to_owned(), machine.clone());
        machine
    }
}
