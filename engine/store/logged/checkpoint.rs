//! The thread that makes checkpoints: it writes the immutable memtable to the mirror and the index.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::memtable::Memtable;
use crate::store::{Batch, Records, StoreError, mirror::MirroredIndex};

/// The key of the last sequence that the index has completely.
pub(in crate::store) const CHECKPOINT: &[u8] = b"m/checkpoint";
/// The nice value of the thread.
const NICE: i32 = 10;
/// The number of changes in one write: readers wait for one write at most.
const CHANGES_AT_ONCE: usize = 2_048;

/// The last sequence in the index; `None` for a new index.
pub(in crate::store) fn last(index: &dyn Records) -> Result<Option<u64>, StoreError> {
    let Some(bytes) = index.get(CHECKPOINT)? else { return Ok(None) };
    let damaged = |_| StoreError::Damaged { key: "m/checkpoint".to_owned(), message: "it is not a number".to_owned() };
    bytes.try_into().map(|bytes| Some(u64::from_le_bytes(bytes))).map_err(damaged)
}

/// Stores the last sequence in the index. The changes up to it must be durable already.
pub(super) fn set(index: &MirroredIndex, sequence: u64) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    batch.put(CHECKPOINT.to_vec(), sequence.to_le_bytes().to_vec());
    index.write(&batch.by_reference())?;
    index.synchronize()
}

/// Makes the last sequence durable that the index had when it was opened. It is written again, because after a power failure the index
/// may have it and the mirror may not: an index that is rebuilt from this mirror would need commits that the log no longer has.
pub(super) fn repeat(index: &MirroredIndex) -> Result<(), StoreError> {
    match last(index.records())? {
        Some(sequence) => set(index, sequence),
        None => index.synchronize(),
    }
}

/// The state that committers, readers and the checkpointer share.
pub(super) struct Shared {
    pub index: MirroredIndex,
    memtable: RwLock<Memtable>,
    progress: Mutex<Progress>,
    changed: Condvar,
}

#[derive(Default)]
struct Progress {
    busy: bool,
    failure: Option<StoreError>,
}

impl Shared {
    pub fn new(index: MirroredIndex, memtable: Memtable) -> Self {
        Shared { index, memtable: RwLock::new(memtable), progress: Mutex::default(), changed: Condvar::new() }
    }

    pub fn memtable(&self) -> RwLockReadGuard<'_, Memtable> {
        self.memtable.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn memtable_mut(&self) -> RwLockWriteGuard<'_, Memtable> {
        self.memtable.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fails if a checkpoint or a commit has failed.
    pub fn failure(&self) -> Result<(), StoreError> {
        self.progress().failure.clone().map_or(Ok(()), Err)
    }

    /// Refuses every later commit with this error.
    pub fn fail(&self, error: StoreError) -> StoreError {
        self.progress().failure = Some(error.clone());
        self.changed.notify_all();
        error
    }

    /// Makes the active memtable immutable, for the checkpointer; `false` if a checkpoint is in progress.
    pub fn make_immutable(&self) -> bool {
        let mut progress = self.progress();
        if progress.busy || !self.memtable_mut().make_immutable() {
            return false;
        }
        progress.busy = true;
        true
    }

    /// Blocks until no checkpoint is in progress, at most for a time: a writer that is faster than checkpoints slows down to their
    /// rate instead of waiting for a complete one.
    pub fn pace(&self, wait_max: Duration) {
        let progress = self.progress();
        if progress.busy && progress.failure.is_none() {
            let _ = self.changed.wait_timeout(progress, wait_max);
        }
    }

    /// Blocks until no checkpoint is in progress.
    pub(crate) fn wait_for_checkpoint(&self) -> Result<(), StoreError> {
        self.wait_for_checkpoint_by(None)
    }

    /// As [`Shared::wait_for_checkpoint`], with an error at `until`.
    pub(crate) fn wait_for_checkpoint_by(&self, until: Option<Instant>) -> Result<(), StoreError> {
        let mut progress = self.progress();
        while progress.busy && progress.failure.is_none() {
            progress = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => {
                    let message = "a checkpoint of its log is being made".to_owned();
                    return Err(StoreError::NotClosed { message });
                }
                Some(left) => self.changed.wait_timeout(progress, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        progress.failure.clone().map_or(Ok(()), Err)
    }

    /// Writes the immutable memtable to the mirror and the index. `mirror.rs` names what follows a crash at each point.
    fn write_to_index(&self, sequence: u64) -> Result<(), StoreError> {
        let Some(changes) = self.memtable().immutable() else { return Ok(()) };
        let mut all = changes.iter().map(|(key, value)| (&key[..], value.as_deref()));
        let mut at_once = Vec::with_capacity(CHANGES_AT_ONCE);
        loop {
            at_once.extend(all.by_ref().take(CHANGES_AT_ONCE));
            if at_once.is_empty() {
                break;
            }
            self.index.write(&at_once)?;
            at_once.clear();
        }
        self.index.synchronize()?;
        // Last: a crash before this repeats the complete checkpoint.
        set(&self.index, sequence)
    }

    pub(super) fn checkpoint(&self, sequence: u64) {
        let written = self.write_to_index(sequence);
        let mut progress = self.progress();
        match written {
            Ok(()) => {
                self.memtable_mut().drop_immutable();
                progress.busy = false;
            }
            Err(error) => progress.failure = Some(error),
        }
        drop(progress);
        self.changed.notify_all();
    }
}

/// The handle of the thread. Dropping it waits for the checkpoint in progress.
pub(super) struct Checkpointer {
    orders: Option<mpsc::Sender<u64>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub fn start(shared: Arc<Shared>) -> Self {
        let (orders, received) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let _ = rustix::thread::set_name(c"checkpointer");
            // Commits have priority, because nothing waits for a checkpoint. If the system refuses the priority, the thread works
            // without it.
            let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
            while let Ok(sequence) = received.recv() {
                shared.checkpoint(sequence);
            }
        });
        Checkpointer { orders: Some(orders), thread: Some(thread) }
    }

    /// A checkpointer without a thread. The receiver of the orders makes the checkpoints.
    #[cfg(test)]
    pub fn by_hand() -> (Self, mpsc::Receiver<u64>) {
        let (orders, received) = mpsc::channel();
        (Checkpointer { orders: Some(orders), thread: None }, received)
    }

    /// Orders a checkpoint of the immutable memtable, whose last commit is `sequence`.
    pub fn begin(&self, sequence: u64) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(sequence);
        }
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
