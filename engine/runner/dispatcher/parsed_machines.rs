//! A cache of parsed definitions.

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use crate::asl::{self, Diagnostic, StateMachine};

/// The number of machines above which those that no execution in memory uses are dropped.
const CACHED_MAX: usize = 64;

#[derive(Default)]
pub(super) struct ParsedMachines {
    by_hash: HashMap<String, Arc<StateMachine>>,
}

impl ParsedMachines {
    /// The machine of a definition that was parsed earlier.
    pub fn get(&self, hash: &str) -> Option<Arc<StateMachine>> {
        self.by_hash.get(hash).cloned()
    }

    /// Parses a definition and caches its machine.
    pub fn parse(&mut self, hash: &str, definition: &Value) -> Result<Arc<StateMachine>, Vec<Diagnostic>> {
        Ok(self.insert(hash, asl::parse(definition)?))
    }

    /// Caches a machine that was parsed elsewhere.
    pub fn insert(&mut self, hash: &str, machine: Arc<StateMachine>) -> Arc<StateMachine> {
        if self.by_hash.len() >= CACHED_MAX {
            self.by_hash.retain(|_, machine| Arc::strong_count(machine) > 1);
        }
        self.by_hash.insert(hash.to_owned(), machine.clone());
        machine
    }
}
