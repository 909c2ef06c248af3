//! The little that a store needs of its disk.

use std::time::Instant;

use super::StoreError;

/// How many records are in memory at once when all of them are read.
pub(super) const RECORDS_AT_ONCE: usize = 2_048;

/// Changes to be made together. A later change of a key takes the place of an earlier one.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Keys and their new values; `None` deletes.
    pub changes: Vec<Change>,
}

/// A key and its new value; `None` deletes.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// A change that lies elsewhere.
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

    /// The changes where they lie.
    pub(crate) fn by_reference(&self) -> Vec<ChangeRef<'_>> {
        self.changes.iter().map(|(key, value)| (&key[..], value.as_deref())).collect()
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

    /// Hears that nothing more comes for now. Costs no wait for the disk.
    fn on_idle(&self) {}

    /// Returns when nothing is on its way to its final place.
    ///
    /// # Errors
    /// The disk cannot be written. What was committed is safe all the same.
    fn arrive(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Moves everything to its final place, so that the next opening has nothing to do. Gives up at `until`, where it is given.
    ///
    /// # Errors
    /// The disk cannot be written, or the time is over. What was committed is safe all the same.
    fn settle(&self, _until: Option<Instant>) -> Result<(), StoreError> {
        Ok(())
    }

    /// Looks for what the records alone do not show: that some of them are gone, or are what they were before.
    ///
    /// # Errors
    /// The disk cannot be read.
    fn examine(&self) -> Result<Vec<StoreError>, StoreError> {
        Ok(Vec::new())
    }
}

/// A sorted map whose changes need not be durable at once: where committed records have their final place.
pub trait FinalPlace: Records {
    /// Makes changes that a crash may undo, each for itself. Who has them keeps them until they are durable.
    ///
    /// # Errors
    /// The disk cannot be written.
    fn write(&self, changes: &[ChangeRef<'_>]) -> Result<(), StoreError>;

    /// Returns when every change is durable.
    ///
    /// # Errors
    /// The disk cannot be written.
    fn synchronize(&self) -> Result<(), StoreError>;

    /// Whether damage may have been passed over when it was opened, and to look for it ([`Records::examine`]) takes no time.
    fn is_doubtful(&self) -> bool {
        false
    }

    /// Refuses where the disk has no room for so many bytes of changes.
    ///
    /// # Errors
    /// There is no room.
    fn ensure_room(&self, bytes: u64) -> Result<(), StoreError>;
}

/// Hands over all records under a prefix in the order of their keys, as many at a time as lie in memory together.
///
/// # Errors
/// The disk cannot be read, or `part` failed.
pub(super) fn all_in_parts(
    records: &dyn Records,
    prefix: &[u8],
    mut part: impl FnMut(&[Record]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut from = prefix.to_vec();
    loop {
        let found = records.scan(prefix, Some(&from), RECORDS_AT_ONCE)?;
        let Some((last, _)) = found.last() else { return Ok(()) };
        from = [&last[..], &[0]].concat();
        part(&found)?;
    }
}
