//! Records with a commit log in front of an index: a commit is durable in the log at once. A checkpoint writes many commits to the
//! slower index later, and a record that was overwritten many times (the execution record) only once.

#[cfg(test)]
mod by_hand;
pub(super) mod checkpoint;
pub(super) mod memtable;
#[cfg(test)]
mod tests;

use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

#[cfg(test)]
pub(crate) use self::by_hand::{ByHand, compact_by_hand, rebuild_by_hand};
use self::{
    checkpoint::{Checkpointer, Shared},
    memtable::Memtable,
};
use super::{
    Batch, DiskIndex, Records, StoreError, batch_codec,
    commit_log::{self, CommitLog, DiskFile, LogFile},
    mirror::MirroredIndex,
    records::{Index, Record},
};

/// The length at which the other file becomes the active one. The memtable has the same changes in memory.
const LOG_BYTES_MAX: u64 = 1024 * 1024;
/// A file of this length waits until the other one is free: a bound for memory and disk.
const LOG_BYTES_LIMIT: u64 = 3 * LOG_BYTES_MAX;
/// The longest wait by which a commit is slowed down to the rate of checkpoints.
const PACE_MAX: Duration = Duration::from_millis(20);
/// The length up to which the log stays as it is when the store is closed: reading it at the next opening takes no time.
const LOG_BYTES_LEFT_MAX: u64 = 256 * 1024;

/// The names of a log's files.
pub(super) const LOG_NAMES: [&str; 2] = ["commits-0.log", "commits-1.log"];

pub(super) fn log_files(folder: &Path) -> Result<[Box<dyn LogFile>; 2], StoreError> {
    let file = |name: &str| -> Result<Box<dyn LogFile>, StoreError> {
        let path = folder.join(name);
        let file = DiskFile::open(&path).map_err(|error| StoreError::open_error(&path, &error))?;
        Ok(Box::new(file))
    };
    let [first, second] = LOG_NAMES;
    Ok([file(first)?, file(second)?])
}

/// The time that a commit waits for a checkpoint in progress: zero when the log has just reached its length, the maximum at the length at
/// which commits stop.
fn pace(used_bytes: u64, log_bytes_max: u64) -> Duration {
    let over = used_bytes.saturating_sub(log_bytes_max) as f64;
    let span = log_bytes_max.saturating_mul(LOG_BYTES_LIMIT / LOG_BYTES_MAX - 1).max(1) as f64;
    PACE_MAX.mul_f64((over / span).min(1.0))
}

/// Records that are durable in a log first, and in an [`Index`] after a checkpoint.
pub struct LoggedRecords {
    shared: Arc<Shared>,
    log: Mutex<CommitLog>,
    checkpointer: Checkpointer,
    log_bytes_max: u64,
    /// Whether the checkpoint found at opening is certainly durable.
    is_checkpoint_durable: AtomicBool,
}

