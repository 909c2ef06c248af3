//! Records in sled, with a mirror beside it.

mod frames_file;
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
    commit_log::count_synchronization,
    free_space,
    records::{ChangeRef, Index, Record, scan_pages},
};

/// An upper bound for how many times sled and the mirror write each byte.
const WRITTEN_TIMES_MAX: u64 = 5;
/// The longest mirror that an opening compares with sled: comparing it takes no time. `flow doctor` and a compaction compare any.
const COMPARED_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// The note with the end of the mirror.
const MIRROR_END: &str = "mirror";
/// The maximum number of reported differences.
const DIFFERENCES_MAX: usize = 20;

/// A sled database. One process at a time: take the [`super::OwnerLock`] first.
pub struct SledRecords {
    folder: PathBuf,
    tree: LongTree,
    /// The file that sled writes. On Linux sled's `flush` ends with sync_file_range, which does not write the file's length and the
    /// disk's cache; only after fdatasync does a commit survive a power failure.
    log: File,
    /// `None` if no mirror matches sled; the next write creates one.
    mirror: Mutex<Option<Mirror>>,
    is_doubtful: bool,
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
        let damaged = |error: StoreError| match error.lacks_room() {
            true => error,
            false => opening::damaged(folder, error.to_string()),
        };
        let end = tree.note(MIRROR_END).map_err(damaged)?.as_deref().and_then(End::decode);
        let mirror = match end {
            Some(end) => match Mirror::open_and_replay(folder, end, |changes| apply(&tree, changes).map_err(damaged)) {
                Err(error) if matches!(error, StoreError::Index { .. }) || error.lacks_room() => return Err(error),
                // Damage to the mirror alone is repaired: the next write creates a new mirror.
                mirror => mirror.unwrap_or_default(),
            },
            // Sled creates a new file if its own is missing.
            None if Mirror::found(folder)?.is_some_and(|mirror| !mirror.is_empty()) => {
                return Err(opening::damaged(folder, "it is empty, and its mirror is not".to_owned()));
            }
            None => None,
        };
        let is_short = mirror.as_ref().is_some_and(|mirror| mirror.length_bytes() <= COMPARED_BYTES_MAX);
        let is_doubtful = was_recovered && is_short;
        Ok(SledRecords { folder: folder.to_owned(), tree, log, mirror: Mutex::new(mirror), is_doubtful })
    }

    fn mirror(&self) -> MutexGuard<'_, Option<Mirror>> {
        self.mirror.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The mirror first: a crash between the two leaves sled unchanged.
    fn append_to_mirror(&self, changes: &[ChangeRef<'_>]) -> Result<(), StoreError> {
        let mut mirror = self.mirror();
        match mirror.as_mut() {
            Some(mirror) => mirror.append(changes),
            None => mirror.insert(self.new_mirror()?).append(changes),
        }
    }

    /// A mirror of sled's records, for a store without one: of an earlier version, or after the loss of the mirror.
    fn new_mirror(&self) -> Result<Mirror, StoreError> {
        Mirror::create(&self.folder, |mirror| {
            scan_pages(self, &[], |records| {
                let changes: Vec<_> = records.iter().map(|(key, value)| (&key[..], Some(&value[..]))).collect();
                mirror.append(&changes)
            })
        })
    }

    /// The records of the mirror, as fingerprints of keys and values.
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

    fn replace_mirror(&self) -> Result<(), StoreError> {
        *self.mirror() = Some(self.new_mirror()?);
        self.synchronize()
    }

    /// The differences between sled's records and the expected ones.
    fn differences(&self, mut expected: HashMap<u128, u128>) -> Vec<StoreError> {
        let mut differences = Vec::new();
        for record in self.tree.range(&[]) {
            match record {
                Ok((key, value)) if expected.remove(&fingerprint(&key)) == Some(fingerprint(&value)) => {}
                Ok((key, _)) => {
                    differences.push(self.index_error(format!("the record {} is not what it was set to", shown(&key))))
                }
                Err(error) => differences.push(self.index_error(error.to_string())),
            }
            if differences.len() >= DIFFERENCES_MAX {
                return differences;
            }
        }
        if !expected.is_empty() {
            differences.push(self.index_error(format!("{} records are missing", expected.len())));
        }
        differences
    }

    fn index_error(&self, message: String) -> StoreError {
        opening::damaged(&self.folder, message)
    }
}

/// One change at a time: within a batch sled keeps in memory every earlier copy of the nodes that it changes.
fn apply(tree: &LongTree, changes: &[ChangeRef<'_>]) -> Result<(), StoreError> {
    changes.iter().try_for_each(|(key, value)| match value {
        Some(value) => tree.insert(key, value),
        None => tree.remove(key),
    })
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
        self.synchronize()
    }

    /// Compares sled with its mirror. A damaged mirror is replaced by a new one.
    fn scrub(&self) -> Result<Vec<StoreError>, StoreError> {
        match self.mirrored() {
            Ok(Some(expected)) => Ok(self.differences(expected)),
            Ok(None) => self.replace_mirror().map(|()| Vec::new()),
            Err(problem) => self.replace_mirror().map(|()| vec![problem]),
        }
    }
}

impl Index for SledRecords {
    fn write(&self, changes: &[ChangeRef<'_>]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.append_to_mirror(changes)?;
        apply(&self.tree, changes)
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

    fn ensure_space(&self, bytes: u64) -> Result<(), StoreError> {
        free_space::ensure(
            &self.folder,
            bytes.saturating_mul(WRITTEN_TIMES_MAX).saturating_add(free_space::FREE_BYTES_MIN),
        )
    }
}

fn shown(key: &[u8]) -> String {
    String::from_utf8_lossy(key).replace('\0', "#")
}
