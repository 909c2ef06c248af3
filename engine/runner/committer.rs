//! The committer: a thread that writes all waiting commits in one batch with one flush.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
    mpsc,
};

use tokio::sync::watch;

use super::{
    RunnerOptions,
    message::{Committed, Message, Messages},
};
use crate::store::{Store, StoreError, Write};

/// The most writes in one batch. It bounds how long the first of them waits for the last.
const BATCH_WRITES_MAX: usize = 1_024;

/// A write to be committed, and what the dispatcher receives once it is durable.
pub(super) struct Commit {
    pub write: Write,
    pub committed: Committed,
}

pub(super) struct Committer {
    pub queue: mpsc::Sender<Commit>,
    /// The batches, for commits that bypass the thread while its queue is empty.
    pub batches: Batches,
    /// The failure of the store, if any. It is set before anyone who waits for a commit is released.
    pub failure: watch::Receiver<Option<StoreError>>,
}

/// Creates the committer and its thread's loop, which ends when the queue has no sender or at the first failure.
pub(super) fn new(store: Arc<Store>, messages: Messages, options: RunnerOptions) -> (Committer, impl FnOnce() + Send) {
    let (queue, waiting) = mpsc::channel::<Commit>();
    let (batches, failure) = Batches::new(store, options);
    let of_thread = batches.clone();
    let run = move || {
        while let Some(first) = next(&waiting, &of_thread.store) {
            let mut batch = vec![first];
            batch.extend(waiting.try_iter().take(BATCH_WRITES_MAX - 1));
            let done = of_thread.commit(batch);
            let failed = matches!(done, Message::StoreFailed { .. });
            // A dispatcher that has stopped does not receive it. The rest of the queue is committed nevertheless.
            let _ = messages.send(done);
            if failed {
                return;
            }
        }
    };
    (Committer { queue, batches, failure }, run)
}

/// Makes batches durable, one after the other, for the committer and the dispatcher.
#[derive(Clone)]
pub(super) struct Batches {
    store: Arc<Store>,
    options: RunnerOptions,
    /// The number of durable batches.
    pub count: Arc<AtomicU64>,
    failed: watch::Sender<Option<StoreError>>,
}

impl Batches {
    pub fn new(store: Arc<Store>, options: RunnerOptions) -> (Self, watch::Receiver<Option<StoreError>>) {
        let (failed, failure) = watch::channel(None);
        (Batches { store, options, count: Arc::default(), failed }, failure)
    }

    /// Makes a batch durable and returns the message for the dispatcher. After a failure nothing more may be written, because the durable
    /// state is unknown. Watchers of the failure are informed before the waiters of the batch are released.
    pub fn commit(&self, batch: Vec<Commit>) -> Message {
        let number = self.count.load(Ordering::Relaxed) + 1;
        crash_if(self.options.crash_before_commit, number);
        let (writes, committed): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|commit| (commit.write, commit.committed)).unzip();
        let done = match self.store.commit(&writes) {
            Ok(()) => Message::Durable { committed },
            Err(error) => {
                self.failed.send_replace(Some(error.clone()));
                Message::StoreFailed { error }
            }
        };
        crash_if(self.options.crash_after_commit, number);
        self.count.store(number, Ordering::Relaxed);
        done
    }
}

/// The next commit. Calls the store's idle hook before it waits for one.
fn next(waiting: &mpsc::Receiver<Commit>, store: &Store) -> Option<Commit> {
    if let Ok(commit) = waiting.try_recv() {
        return Some(commit);
    }
    store.on_idle();
    waiting.recv().ok()
}

fn crash_if(at: Option<u64>, number: u64) {
    if at == Some(number) {
        std::process::abort();
    }
}
