//! What survives. A [`Store`] writes all that a group of transitions changed in one durable batch, and reads it back.
//!
//! The records lie in anything that is a sorted map with a durable batch ([`Records`]): sled on disk, a map in memory that can
//! crash. One conformance suite holds both.

mod codec;
mod documents;
mod error;
mod id;
mod keys;
mod lock;
mod memory;
mod records;
mod sled_records;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

pub use documents::DocumentChanges;
pub use error::StoreError;
pub use id::{ExecutionId, InvalidId, is_name};
pub use lock::{Holder, OwnerLock};
pub use memory::MemoryRecords;
pub use records::{Batch, Records};
pub use sled_records::SledRecords;

use crate::{
    journal::Entry,
    machine::{ExecutionHeader, FrameRow, Transition},
};

/// What is written for one execution in a batch.
#[derive(Debug, Default)]
pub struct Write {
    /// The execution's id.
    pub execution: String,
    /// The definition and the input, when the execution begins.
    pub origin: Option<Origin>,
    /// What a turn of the machine changed; its commands are not stored.
    pub transition: Transition,
}

/// What an execution begins with: written once.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// The definition, pinned.
    pub definition: Arc<Value>,
    /// The input.
    pub input: Arc<Value>,
}

/// Executions, durable.
pub struct Store {
    records: Box<dyn Records>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// A store over records; new ones are given this version's format.
    ///
    /// # Errors
    /// The records are of another format, or cannot be read or written.
    pub fn new(records: impl Records) -> Result<Self, StoreError> {
        let store = Store { records: Box::new(records) };
        match store.read::<u32>(keys::FORMAT)? {
            Some(codec::FORMAT) => Ok(store),
            Some(found) => Err(StoreError::Format { found, known: codec::FORMAT }),
            None => {
                let mut batch = Batch::default();
                batch.put(keys::FORMAT.to_vec(), codec::encode(&codec::FORMAT)?);
                store.records.commit(batch)?;
                Ok(store)
            }
        }
    }

    /// Writes all in one batch and returns when it is durable.
    ///
    /// # Errors
    /// Nothing of the batch is to be relied on.
    pub fn commit(&self, writes: &[Write]) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for write in writes {
            let id = &write.execution;
            if let Some(origin) = &write.origin {
                let definition = codec::encode(&*origin.definition)?;
                let hash = hex::encode(Sha256::digest(&definition));
                batch.put(keys::definition(&hash), definition);
                batch.put(keys::origin(id), codec::encode(&(&hash, &*origin.input))?);
            }
            if let Some(header) = &write.transition.header {
                // The input is in the origin: it is not written again with every change of the header.
                let header = ExecutionHeader { input: Arc::default(), ..header.clone() };
                batch.put(keys::header(id), codec::encode(&header)?);
            }
            for row in &write.transition.frames_put {
                batch.put(keys::frame(id, row.id), codec::encode(row)?);
            }
            for frame in &write.transition.frames_deleted {
                batch.delete(keys::frame(id, *frame));
            }
            for entry in &write.transition.entries {
                batch.put(keys::entry(id, entry.sequence), codec::encode(entry)?);
            }
        }
        self.records.commit(batch)
    }

    /// Every execution's header, those begun last first.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn headers(&self) -> Result<Vec<ExecutionHeader>, StoreError> {
        let mut headers: Vec<ExecutionHeader> = self.scan(&keys::headers(), None, usize::MAX)?;
        headers.sort_by(|a, b| (b.started_ms, &b.id).cmp(&(a.started_ms, &a.id)));
        Ok(headers)
    }

    /// The headers of the executions whose id begins with `prefix`, by id, without their inputs.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn headers_of(&self, prefix: &str) -> Result<Vec<ExecutionHeader>, StoreError> {
        self.scan(&keys::header(prefix), None, usize::MAX)
    }

    /// One execution's header, with its input.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn header(&self, id: &str) -> Result<Option<ExecutionHeader>, StoreError> {
        let Some(mut header) = self.read::<ExecutionHeader>(&keys::header(id))? else { return Ok(None) };
        if let Some((_, input)) = self.read::<(String, Value)>(&keys::origin(id))? {
            header.input = Arc::new(input);
        }
        Ok(Some(header))
    }

    /// The definition that an execution was started with, and its hash.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn definition(&self, id: &str) -> Result<Option<(String, Value)>, StoreError> {
        let Some((hash, _)) = self.read::<(String, Value)>(&keys::origin(id))? else { return Ok(None) };
        let definition = self.read(&keys::definition(&hash))?;
        Ok(definition.map(|definition| (hash, definition)))
    }

    /// An execution's frames.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn frames(&self, id: &str) -> Result<Vec<FrameRow>, StoreError> {
        self.scan(&keys::frames(id), None, usize::MAX)
    }

    /// An execution's journal from a sequence on, at most `limit` entries.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn entries(&self, id: &str, from_sequence: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        self.scan(&keys::entries(id), Some(&keys::entry(id, from_sequence)), limit)
    }

    /// Forgets an ended execution.
    ///
    /// # Errors
    /// The records cannot be read or written.
    pub fn forget(&self, id: &str) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for prefix in [keys::frames(id), keys::entries(id)] {
            for (key, _) in self.records.scan(&prefix, None, usize::MAX)? {
                batch.delete(key);
            }
        }
        batch.delete(keys::header(id));
        batch.delete(keys::origin(id));
        self.records.commit(batch)
    }

    fn read<T: serde::de::DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.records.get(key)?.map(|bytes| codec::decode(key, &bytes)).transpose()
    }

    fn scan<T: serde::de::DeserializeOwned>(
        &self,
        prefix: &[u8],
        from: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<T>, StoreError> {
        self.records.scan(prefix, from, limit)?.iter().map(|(key, bytes)| codec::decode(key, bytes)).collect()
    }
}
