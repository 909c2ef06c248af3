//! What is in the log and not yet in its final place.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use crate::store::records::Change;

pub(super) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Changes since the last switch of the log, and those that are on their way.
#[derive(Default)]
pub(super) struct Overlay {
    fresh: Changes,
    frozen: Option<Arc<Changes>>,
}

impl Overlay {
    /// Takes changes that are durable in the log.
    pub fn extend(&mut self, changes: impl IntoIterator<Item = Change>) {
        self.fresh.extend(changes);
    }

    /// What a key was changed to: `Some(None)` where it was deleted, `None` where its final place tells.
    pub fn get(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let frozen = || self.frozen.as_ref()?.get(key);
        self.fresh.get(key).or_else(frozen).cloned()
    }

    /// All changes under a prefix from a key on.
    pub fn range(&self, prefix: &[u8], from: &[u8]) -> Changes {
        let range = (Bound::Included(from), Bound::Unbounded);
        let under = |changes: &Changes| -> Vec<Change> {
            let found = changes.range::<[u8], _>(range).take_while(|(key, _)| key.starts_with(prefix));
            found.map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        let mut changes: Changes = self.frozen.as_deref().map(under).unwrap_or_default().into_iter().collect();
        changes.extend(under(&self.fresh));
        changes
    }

    /// Sets what there is aside; `false` where something is on its way still.
    pub fn freeze(&mut self) -> bool {
        if self.frozen.is_some() {
            return false;
        }
        self.frozen = Some(Arc::new(std::mem::take(&mut self.fresh)));
        true
    }

    /// What is on its way.
    pub fn frozen(&self) -> Option<Arc<Changes>> {
        self.frozen.clone()
    }

    /// Forgets what has arrived.
    pub fn arrived(&mut self) {
        self.frozen = None;
    }
}
