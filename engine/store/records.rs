//! The interface between a store and its disk.

use std::time::Instant;

use super::StoreError;

/// The maximum number of records in memory when all of them are read.
pub(super) const RECORDS_AT_ONCE: usize = 2_048;

/// Changes that are committed together. A later change of a key replaces an earlier one.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Keys and their new values; `None` deletes.
    pub changes: Vec<Change>,
}

/// A key and its new value; `None` deletes.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// A change by reference.
pub type ChangeRef<'c> = (&'c [u8], Option<&'c [u8]>);

impl Batch {
    /// Sets a key.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.push((key, Some(value)));
    }

    /// Deletes a key.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.changes.push((key, None));
    }

    /// The changes by reference.
    pub(crate) fn by_reference(&self) -> Vec<ChangeRef<'_>> {
        self.changes.iter().map(|(key, value)| (&key[..], value.as_deref())).collect()
    }
}

/// A record: its key and its bytes.
pub type Record = (Vec<u8>, Vec<u8>);

/// A sorted map with a durable, atomic batch: what a [`Store`](super::Store) reads and writes.
pub trait Records: Send + Sync + 'static {
    /// The value of a key.
    ///
    /// # Errors
    /// The disk cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Records under a prefix, ordered by key, from the key `from` on, at most `limit`.
    ///
    /// # Errors
    /// The disk cannot be read.
    fn scan(&self, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError>;

    /// Makes all changes or none. Returns when they are durable.
    ///
    /// # Errors
    /// The disk cannot be written. What is durable is unknown.
    fn commit(&self, batch: Batch) -> Result<(), StoreError>;

    /// Called when the dispatcher is idle: appends the acknowledgement marker without fsync.
    fn on_idle(&self) {}

    /// Blocks until no checkpoint is in progress.
    ///
    /// # Errors
    /// The disk cannot be written. Committed changes stay durable.
    fn wait_for_checkpoint(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Writes all committed changes to the index, so that the next opening has nothing to repeat. Fails at `until`.
    ///
    /// # Errors
    /// The disk cannot be written, or the time is over. Committed changes stay durable.
    fn checkpoint(&self, _until: Option<Instant>) -> Result<(), StoreError> {
        Ok(())
    }

    /// Searches for damage that no single record shows: records that are missing or have an old value.
    ///
    /// # Errors
    /// The disk cannot be read.
    fn scrub(&self) -> Result<Vec<StoreError>, StoreError> {
        Ok(Vec::new())
    }
}

/// A sorted map to which a checkpoint writes. Its changes may become durable later. Besides this trait, an index needs only a function that
/// opens it in a folder, as [`SledRecords::open`](super::SledRecords::open).
pub trait Index: Records {
    /// Makes changes, in order but not atomically; a crash may undo them. The caller keeps them until they are durable.
    ///
    /// # Errors
    /// The disk cannot be written.
    fn write(&self, changes: &[ChangeRef<'_>]) -> Result<(), StoreError>;

    /// Returns when every change is durable, and with them `position`, a few bytes of the caller that are no record. No crash keeps
    /// `position` without the changes that precede it. `None` leaves the last one.
    ///
    /// # Errors
    /// The disk cannot be written.
    fn synchronize(&self, position: Option<&[u8]>) -> Result<(), StoreError>;

    /// The last position that [`Index::synchronize`] made durable; `None` in a new index.
    ///
    /// # Errors
    /// The disk cannot be read.
    fn position(&self) -> Result<Option<Vec<u8>>, StoreError>;

    /// Whether the opening may have skipped unreadable data, so that records are missing or old without an error.
    fn may_have_skipped_damage(&self) -> bool {
        false
    }

    /// Fails if the disk has no room for so many bytes of changes. An index that survives a full disk needs no such check.
    ///
    /// # Errors
    /// There is no room.
    fn ensure_space(&self, _bytes: u64) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Passes all records under a prefix to `page`, ordered by key, at most [`RECORDS_AT_ONCE`] at a time.
///
/// # Errors
/// The disk cannot be read, or `page` failed.
pub(super) fn scan_pages(
    records: &dyn Records,
    prefix: &[u8],
    mut page: impl FnMut(&[Record]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut from = prefix.to_vec();
    loop {
        let found = records.scan(prefix, Some(&from), RECORDS_AT_ONCE)?;
        let Some((last, _)) = found.last() else { return Ok(()) };
        from = [&last[..], &[0]].concat();
        page(&found)?;
    }
}
