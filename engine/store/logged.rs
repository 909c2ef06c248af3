//! Records with a commit log before them: a commit is durable in the log at once and moves to its final place later, many at a
//! time, so that what is written over again and again (where an execution stands) reaches the slower place only once.

#[cfg(test)]
mod by_hand;
mod checkpoint;
mod overlay;
mod salvaged;
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
pub(crate) use self::by_hand::ByHand;
pub(super) use self::{checkpoint::CHECKPOINT, salvaged::SalvagedRecords};
use self::{
    checkpoint::{Checkpointer, Shared},
    overlay::Overlay,
};
use super::{
    Batch, Records, SledRecords, StoreError,
    log::{CommitLog, DiskFile, LogFile},
    payload,
    records::{FinalPlace, Record},
};

/// When the log's active file is this long, the other one takes its turn. What is in them lies in memory too.
const LOG_BYTES_MAX: u64 = 1024 * 1024;
/// A file that is so much longer waits until the other one is free: bounds memory and disk.
const LOG_BYTES_BEHIND_MAX: u64 = 3 * LOG_BYTES_MAX;
/// The longest of the waits by which commits slow down to the rate of checkpoints.
const PACE_MAX: Duration = Duration::from_millis(20);
/// Less than this may stay in the log when the store is closed: reading it takes no time.
const LOG_BYTES_LEFT_MAX: u64 = 256 * 1024;

/// The names of a log's files.
pub(super) const LOG_NAMES: [&str; 2] = ["commits-0.log", "commits-1.log"];

fn log_files(folder: &Path) -> Result<[Box<dyn LogFile>; 2], StoreError> {
    let file = |name: &str| -> Result<Box<dyn LogFile>, StoreError> {
        let path = folder.join(name);
        let file = DiskFile::open(&path).map_err(|error| StoreError::open_error(&path, &error))?;
        Ok(Box::new(file))
    };
    let [first, second] = LOG_NAMES;
    Ok([file(first)?, file(second)?])
}

/// How long a commit waits for a checkpoint in progress: not at all when the log has just reached its length, longest when it has the
/// length at which commits stop.
fn pace(used_bytes: u64, log_bytes_max: u64) -> Duration {
    let over = used_bytes.saturating_sub(log_bytes_max) as f64;
    let span = log_bytes_max.saturating_mul(LOG_BYTES_BEHIND_MAX / LOG_BYTES_MAX - 1).max(1) as f64;
    PACE_MAX.mul_f64((over / span).min(1.0))
}

/// Records that are durable in a log and lie in a [`FinalPlace`] later.
pub struct LoggedRecords {
    shared: Arc<Shared>,
    log: Mutex<CommitLog>,
    checkpointer: Checkpointer,
    log_bytes_max: u64,
    /// Whether the checkpoint that was found is durable for certain.
    believed: AtomicBool,
}

