//! One thread that commits: it takes everything that waits, writes one batch, flushes once.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
    mpsc,
};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc::UnboundedSender, watch};

use super::{
    RunnerOptions,
    look_out::LookOut,
    message::{Committed, Message},
};
use crate::store::{Store, StoreError, Write};

/// The most executions' changes in one batch: bounds the time that the first of them waits for the last.
const BATCH_WRITES_MAX: usize = 1_024;

/// How long the thread looks out for the next commit before it sleeps.
const PATIENCE: Duration = Duration::from_micros(60);

/// What is to be committed, and what to say when it is.
pub(super) struct Commit {
    pub write: Write,
    pub committed: Committed,
}

pub(super) struct Committer {
    pub queue: mpsc::Sender<Commit>,
    /// How many batches are durable.
    pub commits: Arc<AtomicU64>,
    /// Why nothing can be committed any more; set before anybody who waits for a commit is let go.
    pub failure: watch::Receiver<Option<StoreError>>,
}

pub(super) fn start(store: Arc<Store>, messages: UnboundedSender<Message>, options: RunnerOptions) -> Committer {
    let (queue, waiting) = mpsc::channel::<Commit>();
    let commits = Arc::new(AtomicU64::new(0));
    let count = commits.clone();
    let (failed, failure) = watch::channel(None);
    std::thread::spawn(move || {
        let _ = rustix::thread::set_name(c"committer");
        let mut look_out = LookOut::new(PATIENCE);
        while let Some(first) = next(&waiting, &store, &mut look_out) {
            let mut batch = vec![first];
            batch.extend(waiting.try_iter().take(BATCH_WRITES_MAX - 1));
            let number = count.load(Ordering::Relaxed) + 1;
            crash_if(options.crash_before_commit, number);
            let done = commit(&store, batch, |error| drop(failed.send_replace(Some(error.clone()))));
            crash_if(options.crash_after_commit, number);
            count.store(number, Ordering::Relaxed);
            let over = matches!(done, Message::StoreFailed { .. });
            if messages.send(done).is_err() || over {
                return;
            }
        }
    });
    Committer { queue, commits, failure }
}

/// Makes a batch durable and answers with what the dispatcher is to be told. After a failure nothing more may be written: what is
/// durable is not known any more. `failed` hears of that before anybody who waits for the batch is let go.
pub(super) fn commit(store: &Store, batch: Vec<Commit>, failed: impl FnOnce(&StoreError)) -> Message {
    let (writes, committed): (Vec<_>, Vec<_>) = batch.into_iter().map(|part| (part.write, part.committed)).unzip();
    match store.commit(&writes) {
        Ok(()) => Message::Durable { committed },
        Err(error) => {
            failed(&error);
            Message::StoreFailed { error }
        }
    }
}

/// The next commit. After one, the next often comes within microseconds.
fn next(waiting: &mpsc::Receiver<Commit>, store: &Store, look_out: &mut LookOut) -> Option<Commit> {
    let until = look_out.until();
    while until.is_some_and(|until| Instant::now() < until) {
        match waiting.try_recv() {
            Ok(commit) => {
                look_out.ended(true);
                return Some(commit);
            }
            Err(mpsc::TryRecvError::Disconnected) => break,
            Err(mpsc::TryRecvError::Empty) => std::hint::spin_loop(),
        }
    }
    if until.is_some() {
        look_out.ended(false);
    }
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
