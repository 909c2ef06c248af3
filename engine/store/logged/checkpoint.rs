//! The thread that makes checkpoints: it writes the immutable memtable to the mirror and the index.
//!
//! Its priority is lower than that of commits, so that on a busy machine it may run a hundredth of the time. What a thread of normal
//! priority waits for is therefore bounded:
//! - The opening: the priority is lowered after it ([`Shared::set_open`]).
//! - A commit at the limit of the log, a comparison with the mirror, a drain, the drop of the store: the checkpointer gives the rest of the
//!   checkpoint to the waiting thread ([`Shared::wait_for_checkpoint`]) after the write in progress.
//! - A commit below that limit: [`Shared::pace`] has a maximum.
//! - A closing with a limit waits until then.
//! - A reader or a writer that needs a lock of the checkpointer: the memtable is locked for an exchange of pointers, the mirror and the
//!   index for one write.

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::memtable::Memtable;
use crate::{
    priority,
    store::{Batch, Records, StoreError, mirror::MirroredIndex},
};

/// The key of the last sequence that the index has completely.
pub(in crate::store) const CHECKPOINT: &[u8] = b"m/checkpoint";
/// The nice value of the thread while the store is open.
pub(super) const NICE: i32 = 5;
/// The number of changes in one write: readers, and threads that wait for the checkpoint, wait for one write at most.
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

/// Makes the last sequence durable that the index had when it was opened, and writes it again. Reason: after a power failure the index may
/// have the sequence while the mirror has not. An index that is rebuilt from this mirror would need commits that the log no longer has.
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
    progress: Mutex<CheckpointProgress>,
    changed: Condvar,
    /// Whether the store is open: the checkpointer then has a low priority.
    is_open: AtomicBool,
}

#[derive(Default)]
struct CheckpointProgress {
    busy: bool,
    /// The number of threads that wait for the checkpoint without a limit.
    waiting: usize,
    /// The rest of the checkpoint, while the checkpointer offers it to these threads.
    rest: Option<Rest>,
    failure: Option<StoreError>,
}

/// The rest of a checkpoint.
#[derive(Debug, Clone, Copy)]
struct Rest {
    /// The last commit of the immutable memtable.
    sequence: u64,
    /// The number of its changes that are written.
    written: usize,
}

impl Rest {
    /// A checkpoint of which nothing is written.
    fn all(sequence: u64) -> Self {
        Rest { sequence, written: 0 }
    }
}

/// Counts a thread as waiting until it is dropped.
struct Waiting<'s>(&'s Shared);

impl<'s> Waiting<'s> {
    fn begin(shared: &'s Shared) -> Self {
        shared.progress().waiting += 1;
        Waiting(shared)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.progress().waiting -= 1;
        // The checkpointer continues if no thread has accepted the rest.
        self.0.changed.notify_all();
    }
}

impl Shared {
    pub fn new(index: MirroredIndex, memtable: Memtable) -> Self {
        Shared {
            index,
            memtable: RwLock::new(memtable),
            progress: Mutex::default(),
            changed: Condvar::new(),
            is_open: AtomicBool::new(false),
        }
    }

    /// Called when the store is open: later checkpoints have a low priority.
    pub fn set_open(&self) {
        self.is_open.store(true, Ordering::Relaxed);
    }

    pub fn memtable(&self) -> RwLockReadGuard<'_, Memtable> {
        self.memtable.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn memtable_mut(&self) -> RwLockWriteGuard<'_, Memtable> {
        self.memtable.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress(&self) -> MutexGuard<'_, CheckpointProgress> {
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

    /// Blocks until no checkpoint is in progress. If the checkpointer offers the rest of it, the calling thread makes that rest, because
    /// its priority may be higher.
    pub(crate) fn wait_for_checkpoint(&self) -> Result<(), StoreError> {
        self.wait_for_checkpoint_by(None)
    }

