//! Subjects in use: a second running execution on the same subject is refused.

use std::collections::HashMap;

use crate::store::{Store, StoreError};

#[derive(Default)]
pub(super) struct Subjects {
    /// The execution for each subject; read from the store at the first use.
    executions: Option<HashMap<String, String>>,
}

impl Subjects {
    /// The execution that last used a subject. It may have ended since.
    pub fn last_execution(&mut self, subject: &str, store: &Store) -> Result<Option<String>, StoreError> {
        Ok(self.all(store)?.get(subject).cloned())
    }

    /// Records that an execution uses a subject.
    pub fn record(&mut self, subject: &str, id: &str, store: &Store) -> Result<(), StoreError> {
        self.all(store)?.insert(subject.to_owned(), id.to_owned());
        Ok(())
    }

    fn all(&mut self, store: &Store) -> Result<&mut HashMap<String, String>, StoreError> {
        if self.executions.is_none() {
            let active = store.active()?.into_iter();
            self.executions = Some(active.filter_map(|active| Some((active.subject?, active.id))).collect());
        }
        Ok(self.executions.get_or_insert_default())
    }
}
