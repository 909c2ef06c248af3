//! Records in sled.

mod tree;

use std::{
    fs::File,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use self::tree::LongTree;
use super::{
    Batch, Records, StoreError,
    log::count_synchronization,
    records::{FinalPlace, Record},
    room,
};

/// How long an opening waits for the lock of a process that has just ended.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(2);
const LOCK_WAIT_STEP: Duration = Duration::from_millis(10);
/// How often sled may write a byte until it lies where it stays.
const WRITTEN_TIMES_MAX: u64 = 4;
const CACHE_BYTES: u64 = 4 * 1024 * 1024;

/// A sled database. One process at a time: take the [`super::OwnerLock`] first.
pub struct SledRecords {
    folder: PathBuf,
    tree: LongTree,
    /// The file that sled writes. On Linux its `flush` ends with sync_file_range, which leaves the file's length and the disk's
    /// own cache alone; only after fdatasync is a commit safe from a loss of power.
    log: File,
}

impl SledRecords {
    /// Opens or makes the database in a folder.
    ///
    /// # Errors
    /// The folder cannot be used, or another process has it open.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let deadline = Instant::now() + LOCK_WAIT_MAX;
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
        room::ensure(folder, room::ROOM_BYTES_MIN)?;
        loop {
            let config = sled::Config::new().path(folder).cache_capacity(CACHE_BYTES).flush_every_ms(None);
            match config.open() {
                Ok(database) => {
                    let log = File::open(folder.join("db")).map_err(|error| failed(folder, &error))?;
                    let tree = LongTree::new(database).map_err(|error| failed(folder, &error))?;
                    return Ok(SledRecords { folder: folder.to_owned(), tree, log });
                }
                Err(sled::Error::Io(error)) if is_locked(&error) && Instant::now() < deadline => {
                    std::thread::sleep(LOCK_WAIT_STEP);
                }
                Err(error) => return Err(failed(folder, &error)),
            }
        }
    }
}

fn failed(folder: &Path, error: &dyn std::error::Error) -> StoreError {
    StoreError::Open { folder: folder.display().to_string(), message: error.to_string() }
}

fn is_locked(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::WouldBlock || error.to_string().contains("could not acquire lock")
}

fn read(error: sled::Error) -> StoreError {
    StoreError::Read { message: error.to_string() }
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

    /// Each change for itself: a crash may leave some of them. Behind a log, which repeats the whole of it, that is enough.
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.write(batch)?;
        self.synchronize()
    }
}

impl FinalPlace for SledRecords {
    /// One by one: within a batch sled keeps every earlier copy of the nodes that it changes in memory.
    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        for (key, value) in batch.changes {
            match value {
                Some(value) => self.tree.insert(&key, value)?,
                None => self.tree.remove(&key)?,
            }
        }
        Ok(())
    }

    fn synchronize(&self) -> Result<(), StoreError> {
        count_synchronization();
        count_synchronization();
        self.tree.flush()?;
        self.log.sync_data().map_err(|error| written(&error))
    }

    fn ensure_room(&self, bytes: u64) -> Result<(), StoreError> {
        room::ensure(&self.folder, bytes.saturating_mul(WRITTEN_TIMES_MAX).saturating_add(room::ROOM_BYTES_MIN))
    }
}

fn written(error: &dyn std::error::Error) -> StoreError {
    StoreError::Write { message: error.to_string() }
}
