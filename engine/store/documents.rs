//! Named JSON documents: what the API stores about state machines, activities and tags.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
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

/// The number of changes to documents of each kind in this process. The kind is the part of the name before the first `/`.
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