    /// As [`Shared::wait_for_checkpoint`], with an error at `until`. With this limit the thread makes no rest, which could take longer.
    pub(crate) fn wait_for_checkpoint_by(&self, until: Option<Instant>) -> Result<(), StoreError> {
        // Dropped after the guard below.
        let _waiting = until.is_none().then(|| Waiting::begin(self));
        let mut progress = self.progress();
        while progress.busy && progress.failure.is_none() {
            progress = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => match progress.rest.take() {
                    Some(rest) => {
                        drop(progress);
                        self.finish(rest);
                        self.progress()
                    }
                    None => self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner),
                },
                Some(Duration::ZERO) => {
                    let message = "a checkpoint of its log is being made".to_owned();
                    return Err(StoreError::NotClosed { message });
                }
                Some(left) => self.changed.wait_timeout(progress, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        progress.failure.clone().map_or(Ok(()), Err)
    }

    /// Writes the rest of the immutable memtable to the mirror and the index. Before each write, returns the remaining work if `stops`
    /// returns true. `mirror.rs` describes the result of a crash at each point.
    fn write_to_index(&self, rest: Rest, stops: impl Fn() -> bool) -> Result<Option<Rest>, StoreError> {
        let Some(changes) = self.memtable().immutable() else { return Ok(None) };
        let mut written = rest.written;
        let mut all = changes.iter().skip(written).map(|(key, value)| (&key[..], value.as_deref()));
        let mut at_once = Vec::with_capacity(CHANGES_AT_ONCE);
        loop {
            at_once.extend(all.by_ref().take(CHANGES_AT_ONCE));
            if stops() {
                return Ok(Some(Rest { written, ..rest }));
            }
            if at_once.is_empty() {
                break;
            }
            self.index.write(&at_once)?;
            written += at_once.len();
            at_once.clear();
        }
        self.index.synchronize()?;
        // Last: a crash before this repeats the complete checkpoint.
        set(&self.index, rest.sequence).map(|()| None)
    }

    /// Makes a complete checkpoint.
    #[cfg(test)]
    pub(super) fn checkpoint(&self, sequence: u64) {
        self.finish(Rest::all(sequence));
    }

    /// Whether a thread waits for the checkpoint without a limit.
    #[cfg(test)]
    pub(super) fn is_awaited(&self) -> bool {
        self.progress().waiting > 0
    }

    /// Makes the rest of a checkpoint.
    fn finish(&self, rest: Rest) {
        let written = self.write_to_index(rest, || false);
        self.end(written.map(|_| ()));
    }

    /// Makes a checkpoint on the checkpointer's thread: threads that wait for it make the rest.
    fn checkpoint_unless_awaited(&self, sequence: u64) {
        let mut rest = Rest::all(sequence);
        loop {
            match self.write_to_index(rest, || self.progress().waiting > 0) {
                Ok(Some(left)) => match self.offer(left) {
                    Some(refused) => rest = refused,
                    None => return,
                },
                Ok(None) => return self.end(Ok(())),
                Err(error) => return self.end(Err(error)),
            }
        }
    }

    /// Offers the rest of a checkpoint to the threads that wait for it. Returns the rest if none of them waits any more.
    fn offer(&self, rest: Rest) -> Option<Rest> {
        let mut progress = self.progress();
        progress.rest = Some(rest);
        self.changed.notify_all();
        while progress.waiting > 0 && progress.rest.is_some() {
            progress = self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
        }
        progress.rest.take()
    }

    /// Records the end of a checkpoint.
    fn end(&self, written: Result<(), StoreError>) {
        let mut progress = self.progress();
        let mut done = None;
        match written {
            Ok(()) => {
                done = self.memtable_mut().take_immutable();
                progress.busy = false;
            }
            Err(error) => progress.failure = Some(error),
        }
        drop(progress);
        self.changed.notify_all();
        // Without a lock: freeing it takes time.
        drop(done);
    }
}

/// The handle of the thread. Dropping it waits for the checkpoint in progress.
pub(super) struct Checkpointer {
    orders: Option<mpsc::Sender<u64>>,
    thread: Option<(JoinHandle<()>, Arc<Shared>)>,
}

impl Checkpointer {
    pub fn start(shared: Arc<Shared>) -> Self {
        let (orders, received) = mpsc::channel();
        let awaited = shared.clone();
        let thread = std::thread::spawn(move || {
            let _ = rustix::thread::set_name(c"checkpointer");
            let mut has_low_priority = false;
            while let Ok(sequence) = received.recv() {
                // Not before: the opening waits for its checkpoint.
                if !has_low_priority && shared.is_open.load(Ordering::Relaxed) {
                    priority::lower(NICE);
                    has_low_priority = true;
                }
                shared.checkpoint_unless_awaited(sequence);
            }
        });
        Checkpointer { orders: Some(orders), thread: Some((thread, awaited)) }
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
        if let Some((thread, shared)) = self.thread.take() {
            // A thread that has panicked makes no checkpoint.
            if !thread.is_finished() {
                let _ = shared.wait_for_checkpoint();
            }
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::thread;

    use super::*;
    use crate::store::MemoryRecords;

    #[test]
    fn the_checkpointer_continues_if_the_waiting_thread_does_not_accept_the_rest() {
        let index = MirroredIndex::without_mirror(MemoryRecords::new());
        let shared = Shared::new(index, Memtable::default());
        let waiting = Waiting::begin(&shared);
        let refused = thread::scope(|scope| {
            let offer = scope.spawn(|| shared.offer(Rest { sequence: 9, written: 7 }));
            while shared.progress().rest.is_none() {
                thread::yield_now();
            }
            drop(waiting);
            offer.join().unwrap()
        });
        assert!(refused.is_some_and(|rest| rest.sequence == 9 && rest.written == 7));
    }
}
