//! The thread that brings changes to their final place.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use super::overlay::Overlay;
use crate::store::{Batch, Records, StoreError, records::FinalPlace};

/// Where the final place says up to which commit it has everything.
pub(in crate::store) const CHECKPOINT: &[u8] = b"m/checkpoint";
/// How much the thread stands back, as `nice` counts it.
const NICE: i32 = 10;
/// How many changes are handed over at once: readers wait no longer than that takes.
const CHANGES_AT_ONCE: usize = 2_048;

/// The last commit that is in its final place; `None` where there was no log yet.
pub(super) fn last(place: &dyn Records) -> Result<Option<u64>, StoreError> {
    let Some(bytes) = place.get(CHECKPOINT)? else { return Ok(None) };
    let damaged = |_| StoreError::Damaged { key: "m/checkpoint".to_owned(), message: "it is no number".to_owned() };
    bytes.try_into().map(|bytes| Some(u64::from_le_bytes(bytes))).map_err(damaged)
}

/// Says up to which commit everything is in its final place, once it is durable there.
pub(super) fn set(place: &dyn Records, sequence: u64) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    batch.put(CHECKPOINT.to_vec(), sequence.to_le_bytes().to_vec());
    place.commit(batch)
}

/// What the committing side, the readers and the checkpointer share.
pub(super) struct Shared {
    pub place: Box<dyn FinalPlace>,
    overlay: RwLock<Overlay>,
    on_its_way: Mutex<Way>,
    news: Condvar,
}

#[derive(Default)]
struct Way {
    busy: bool,
    trouble: Option<StoreError>,
}

impl Shared {
    pub fn new(place: Box<dyn FinalPlace>, overlay: Overlay) -> Self {
        Shared { place, overlay: RwLock::new(overlay), on_its_way: Mutex::default(), news: Condvar::new() }
    }

    pub(crate) fn overlay(&self) -> RwLockReadGuard<'_, Overlay> {
        self.overlay.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn change(&self) -> RwLockWriteGuard<'_, Overlay> {
        self.overlay.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn way(&self) -> MutexGuard<'_, Way> {
        self.on_its_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nothing reaches its final place any more.
    pub fn trouble(&self) -> Result<(), StoreError> {
        self.way().trouble.clone().map_or(Ok(()), Err)
    }

    /// From now on every commit is refused with this error.
    pub fn fail(&self, error: StoreError) -> StoreError {
        self.way().trouble = Some(error.clone());
        self.news.notify_all();
        error
    }

    /// Sets the changes aside for the checkpointer; `false` where it is busy.
    pub(crate) fn freeze(&self) -> bool {
        let mut way = self.way();
        if way.busy || !self.change().freeze() {
            return false;
        }
        way.busy = true;
        true
    }

    /// Returns when no checkpoint is in progress, or after a time: a writer that is faster than checkpoints slows down to their rate
    /// instead of stopping for a complete one.
    pub fn pace(&self, wait_max: Duration) {
        let way = self.way();
        if way.busy && way.trouble.is_none() {
            let _ = self.news.wait_timeout(way, wait_max);
        }
    }

    /// Returns when nothing is on its way.
    pub(crate) fn wait_until_free(&self) -> Result<(), StoreError> {
        self.wait_until_free_by(None)
    }

    /// The same, with an error at `until`, where it is given.
    pub(crate) fn wait_until_free_by(&self, until: Option<Instant>) -> Result<(), StoreError> {
        let mut way = self.way();
        while way.busy && way.trouble.is_none() {
            way = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.news.wait(way).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => {
                    let message = "a checkpoint of its log is being made".to_owned();
                    return Err(StoreError::NotClosed { message });
                }
                Some(left) => self.news.wait_timeout(way, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        way.trouble.clone().map_or(Ok(()), Err)
    }

    fn bring(&self, sequence: u64) -> Result<(), StoreError> {
        let Some(changes) = self.overlay().frozen() else { return Ok(()) };
        let mut all = changes.iter().map(|(key, value)| (&key[..], value.as_deref()));
        let mut at_once = Vec::with_capacity(CHANGES_AT_ONCE);
        loop {
            at_once.extend(all.by_ref().take(CHANGES_AT_ONCE));
            if at_once.is_empty() {
                break;
            }
            self.place.write(&at_once)?;
            at_once.clear();
        }
        self.place.synchronize()?;
        // Only now: a crash before this repeats the whole of it.
        set(self.place.as_ref(), sequence)
    }

    pub(super) fn checkpoint(&self, sequence: u64) {
        let brought = self.bring(sequence);
        let mut way = self.way();
        match brought {
            Ok(()) => {
                self.change().arrived();
                way.busy = false;
            }
            Err(error) => way.trouble = Some(error),
        }
        drop(way);
        self.news.notify_all();
    }
}

/// The thread's handle; dropping it waits for what is on its way.
pub(super) struct Checkpointer {
    orders: Option<mpsc::Sender<u64>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub fn start(shared: Arc<Shared>) -> Self {
        let (orders, received) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let _ = rustix::thread::set_name(c"checkpointer");
            // What is due goes first: nobody waits for a checkpoint. Where the system does not allow it, it is not needed.
            let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
            while let Ok(sequence) = received.recv() {
                shared.checkpoint(sequence);
            }
        });
        Checkpointer { orders: Some(orders), thread: Some(thread) }
    }

    /// One without a thread: whoever gets the orders carries them out.
    #[cfg(test)]
    pub fn by_hand() -> (Self, mpsc::Receiver<u64>) {
        let (orders, received) = mpsc::channel();
        (Checkpointer { orders: Some(orders), thread: None }, received)
    }

    /// Begins with what was set aside, which ends with the commit `sequence`.
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
