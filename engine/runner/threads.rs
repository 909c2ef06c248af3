//! The threads of a runner.

use std::{
    io,
    sync::{Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::watch;

use super::message::{Message, Messages};

/// The body of a thread.
type Run = Box<dyn FnOnce() + Send>;

/// Stops the dispatcher when the last handle is dropped.
pub(super) struct Threads {
    pub messages: Messages,
    joins: Mutex<Vec<JoinHandle<()>>>,
    /// Each thread holds a sender until everything else that it owns is dropped.
    running: watch::Receiver<()>,
}

impl Threads {
    /// Starts the threads, each with a name for the system. A thread that cannot be started counts as ended.
    pub fn start<const COUNT: usize>(messages: Messages, threads: [(&str, Run); COUNT]) -> Self {
        let (ended, running) = watch::channel(());
        let joins = threads.into_iter().filter_map(|(name, run)| spawn(name, run, ended.clone()).ok());
        Threads { messages, joins: Mutex::new(joins.collect()), running }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.running.has_changed().is_err()
    }

    /// Waits at most `limit` until every thread has ended and dropped what it owned. Returns whether all have.
    pub async fn ended(&self, limit: Duration) -> bool {
        let mut running = self.running.clone();
        // Nothing is ever sent: the channel closes when every thread has dropped its sender.
        let ended = tokio::time::timeout(limit, async { while running.changed().await.is_ok() {} }).await.is_ok();
        if ended {
            let joins = std::mem::take(&mut *self.joins.lock().unwrap_or_else(PoisonError::into_inner));
            joins.into_iter().for_each(|thread| drop(thread.join()));
        }
        ended
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // The dispatcher may have ended already.
        let _ = self.messages.send(Message::Stop);
    }
}

fn spawn(name: &str, run: Run, ended: watch::Sender<()>) -> io::Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(move || {
        // Dropped last, after everything that `run` owns.
        let _ended = ended;
        run();
    })
}
