//! Named JSON documents: what the API stores about state machines, activities and tags.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use serde::{Serialize, de::DeserializeOwned};

use super::{Batch, Store, StoreError, codec, keys, records::Change};

/// Changes of documents that become durable together.
#[derive(Debug, Default, Clone)]
pub struct DocumentChanges {
    batch: Batch,
}

impl DocumentChanges {
    /// Writes a document; replaces an earlier one of the same name.
    ///
    /// # Errors
    /// It cannot be written as JSON.
    pub fn put<T: Serialize>(&mut self, name: &str, document: &T) -> Result<(), StoreError> {
        let key = keys::document(name);
        let bytes = codec::encode(&key, document)?;
        self.batch.put(key, bytes);
        Ok(())
    }

    /// Deletes a document.
    pub fn delete(&mut self, name: &str) {
        self.batch.delete(keys::document(name));
    }

    pub(super) fn changes(&self) -> &[Change] {
        &self.batch.changes
    }
}

/// How often documents of each kind have changed in this process. The kind is the part of the name before the first `/`.
#[derive(Debug, Default)]
pub(super) struct DocumentVersions(Mutex<HashMap<Vec<u8>, u64>>);

impl DocumentVersions {
    pub fn count(&self, kinds: Vec<Vec<u8>>) {
        let mut versions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kinds.into_iter().for_each(|kind| *versions.entry(kind).or_default() += 1);
    }

    fn of(&self, key: &[u8]) -> u64 {
        let versions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        versions.get(kind(key)).copied().unwrap_or_default()
    }
}

/// Changes of documents that the next batch writes. At most one for each document.
#[derive(Debug, Default)]
pub(super) struct DeferredChanges {
    /// Whether there are any: the lock is not taken for each batch.
    any: AtomicBool,
    changes: Mutex<BTreeMap<Vec<u8>, Option<Vec<u8>>>>,
}

impl DeferredChanges {
    fn add(&self, batch: Batch) {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).extend(batch.changes);
        self.any.store(true, Ordering::Release);
    }

    /// Moves the changes to the beginning of a batch, so that the batch's own change of the same document applies.
    pub fn move_to(&self, batch: &mut Batch) {
        if batch.changes.is_empty() || !self.any.swap(false, Ordering::Acquire) {
            return;
        }
        let changes = std::mem::take(&mut *self.changes.lock().unwrap_or_else(PoisonError::into_inner));
        drop(batch.changes.splice(0..0, changes));
    }
}

/// The kinds of the documents that changes write or delete, each once.
pub(super) fn changed_kinds(changes: &[Change]) -> Vec<Vec<u8>> {
    let prefix = keys::document("");
    let mut kinds: Vec<&[u8]> =
        changes.iter().filter(|(key, _)| key.starts_with(&prefix)).map(|(key, _)| kind(key)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds.into_iter().map(<[u8]>::to_vec).collect()
}

/// The key of a document up to the end of its kind.
fn kind(key: &[u8]) -> &[u8] {
    let prefix = keys::document("").len();
    let end = key.iter().skip(prefix).position(|byte| *byte == b'/');
    end.map_or(key, |end| &key[..prefix + end])
}

impl Store {
    /// Writes the changes in one batch and returns when they are durable.
    ///
    /// # Errors
    /// The records cannot be written.
    pub fn change_documents(&self, changes: DocumentChanges) -> Result<(), StoreError> {
        self.write(changes.batch)
    }

    /// Writes changes with the next batch, in the same fsync. They are lost if this process ends before that batch, and cannot be read
    /// until then.
    pub fn change_documents_later(&self, changes: DocumentChanges) {
        self.deferred_changes.add(changes.batch);
    }

    /// A version that differs after every change of a document of the same kind. The kind is the part of the name before the first
    /// `/`. It changes before the change is acknowledged.
    pub fn document_version(&self, name: &str) -> u64 {
        self.document_versions.of(&keys::document(name))
    }

    /// Loads a document by its name.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn document<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        self.read(&keys::document(name))
    }

    /// The documents whose names begin with `prefix`, by name, at most `limit`, only those after the name `after`.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn documents<T: DeserializeOwned>(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, T)>, StoreError> {
        // The next possible name has one NUL more.
        let from = after.map(|after| [&keys::document(after)[..], b"\0"].concat());
        let found = self.records.scan(&keys::document(prefix), from.as_deref(), limit)?;
        let skipped = keys::document("").len();
        let named = |(key, bytes): (Vec<u8>, Vec<u8>)| {
            let document = codec::decode(&key, &bytes)?;
            Ok((String::from_utf8_lossy(&key[skipped..]).into_owned(), document))
        };
        found.into_iter().map(named).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::store::MemoryRecords;

    fn change(name: &str, document: u64) -> DocumentChanges {
        let mut changes = DocumentChanges::default();
        changes.put(name, &document).unwrap();
        changes
    }

    #[test]
    fn a_deferred_change_is_written_with_the_next_batch_unless_that_changes_the_same_document() {
        let records = MemoryRecords::new();
        let store = Store::new(records.clone()).unwrap();
        store.change_documents_later(change("shown/a", 1));
        store.change_documents_later(change("shown/a", 2));
        store.change_documents_later(change("shown/b", 3));
        assert_eq!(store.document::<u64>("shown/a").unwrap(), None);
        store.change_documents(change("shown/b", 4)).unwrap();
        let documents = || ["shown/a", "shown/b"].map(|name| store.document::<u64>(name).unwrap());
        assert_eq!(documents(), [Some(2), Some(4)]);
        store.change_documents(change("shown/a", 5)).unwrap();
        assert_eq!(documents(), [Some(5), Some(4)], "it is written once");
    }
}
