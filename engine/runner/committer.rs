//! One thread that commits: it takes everything that waits, writes one batch, flushes once.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
    mpsc,
};

use tokio::sync::mpsc::UnboundedSender;

use super::{
    RunnerOptions,
    message::{Committed, Message},
};
use crate::store::{Store, Write};

/// The most executions' changes in one batch: bounds the time that the first of them waits for the last.
const BATCH_WRITES_MAX: usize = 1_024;

/// What is to be committed, and what to say when it is.
pub(super) struct Commit {
    pub write: Write,
    pub committed: Committed,
}

pub(super) struct Committer {
    pub queue: mpsc::Sender<Commit>,
    /// How many batches are durable.
    pub commits: Arc<AtomicU64>,
}

pub(super) fn start(store: Arc<Store>, messages: UnboundedSender<Message>, options: RunnerOptions) -> Committer {
    let (queue, waiting) = mpsc::channel::<Commit>();
    let commits = Arc::new(AtomicU64::new(0));
    let count = commits.clone();
    std::thread::spawn(move || {
        while let Ok(first) = waiting.recv() {
            let mut batch = vec![first];
            batch.extend(waiting.try_iter().take(BATCH_WRITES_MAX - 1));
            let (writes, committed): (Vec<_>, Vec<_>) = batch.into_iter().map(|c| (c.write, c.committed)).unzip();
            let number = count.load(Ordering::Relaxed) + 1;
            crash_if(options.crash_before_commit, number);
            if let Err(error) = store.commit(&writes) {
                // Nothing more is written: what is durable is not known any more.
                let _ = messages.send(Message::StoreFailed { error });
                return;
            }
            crash_if(options.crash_after_commit, number);
            count.store(number, Ordering::Relaxed);
            if messages.send(Message::Durable { committed }).is_err() {
                return;
            }
        }
    });
    Committer { queue, commits }
}

fn crash_if(at: Option<u64>, number: u64) {
    if at == Some(number) {
        std::process::abort();
    }
}
