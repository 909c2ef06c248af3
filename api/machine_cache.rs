//! A cache of decoded state machines, so that a start does not decode its state machine again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use engine::store::{Store, StoreError};

use crate::records::{StateMachineRecord, machine_key};

/// The most state machines in the cache. Each may be as long as a definition.
const KEPT_MAX: usize = 64;

/// Keyed by name. An entry is valid while no state machine has changed in the store, so changes need no invalidation.
#[derive(Default)]
pub(crate) struct MachineCache(Mutex<HashMap<String, Entry>>);

struct Entry {
    version: u64,
    machine: Arc<StateMachineRecord>,
}

impl MachineCache {
    /// Returns the state machine of a name as the store has it now.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn get(&self, store: &Store, name: &str) -> Result<Option<Arc<StateMachineRecord>>, StoreError> {
        let key = machine_key(name);
        // Read first: a change after this makes the entry invalid, whichever record is read below.
        let version = store.document_version(&key);
        if let Some(entry) = self.entries().get(name).filter(|entry| entry.version == version) {
            return Ok(Some(entry.machine.clone()));
        }
        // The lock is not held: decoding a long definition must not block other starts.
        let Some(machine) = store.document::<StateMachineRecord>(&key)?.map(Arc::new) else { return Ok(None) };
        let mut entries = self.entries();
        if entries.len() >= KEPT_MAX {
            entries.clear();
        }
        entries.insert(name.to_owned(), Entry { version, machine: machine.clone() });
        Ok(Some(machine))
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
