//! The mirror: a second copy of all records beside the index. One damaged byte can make a complete index unreadable; then the index is
//! rebuilt from the mirror. [`MirroredIndex`] adds it to any [`Index`]: a checkpoint writes to both, and only the index is read.
//!
//! **Invariants.**
//! 1. A change is appended to the mirror before it is written to the index.
//! 2. The mirror is synchronized before the index, and the index makes the mirror's position durable together with the changes up to it. So
//!    the mirror has, durably, every change up to the position in the index.
//! 3. The commit log keeps a change until index and mirror have it durably (the record [`CHECKPOINT`] is written last).
//!
//! **Crash points** of a checkpoint, and what the next opening does:
//! - *while the mirror is appended to*: the last log frame is torn. The index has none of its changes; the frame is cut off.
//! - *after the append, before or while the index is written*: the index has none or some of the changes. The mirror is read from the
//!   position in the index on, and its changes are written again, in order.
//! - *after the mirror is synchronized, before the index is*: the same.
//! - *after both are synchronized, before the record [`CHECKPOINT`] is durable*: the commit log repeats the checkpoint. The mirror then has
//!   its changes twice, and the later ones are valid.
//! - *a power failure at any of these points*: the mirror may have lost what was appended after the position, and the index may have more.
//!   The commit log repeats these changes. If the index has the record [`CHECKPOINT`] and the mirror has not, it is written again
//!   before the log is overwritten. If a later log frame is readable and an earlier one is not, the mirror is damaged.
//!
//! Crash points of a new mirror, which replaces a damaged or missing one:
//! - *before it is renamed*: the earlier mirror is valid, or there is none. The incomplete file is overwritten by the next attempt.
//! - *after it is renamed, before the index has its position*: no mirror has the position in the index. The next write creates one again.
//!   An index that never had a position is rebuilt from the mirror, which has all its records.
//!
//! [`CHECKPOINT`]: super::logged::checkpoint::CHECKPOINT

mod file;
mod files;
mod log_frame_file;
#[cfg(test)]
mod tests;

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

pub(super) use self::file::{Mirror, fingerprint};
pub(crate) use self::files::MirrorFiles;
use self::{file::Position, files::FolderFiles};
use super::{
    StoreError,
    damage::Fingerprints,
    records::{ChangeRef, Index, Records, scan_pages},
};

/// The longest mirror that an opening compares with the index: comparing it takes no time. `flow doctor` and a compaction compare any.
const COMPARED_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// An index and its mirror.
pub(super) struct MirroredIndex {
    index: Box<dyn Index>,
    /// `None` for an index without a mirror.
    files: Option<Box<dyn MirrorFiles>>,
    /// `None` if no mirror matches the index; the next write creates one. Locked while both are written.
    mirror: Mutex<Option<Mirror>>,
    must_be_compared: bool,
}

impl MirroredIndex {
    /// An index, and its mirror in a folder. Writes the changes to the index that only the mirror has.
    ///
    /// # Errors
    /// A file cannot be read or written, or the index is damaged ([`StoreError::Index`]).
    pub fn open(folder: &Path, index: impl Index) -> Result<Self, StoreError> {
        Self::open_in(Box::new(FolderFiles(folder.to_owned())), index)
    }

    /// As [`MirroredIndex::open`], with the mirror in any files.
    pub fn open_in(files: Box<dyn MirrorFiles>, index: impl Index) -> Result<Self, StoreError> {
        let folder = files.folder();
        let damaged = |error: StoreError| match error.lacks_room() {
            true => error,
            false => StoreError::index_error(folder, error.to_string()),
        };
        let position = index.position().map_err(damaged)?.as_deref().and_then(Position::decode);
        let mirror = match position {
            Some(position) => {
                match Mirror::open_and_replay(files.as_ref(), position, |changes| index.write(changes).map_err(damaged))
                {
                    Err(error) if matches!(error, StoreError::Index { .. }) || error.lacks_room() => return Err(error),
                    // Damage to the mirror alone is repaired: the next write creates a new mirror.
                    mirror => mirror.unwrap_or_default(),
                }
            }
            // An index creates a new file if its own is missing.
            None if Mirror::found_in(files.as_ref())?.is_some_and(|mirror| !mirror.is_empty()) => {
                return Err(StoreError::index_error(folder, "it is empty, and its mirror is not".to_owned()));
            }
            None => None,
        };
        let is_short = mirror.as_ref().is_some_and(|mirror| mirror.length_bytes() <= COMPARED_BYTES_MAX);
        let must_be_compared = is_short && index.may_have_skipped_damage();
        let (files, mirror) = (Some(files), Mutex::new(mirror));
        Ok(MirroredIndex { index: Box::new(index), files, mirror, must_be_compared })
    }

