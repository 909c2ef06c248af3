//! One thread that commits: it takes everything that waits, writes one batch, flushes once.

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

/// The most executions' changes in one batch: bounds the time that the first of them waits for the last.
const BATCH_WRITES_MAX: usize = 1_024;

/// What is to be committed, and what to say when it is.
pub(super) struct Commit {
    pub write: Write,
    pub committed: Committed,
}

pub(super) struct Committer {
    pub queue: mpsc::Sender<Commit>,
    /// The same, for who commits without the thread while nothing is in its queue.
    pub batches: Batches,
    /// Why nothing can be committed any more; set before anybody who waits for a commit is let go.
    pub failure: watch::Receiver<Option<StoreError>>,
}

/// The committer, and its thread's loop: it ends when the queue has no sender, or with the first failure.
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
            // A dispatcher that has stopped does not receive it. What is in the queue is committed all the same.
            let _ = messages.send(done);
            if failed {
                return;
            }
        }
    };
    (Committer { queue, batches, failure }, run)
}

/// Makes batches durable, one after the other, whoever asks.
#[derive(Clone)]
pub(super) struct Batches {
    store: Arc<Store>,
    options: RunnerOptions,
    /// How many are durable.
    pub count: Arc<AtomicU64>,
    failed: watch::Sender<Option<StoreError>>,
}

impl Batches {
    pub fn new(store: Arc<Store>, options: RunnerOptions) -> (Self, watch::Receiver<Option<StoreError>>) {
        let (failed, failure) = watch::channel(None);
        (Batches { store, options, count: Arc::default(), failed }, failure)
    }

    /// Makes a batch durable and answers with what the dispatcher is to be told. After a failure nothing more may be written: what
    /// is durable is not known any more. Who watches for a failure hears of it before anybody who waits for the batch is let go.
    pub fn commit(&self, batch: Vec<Commit>) -> Message {
        let number = self.count.load(Ordering::Relaxed) + 1;
        crash_if(self.options.crash_before_commit, number);
        let (writes, committed): (Vec<_>, Vec<_>) = batch.into_iter().map(|part| (part.write, part.committed)).unzip();
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

/// The next commit.
fn next(waiting: &mpsc::Receiver<Commit>, store: &Store) -> Option<Commit> {
    if let Ok(commit) = waiting.try_recv() {
        return Some(commit);
    }
    store.rest();
    waiting.recv().ok()
}

fn crash_if(at: Option<u64>, number: u64) {
    if at == Some(number) {
        std::process::abort();
    }
}
