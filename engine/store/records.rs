//! The little that a store needs of its disk.

use super::StoreError;

/// Changes to be made together. A later change of a key takes the place of an earlier one.
#[derive(Debug, Default, Clone)]
pub struct Batch {
    /// Keys and their new values; `None` deletes.
    pub changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    /// Sets a key.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.push((key, Some(value)));
    }

    /// Deletes a key.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.changes.push((key, None));
    }
}

/// A record: its key and its bytes.
pub type Record = (Vec<u8>, Vec<u8>);

/// A sorted map with a durable, atomic batch.
pub trait Records: Send + Sync + 'static {
    /// The bytes under a key.
    ///
    /// # Errors
    /// The disk cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Records under a prefix in the order of their keys, beginning at `from`, at most `limit`.
    ///
    /// # Errors
    /// The disk cannot be read.
    fn scan(&self, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError>;

    /// Makes all changes, or none; returns when they are durable.
    ///
    /// # Errors
    /// The disk cannot be written: it is not known what is durable.
    fn commit(&self, batch: Batch) -> Result<(), StoreError>;
}