    /// An index without a mirror.
    pub fn without_mirror(index: impl Index) -> Self {
        MirroredIndex { index: Box::new(index), files: None, mirror: Mutex::default(), must_be_compared: false }
    }

    /// Its records, to be read.
    pub fn records(&self) -> &dyn Records {
        self.index.as_ref()
    }

    /// As [`MirroredIndex::records`], for a caller that writes nothing more.
    pub fn into_records(self) -> Box<dyn Records> {
        self.index
    }

    /// Whether the opening must call [`MirroredIndex::scrub`]: the index may have skipped damage, and the comparison takes no time.
    pub fn must_be_compared(&self) -> bool {
        self.must_be_compared
    }

    fn mirror(&self) -> MutexGuard<'_, Option<Mirror>> {
        self.mirror.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends changes to the mirror and then writes them to the index; durable after [`MirroredIndex::synchronize`].
    ///
    /// # Errors
    /// The disk cannot be written.
    pub fn write(&self, changes: &[ChangeRef<'_>]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut mirror = self.mirror();
        if let Some(files) = &self.files {
            match mirror.as_mut() {
                Some(mirror) => mirror.append(changes)?,
                None => mirror.insert(self.new_mirror(files.as_ref())?).append(changes)?,
            }
        }
        self.index.write(changes)
    }

    /// Returns when every change is durable, in the mirror first.
    ///
    /// # Errors
    /// The disk cannot be written.
    pub fn synchronize(&self) -> Result<(), StoreError> {
        let mut position = None;
        if let Some(mirror) = self.mirror().as_mut() {
            mirror.synchronize()?;
            position = Some(mirror.position().encode());
        }
        self.index.synchronize(position.as_deref())
    }

    /// Fails if the disk has no room for so many bytes of changes.
    ///
    /// # Errors
    /// There is no room.
    pub fn ensure_space(&self, bytes: u64) -> Result<(), StoreError> {
        self.index.ensure_space(bytes)
    }

    /// Compares the index with its mirror and returns the differences. A damaged mirror is replaced by a new one.
    ///
    /// # Errors
    /// A new mirror cannot be written.
    pub fn scrub(&self) -> Result<Vec<StoreError>, StoreError> {
        let Some(files) = &self.files else { return Ok(Vec::new()) };
        let folder = files.folder();
        let first = fingerprints(&mut self.mirror());
        let is_equal = |expected: Fingerprints| expected.differences(folder, self.records()).is_empty();
        if first.is_ok_and(|expected| expected.is_some_and(is_equal)) {
            return Ok(Vec::new());
        }
        // A checkpoint may have written during the comparison. While the mirror is locked none can.
        let mut mirror = self.mirror();
        let problem = match fingerprints(&mut mirror) {
            Ok(Some(expected)) => return Ok(expected.differences(folder, self.records())),
            Ok(None) => None,
            Err(problem) => Some(problem),
        };
        *mirror = Some(self.new_mirror(files.as_ref())?);
        drop(mirror);
        self.synchronize()?;
        Ok(problem.into_iter().collect())
    }

    /// A mirror of the index's records, for a store without one: of an earlier version, or after the loss of the mirror.
    fn new_mirror(&self, files: &dyn MirrorFiles) -> Result<Mirror, StoreError> {
        Mirror::create(files, |mirror| {
            scan_pages(self.records(), &[], |records| {
                let changes: Vec<_> = records.iter().map(|(key, value)| (&key[..], Some(&value[..]))).collect();
                mirror.append(&changes)
            })
        })
    }
}

/// The records of a mirror, if it exists.
fn fingerprints(mirror: &mut Option<Mirror>) -> Result<Option<Fingerprints>, StoreError> {
    mirror.as_mut().map(Fingerprints::read).transpose()
}
