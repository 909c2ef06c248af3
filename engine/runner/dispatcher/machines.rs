//! A cache of parsed definitions.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use crate::asl::{self, Diagnostic, StateMachine};

/// The number of machines above which those that no execution in memory uses are dropped.
const KEPT_MAX: usize = 64;

#[derive(Default)]
pub(super) struct Machines {
    by_hash: HashMap<String, Arc<StateMachine>>,
}

impl Machines {
    /// The machine of a definition that was parsed earlier.
    pub fn known(&self, hash: &str) -> Option<Arc<StateMachine>> {
        self.by_hash.get(hash).cloned()
    }

    /// Parses a definition and caches its machine.
    pub fn read(&mut self, hash: &str, definition: &Value) -> Result<Arc<StateMachine>, Vec<Diagnostic>> {
        Ok(self.keep(hash, asl::parse(definition)?))
    }

    /// Caches a machine that was parsed elsewhere.
    pub fn keep(&mut self, hash: &str, machine: Arc<StateMachine>) -> Arc<StateMachine> {
        if self.by_hash.len() >= KEPT_MAX {
            self.by_hash.retain(|_, machine| Arc::strong_count(machine) > 1);
        }
        self.by_hash.insert(hash.to_owned(), machine.clone());
        machine
    }
}
