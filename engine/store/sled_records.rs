//! Records in sled.

mod opening;
mod panics;
#[cfg(test)]
mod tests;
mod tree;

use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use self::{opening::Opened, tree::LongTree};
use super::{
    Batch, Records, StoreError,
    commit_log::count_synchronization,
    free_space,
    records::{ChangeRef, Index, Record},
};

/// An upper bound for how many times a checkpoint writes each byte of a change: more than once by sled, once to the mirror.
const WRITTEN_TIMES_MAX: u64 = 5;
/// The note with the position of [`Index::synchronize`].
const POSITION: &str = "mirror";

/// A sled database. One process at a time: take the [`super::OwnerLock`] first.
pub struct SledRecords {
    folder: PathBuf,
    tree: LongTree,
    /// The file that sled writes. On Linux sled's `flush` ends with sync_file_range, which does not write the file's length and the
    /// disk's cache; only after fdatasync does a commit survive a power failure.
    log: File,
    /// Whether sled recovered its tree from its file at the opening.
    was_recovered: bool,
}

impl SledRecords {
    /// Opens or creates the database in a folder.
    ///
    /// # Errors
    /// The folder cannot be used, another process has it open, or it is damaged ([`StoreError::Index`]).
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        // Inputs and outputs are private, also in a home that others may read.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| StoreError::open_error(folder, &error))?;
        free_space::ensure(folder, free_space::FREE_BYTES_MIN)?;
        let Opened { tree, log, was_recovered } = opening::open(folder)?;
        Ok(SledRecords { folder: folder.to_owned(), tree, log, was_recovered })
    }
}

/// The kind of the system error inside an error of sled.
fn io_kind(error: &sled::Error) -> io::ErrorKind {
    match error {
        sled::Error::Io(error) => error.kind(),
        _ => io::ErrorKind::Other,
    }
}

fn open_error(folder: &Path, error: &sled::Error) -> StoreError {
    StoreError::Open { folder: folder.display().to_string(), message: error.to_string(), kind: io_kind(error) }
}

fn read_error(error: sled::Error) -> StoreError {
    StoreError::Read { message: error.to_string(), kind: io_kind(&error) }
}

fn write_error(error: sled::Error) -> StoreError {
    StoreError::Write { message: error.to_string(), kind: io_kind(&error) }
}

impl Records for SledRecords {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.tree.get(key)
    }

    fn scan(&self, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        let records = self.tree.range(from.unwrap_or(prefix));
        records
            .take_while(|record| record.as_ref().map_or(true, |(key, _)| key.starts_with(prefix)))
            .take(limit)
            .map(|record| record.map(|(key, value)| (key.to_vec(), value)))
            .collect()
    }

    /// Not atomic: a crash may keep some of the changes. The log repeats all of them.
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.write(&batch.by_reference())?;
        self.synchronize(None)
    }
}

impl Index for SledRecords {
    /// Makes one change at a time: within a batch, sled keeps every earlier copy of the changed nodes in memory.
    fn write(&self, changes: &[ChangeRef<'_>]) -> Result<(), StoreError> {
        changes.iter().try_for_each(|(key, value)| match value {
            Some(value) => self.tree.insert(key, value),
            None => self.tree.remove(key),
        })
    }

    fn synchronize(&self, position: Option<&[u8]>) -> Result<(), StoreError> {
        // After the changes: sled writes its log in order.
        if let Some(position) = position {
            self.tree.set_note(POSITION, position.to_vec())?;
        }
        count_synchronization();
        count_synchronization();
        self.tree.flush()?;
        self.log.sync_data().map_err(|error| StoreError::write_error(&error))
    }

    fn position(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.tree.note(POSITION)
    }

    fn may_have_skipped_damage(&self) -> bool {
        self.was_recovered
    }

    fn ensure_space(&self, bytes: u64) -> Result<(), StoreError> {
        let needed_bytes = bytes.saturating_mul(WRITTEN_TIMES_MAX).saturating_add(free_space::FREE_BYTES_MIN);
        free_space::ensure(&self.folder, needed_bytes)
    }
}
