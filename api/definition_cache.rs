//! Definitions of state machines that were read and checked, the ones in use: a start does not read its definition again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use engine::step::Resource;

use crate::{CheckedDefinition, Fault};

/// How many are kept.
const KEPT_MAX: usize = 256;

/// By text, and whether the state machine is EXPRESS: it may not use all of the language.
#[derive(Default)]
pub(crate) struct DefinitionCache {
    standard: Mutex<Definitions>,
    express: Mutex<Definitions>,
}

type Definitions = HashMap<Arc<str>, Arc<CheckedDefinition>>;

impl DefinitionCache {
    /// The definition of a text.
    ///
    /// # Errors
    /// It cannot run.
    pub fn get(&self, text: &str, express: bool) -> Result<Arc<CheckedDefinition>, Fault> {
        let cache = if express { &self.express } else { &self.standard };
        if let Some(known) = lock(cache).get(text) {
            return Ok(known.clone());
        }
        // Without the lock: a long definition must not hold up the starts of others.
        let checked = Arc::new(read(text, express)?);
        let mut cache = lock(cache);
        if cache.len() >= KEPT_MAX {
            cache.clear();
        }
        cache.insert(text.into(), checked.clone());
        Ok(checked)
    }
}

fn lock(definitions: &Mutex<Definitions>) -> MutexGuard<'_, Definitions> {
    definitions.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(text: &str, express: bool) -> Result<CheckedDefinition, Fault> {
    let value = serde_json::from_str(text).map_err(|error| Fault::new("InvalidDefinition", error.to_string()))?;
    let recognized = |resource: &str| Resource::parse(resource).is_recognized();
    let (checked, found) = CheckedDefinition::read(value, express, &recognized);
    let first = || found.first().map_or_else(String::new, |problem| problem.message.clone());
    checked.ok_or_else(|| Fault::new("InvalidDefinition", first()))
}