impl LoggedRecords {
    /// Opens or creates a store's records in a folder: index, mirror, and the two files of the log.
    ///
    /// # Errors
    /// The folder cannot be used, another process has it open, or its data is damaged.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_with(folder, DiskIndex::open)
    }

    /// As [`LoggedRecords::open`], with the index that `open_index` opens.
    pub(super) fn open_with<I: Index>(
        folder: &Path,
        open_index: impl FnOnce(&Path) -> Result<I, StoreError>,
    ) -> Result<Self, StoreError> {
        let index = MirroredIndex::open(folder, open_index(folder)?)?;
        let must_be_compared = index.must_be_compared();
        let records = Self::with(index, log_files(folder)?, LOG_BYTES_MAX, Checkpointer::start)?;
        // After the checkpoint that a crash interrupted was repeated.
        let problems = if must_be_compared { records.scrub()? } else { Vec::new() };
        let damage = problems.into_iter().find(|problem| matches!(problem, StoreError::Index { .. }));
        damage.map_or(Ok(()), Err)?;
        records.shared.set_open();
        Ok(records)
    }

    /// Records over any index, without a mirror, and any two files.
    ///
    /// # Errors
    /// As [`LoggedRecords::open`].
    pub fn over(index: impl Index, files: [Box<dyn LogFile>; 2], log_bytes_max: u64) -> Result<Self, StoreError> {
        let records = Self::with(MirroredIndex::without_mirror(index), files, log_bytes_max, Checkpointer::start)?;
        records.shared.set_open();
        Ok(records)
    }

    fn with(
        index: MirroredIndex,
        files: [Box<dyn LogFile>; 2],
        log_bytes_max: u64,
        checkpointer: impl FnOnce(Arc<Shared>) -> Checkpointer,
    ) -> Result<Self, StoreError> {
        let checkpoint = checkpoint::last(index.records())?;
        let (log, found) = CommitLog::open(files, checkpoint)?;
        if checkpoint.is_none() {
            checkpoint::set(&index, 0)?;
        }
        let shared = Arc::new(Shared::new(index, Memtable::default()));
        let checkpointer = checkpointer(shared.clone());
        let active = found.len().saturating_sub(1);
        for (file, number) in found.into_iter().zip(0..) {
            for (_, bytes) in file.frames() {
                shared.memtable_mut().extend(batch_codec::decode(bytes, commit_log::NAME)?);
            }
            // The other file is not used again before its frames are in the index, as when the last process ended.
            if let Some(last) = file.last_sequence().filter(|_| number < active)
                && shared.make_immutable()
            {
                checkpointer.begin(last);
            }
        }
        let is_checkpoint_durable = AtomicBool::new(checkpoint.is_none());
        Ok(LoggedRecords { shared, log: Mutex::new(log), checkpointer, log_bytes_max, is_checkpoint_durable })
    }

    fn log(&self) -> MutexGuard<'_, CommitLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn switch(&self, log: &mut CommitLog) -> Result<(), StoreError> {
        // Check the room first: acknowledged commits stay in the log until there is room.
        self.shared.index.ensure_space(log.used_bytes()).map_err(|error| self.shared.fail(error))?;
        // Synchronize first: if only the system's cache had the checkpoint, a power failure would lose the commits of a file that
        // is overwritten.
        if !self.is_checkpoint_durable.swap(true, Ordering::Relaxed) {
            checkpoint::repeat(&self.shared.index).map_err(|error| self.shared.fail(error))?;
        }
        let sequence = log.switch().map_err(|error| self.shared.fail(error))?;
        self.checkpointer.begin(sequence);
        Ok(())
    }
}

impl Records for LoggedRecords {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.shared.memtable().get(key) {
            Some(change) => Ok(change),
            None => self.shared.index.records().get(key),
        }
    }

    fn scan(&self, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        // The memtable first: a change that moves to the index in between is found here.
        let changes = self.shared.memtable().range(prefix, from.unwrap_or(prefix), limit);
        memtable::scan_under(changes, self.shared.index.records(), prefix, from, limit)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.changes.is_empty() {
            return Ok(());
        }
        let mut log = self.log();
        self.shared.failure()?;
        if log.used_bytes() >= self.log_bytes_max {
            if log.used_bytes() >= self.log_bytes_max.saturating_mul(LOG_BYTES_LIMIT / LOG_BYTES_MAX) {
                self.shared.wait_for_checkpoint()?;
            } else {
                self.shared.pace(pace(log.used_bytes(), self.log_bytes_max));
            }
            if self.shared.make_immutable() {
                self.switch(&mut log)?;
            }
        }
        // After a failure nothing more is written: whether that commit is durable is unknown.
        let changes = batch.changes.iter().map(|(key, value)| (&key[..], value.as_deref()));
        log.append(|bytes| batch_codec::encode(changes, bytes)).map_err(|error| self.shared.fail(error))?;
        self.shared.memtable_mut().extend(batch.changes);
        Ok(())
    }

    fn scrub(&self) -> Result<Vec<StoreError>, StoreError> {
        // During a checkpoint the index and its mirror differ.
        self.shared.wait_for_checkpoint()?;
        self.shared.index.scrub()
    }

    fn on_idle(&self) {
        self.log().acknowledge();
    }

    fn wait_for_checkpoint(&self) -> Result<(), StoreError> {
        self.shared.wait_for_checkpoint()
    }

    fn checkpoint(&self, until: Option<Instant>) -> Result<(), StoreError> {
        let mut log = self.log();
        log.acknowledge();
        if log.used_bytes() <= LOG_BYTES_LEFT_MAX {
            return Ok(());
        }
        self.shared.wait_for_checkpoint_by(until)?;
        if self.shared.make_immutable() {
            self.switch(&mut log)?;
        }
        self.shared.wait_for_checkpoint_by(until)
    }
}
