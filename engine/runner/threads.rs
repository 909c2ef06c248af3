//! The threads of a runner, and their end.

use std::{
    io,
    sync::{Mutex, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::watch;

use super::message::{Message, Messages};

/// What a thread does.
type Run = Box<dyn FnOnce() + Send>;

/// Stops the dispatcher when the last handle is dropped.
pub(super) struct Threads {
    pub messages: Messages,
    joins: Mutex<Vec<JoinHandle<()>>>,
    /// Each thread holds the sender until everything else of it is dropped.
    running: watch::Receiver<()>,
}

impl Threads {
    /// Starts the threads, each with its name, which the system shows. One that the system refuses to start has ended.
    pub fn start<const COUNT: usize>(messages: Messages, threads: [(&str, Run); COUNT]) -> Self {
        let (ended, running) = watch::channel(());
        let joins = threads.into_iter().filter_map(|(name, run)| spawn(name, run, ended.clone()).ok());
        Threads { messages, joins: Mutex::new(joins.collect()), running }
    }

    /// Waits until every thread has ended and dropped what it had, at most so long; returns whether they have.
    pub async fn ended(&self, limit: Duration) -> bool {
        let mut running = self.running.clone();
        // Nothing is ever sent: the channel is closed when every thread has dropped its sender.
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
