//! Definitions of state machines that were read and checked, the ones in use: a start does not read its definition again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use engine::step::Resource;

use crate::{CheckedDefinition, Fault};

/// How many are kept.
const KEPT_MAX: usize = 256;

#[derive(Default)]
pub(crate) struct DefinitionCache {
    by_text: Mutex<HashMap<Arc<str>, Arc<CheckedDefinition>>>,
}

impl DefinitionCache {
    /// The definition of a text.
    ///
    /// # Errors
    /// It cannot run.
    pub fn get(&self, text: &str, express: bool) -> Result<Arc<CheckedDefinition>, Fault> {
        let mut by_text = self.by_text.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = by_text.get(text) {
            return Ok(known.clone());
        }
        let value = serde_json::from_str(text).map_err(|error| Fault::new("InvalidDefinition", error.to_string()))?;
        let recognized = |resource: &str| Resource::parse(resource).is_recognized();
        let (checked, found) = CheckedDefinition::read(value, express, &recognized);
        let first = || found.first().map_or_else(String::new, |problem| problem.message.clone());
        let checked = Arc::new(checked.ok_or_else(|| Fault::new("InvalidDefinition", first()))?);
        if by_text.len() >= KEPT_MAX {
            by_text.clear();
        }
        by_text.insert(text.into(), checked.clone());
        Ok(checked)
    }
}
