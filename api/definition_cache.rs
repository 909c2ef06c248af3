//! A cache of parsed and checked definitions of state machines, so that a start does not parse its definition again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use engine::step::Resource;

use crate::{CheckedDefinition, Fault};

/// The most definitions in the cache.
const KEPT_MAX: usize = 256;

/// Keyed by text, separately for STANDARD and EXPRESS: EXPRESS allows less of the language.
#[derive(Default)]
pub(crate) struct DefinitionCache {
    standard: Mutex<Definitions>,
    express: Mutex<Definitions>,
}

type Definitions = HashMap<Arc<str>, Arc<CheckedDefinition>>;

impl DefinitionCache {
    /// Returns the checked definition of a text.
    ///
    /// # Errors
    /// The definition cannot run.
    pub fn get(&self, text: &str, express: bool) -> Result<Arc<CheckedDefinition>, Fault> {
        let cache = if express { &self.express } else { &self.standard };
        if let Some(known) = lock(cache).get(text) {
            return Ok(known.clone());
        }
        // The lock is not held: checking a long definition must not block other starts.
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
