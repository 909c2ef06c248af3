//! Records in sled, and beside it in a mirror.

mod mirror;
mod opening;
mod panics;
#[cfg(test)]
mod tests;
mod tree;

use std::{
    collections::HashMap,
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

pub(super) use self::mirror::Mirror;
use self::{
    mirror::{End, fingerprint},
    opening::Opened,
    tree::LongTree,
};
use super::{
    Batch, Records, StoreError,
    log::count_synchronization,
    records::{ChangeRef, FinalPlace, Record, all_in_parts},
    room,
};

/// How often sled and the mirror may write a byte until it lies where it stays.
const WRITTEN_TIMES_MAX: u64 = 5;
/// Up to how long a mirror is compared with sled at an opening: it takes no time. A longer one is compared by whoever asks.
const COMPARED_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// The note that tells up to where the mirror has everything.
const MIRROR_END: &str = "mirror";
/// The most differences that are told.
const DIFFERENCES_MAX: usize = 20;

/// A sled database. One process at a time: take the [`super::OwnerLock`] first.
pub struct SledRecords {
    folder: PathBuf,
    tree: LongTree,
    /// The file that sled writes. On Linux its `flush` ends with sync_file_range, which leaves the file's length and the disk's
    /// own cache alone; only after fdatasync is a commit safe from a loss of power.
    log: File,
    /// `None` until something is written where there is none in step with sled.
    mirror: Mutex<Option<Mirror>>,
    is_doubtful: bool,
}

impl SledRecords {
    /// Opens or makes the database in a folder.
    ///
    /// # Errors
    /// The folder cannot be used, another process has it open, or it is damaged ([`StoreError::Index`]).
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        // For its owner alone, also in a home that others may read: it holds inputs and outputs.
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| StoreError::open_error(folder, &error))?;
        room::ensure(folder, room::ROOM_BYTES_MIN)?;
        let Opened { tree, log, was_read_anew } = opening::open(folder)?;
        let damaged = |error: StoreError| opening::damaged(folder, error.to_string());
        let end = tree.note(MIRROR_END).map_err(damaged)?.as_deref().and_then(End::decode);
        let mirror = match end {
            Some(end) => match Mirror::in_step(folder, end, |changes| make(&tree, changes).map_err(damaged)) {
                Err(error @ StoreError::Index { .. }) => return Err(error),
                // What is wrong with the mirror alone is made good by the next one.
                mirror => mirror.unwrap_or_default(),
            },
            // Sled makes a new file where its own is gone.
            None if Mirror::found(folder)?.is_some_and(|mirror| !mirror.is_empty()) => {
                return Err(opening::damaged(folder, "it is empty, and its mirror is not".to_owned()));
            }
            None => None,
        };
        let is_short = mirror.as_ref().is_some_and(|mirror| mirror.length_bytes() <= COMPARED_BYTES_MAX);
        let is_doubtful = was_read_anew && is_short;
        Ok(SledRecords { folder: folder.to_owned(), tree, log, mirror: Mutex::new(mirror), is_doubtful })
    }

    fn mirror(&self) -> MutexGuard<'_, Option<Mirror>> {
        self.mirror.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes go to the mirror first: a crash in between leaves sled as it was.
    fn reflect(&self, changes: &[ChangeRef<'_>]) -> Result<(), StoreError> {
        let mut mirror = self.mirror();
        match mirror.as_mut() {
            Some(mirror) => mirror.append(changes),
            None => mirror.insert(self.mirror_anew()?).append(changes),
        }
    }

    /// A mirror of what sled has, for a store that has none: an earlier version's, or one whose mirror was lost.
    fn mirror_anew(&self) -> Result<Mirror, StoreError> {
        Mirror::anew(&self.folder, |mirror| {
            all_in_parts(self, &[], |records| {
                let changes: Vec<_> = records.iter().map(|(key, value)| (&key[..], Some(&value[..]))).collect();
                mirror.append(&changes)
            })
        })
    }

    /// What every record is by the mirror: fingerprints of keys and values.
    fn mirrored(&self) -> Result<Option<HashMap<u128, u128>>, StoreError> {
        let mut mirror = self.mirror();
        let Some(mirror) = mirror.as_mut() else { return Ok(None) };
        let mut expected = HashMap::new();
        mirror.records(|(key, value)| {
            expected.insert(fingerprint(&key), fingerprint(value.as_deref().unwrap_or_default()));
            Ok(())
        })?;
        Ok(Some(expected))
    }

    fn renew_mirror(&self) -> Result<(), StoreError> {
        *self.mirror() = Some(self.mirror_anew()?);
        self.synchronize()
    }

    /// How the records differ from those that are expected.
    fn differences(&self, mut expected: HashMap<u128, u128>) -> Vec<StoreError> {
        let mut differences = Vec::new();
        for record in self.tree.range(&[]) {
            match record {
                Ok((key, value)) if expected.remove(&fingerprint(&key)) == Some(fingerprint(&value)) => {}
                Ok((key, _)) => {
                    differences.push(self.differs(format!("the record {} is not what it was set to", shown(&key))))
                }
                Err(error) => differences.push(self.differs(error.to_string())),
            }
            if differences.len() >= DIFFERENCES_MAX {
                return differences;
            }
        }
        if !expected.is_empty() {
            differences.push(self.differs(format!("{} records are missing", expected.len())));
        }
        differences
    }

    fn differs(&self, message: String) -> StoreError {
        opening::damaged(&self.folder, message)
    }
}

/// One by one: within a batch sled keeps every earlier copy of the nodes that it changes in memory.
fn make(tree: &LongTree, changes: &[ChangeRef<'_>]) -> Result<(), StoreError> {
    changes.iter().try_for_each(|(key, value)| match value {
        Some(value) => tree.insert(key, value),
        None => tree.remove(key),
    })
}

/// The kind of the system's error that sled reports.
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

    /// Each change for itself: a crash may leave some of them. Behind a log, which repeats the whole of it, that is enough.
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.write(&batch.by_reference())?;
        self.synchronize()
    }

    /// Sled and its mirror are compared; a mirror that is damaged itself is made anew.
    fn examine(&self) -> Result<Vec<StoreError>, StoreError> {
        match self.mirrored() {
            Ok(Some(expected)) => Ok(self.differences(expected)),
            Ok(None) => self.renew_mirror().map(|()| Vec::new()),
            Err(problem) => self.renew_mirror().map(|()| vec![problem]),
        }
    }
}

impl FinalPlace for SledRecords {
    fn write(&self, changes: &[ChangeRef<'_>]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.reflect(changes)?;
        make(&self.tree, changes)
    }

    fn synchronize(&self) -> Result<(), StoreError> {
        if let Some(mirror) = self.mirror().as_mut() {
            mirror.synchronize()?;
            self.tree.set_note(MIRROR_END, mirror.end().encode())?;
        }
        count_synchronization();
        count_synchronization();
        self.tree.flush()?;
        self.log.sync_data().map_err(|error| StoreError::write_error(&error))
    }

    fn is_doubtful(&self) -> bool {
        self.is_doubtful
    }

    fn ensure_room(&self, bytes: u64) -> Result<(), StoreError> {
        room::ensure(&self.folder, bytes.saturating_mul(WRITTEN_TIMES_MAX).saturating_add(room::ROOM_BYTES_MIN))
    }
}

fn shown(key: &[u8]) -> String {
    String::from_utf8_lossy(key).replace('\0', "#")
}