impl LoggedRecords {
    /// Opens or makes a store's records in a folder: sled, and the two files of the log.
    ///
    /// # Errors
    /// The folder cannot be used, another process has it open, or what is there is damaged.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let place = SledRecords::open(folder)?;
        let is_doubtful = place.is_doubtful();
        let records = Self::over(place, log_files(folder)?, LOG_BYTES_MAX)?;
        // Only now: what a crash interrupted on its way to the final place has arrived there.
        let problems = if is_doubtful { records.examine()? } else { Vec::new() };
        let damage = problems.into_iter().find(|problem| matches!(problem, StoreError::Index { .. }));
        damage.map_or(Ok(records), Err)
    }

    /// Records over any final place and any two files.
    ///
    /// # Errors
    /// As [`LoggedRecords::open`].
    pub fn over(place: impl FinalPlace, files: [Box<dyn LogFile>; 2], log_bytes_max: u64) -> Result<Self, StoreError> {
        Self::with(place, files, log_bytes_max, Checkpointer::start)
    }

    fn with(
        place: impl FinalPlace,
        files: [Box<dyn LogFile>; 2],
        log_bytes_max: u64,
        checkpointer: impl FnOnce(Arc<Shared>) -> Checkpointer,
    ) -> Result<Self, StoreError> {
        let checkpoint = checkpoint::last(&place)?;
        let (log, found) = CommitLog::open(files, checkpoint)?;
        if checkpoint.is_none() {
            checkpoint::set(&place, 0)?;
        }
        let shared = Arc::new(Shared::new(Box::new(place), Overlay::default()));
        let checkpointer = checkpointer(shared.clone());
        let behind = found.len().saturating_sub(1);
        for (file, number) in found.into_iter().zip(0..) {
            for (_, bytes) in file.frames() {
                shared.change().extend(payload::decode(bytes)?);
            }
            // The other file may not be used again before what is in it has arrived: as it was when the last process ended.
            if let Some(last) = file.last_sequence().filter(|_| number < behind)
                && shared.freeze()
            {
                checkpointer.begin(last);
            }
        }
        let believed = AtomicBool::new(checkpoint.is_none());
        Ok(LoggedRecords { shared, log: Mutex::new(log), checkpointer, log_bytes_max, believed })
    }

    fn log(&self) -> MutexGuard<'_, CommitLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn switch(&self, log: &mut CommitLog) -> Result<(), StoreError> {
        // Before anything is written: what was acknowledged stays in the log until there is room.
        self.shared.place.ensure_room(log.used_bytes()).map_err(|error| self.shared.fail(error))?;
        // A checkpoint that only the system's cache has would let a file be written over whose commits the power takes away.
        if !self.believed.swap(true, Ordering::Relaxed) {
            self.shared.place.synchronize().map_err(|error| self.shared.fail(error))?;
        }
        let sequence = log.switch().map_err(|error| self.shared.fail(error))?;
        self.checkpointer.begin(sequence);
        Ok(())
    }
}

impl Records for LoggedRecords {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.shared.overlay().get(key) {
            Some(change) => Ok(change),
            None => self.shared.place.get(key),
        }
    }

    fn scan(&self, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        // Before the final place is read: what moves there in between is seen here.
        let changes = self.shared.overlay().range(prefix, from.unwrap_or(prefix), limit);
        overlay::scan_under(changes, self.shared.place.as_ref(), prefix, from, limit)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.changes.is_empty() {
            return Ok(());
        }
        let mut log = self.log();
        self.shared.trouble()?;
        if log.used_bytes() >= self.log_bytes_max {
            if log.used_bytes() >= self.log_bytes_max.saturating_mul(LOG_BYTES_BEHIND_MAX / LOG_BYTES_MAX) {
                self.shared.wait_until_free()?;
            } else {
                self.shared.pace(pace(log.used_bytes(), self.log_bytes_max));
            }
            if self.shared.freeze() {
                self.switch(&mut log)?;
            }
        }
        // After a failure nothing more is written: whether that commit is durable is not known.
        let changes = batch.changes.iter().map(|(key, value)| (&key[..], value.as_deref()));
        log.append(|bytes| payload::encode(changes, bytes)).map_err(|error| self.shared.fail(error))?;
        self.shared.change().extend(batch.changes);
        Ok(())
    }

    fn examine(&self) -> Result<Vec<StoreError>, StoreError> {
        // What is on its way is in both or in neither of what the final place compares.
        self.shared.wait_until_free()?;
        self.shared.place.examine()
    }

    fn on_idle(&self) {
        self.log().acknowledge();
    }

    fn arrive(&self) -> Result<(), StoreError> {
        self.shared.wait_until_free()
    }

    fn settle(&self, until: Option<Instant>) -> Result<(), StoreError> {
        let mut log = self.log();
        log.acknowledge();
        if log.used_bytes() <= LOG_BYTES_LEFT_MAX {
            return Ok(());
        }
        self.shared.wait_until_free_by(until)?;
        if self.shared.freeze() {
            self.switch(&mut log)?;
        }
        self.shared.wait_until_free_by(until)
    }
}
