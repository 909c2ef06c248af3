//! Named JSON documents beside the executions: what an API keeps about state machines, activities, tags.

use serde::{Serialize, de::DeserializeOwned};

use super::{Batch, Store, StoreError, codec, keys, records::Change};

/// Changes of documents that become durable together.
#[derive(Debug, Default, Clone)]
pub struct DocumentChanges {
    batch: Batch,
}

impl DocumentChanges {
    /// Writes a document in place of an earlier one of that name.
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

/// The record of a document. Equal records of one name are equal documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRecord {
    key: Vec<u8>,
    bytes: Vec<u8>,
}

impl DocumentRecord {
    /// What it says.
    ///
    /// # Errors
    /// It is damaged, or another kind of document.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        codec::decode(&self.key, &self.bytes)
    }
}

impl Store {
    /// Carries changes out in one batch and returns when they are durable.
    ///
    /// # Errors
    /// The records cannot be written.
    pub fn change_documents(&self, changes: DocumentChanges) -> Result<(), StoreError> {
        self.records.commit(changes.batch)
    }

    /// The document of a name.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn document<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        self.read(&keys::document(name))
    }

    /// The record of a name's document, not decoded.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn document_record(&self, name: &str) -> Result<Option<DocumentRecord>, StoreError> {
        let key = keys::document(name);
        Ok(self.records.get(&key)?.map(|bytes| DocumentRecord { key, bytes }))
    }

    /// The documents whose name begins with `prefix`, by name, at most `limit` of them, those behind `after` only.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn documents<T: DeserializeOwned>(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, T)>, StoreError> {
        // The least name behind another has one NUL more.
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
