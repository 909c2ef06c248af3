//! A handle without a runner: the store can be read, and nothing is driven.

use std::sync::{Arc, atomic::AtomicU64};

use tokio::sync::{broadcast, watch};

use super::{Clock, RunnerHandle, offers::Offers, threads::Threads};
use crate::store::Store;

impl RunnerHandle {
    /// A handle over a store that no process drives. Reads work; requests to a dispatcher are refused as after a stop.
    pub fn without_runner(store: Arc<Store>, clock: Arc<dyn Clock>) -> Self {
        let (messages, _) = std::sync::mpsc::channel();
        let threads = Arc::new(Threads::start::<0>(messages, []));
        RunnerHandle {
            threads,
            store,
            events: broadcast::channel(1).0.downgrade(),
            settled: broadcast::channel(1).0.downgrade(),
            clock,
            commits: Arc::new(AtomicU64::new(0)),
            failure: watch::channel(None).1,
            offers: Arc::new(Offers::default()),
        }
    }

    /// Whether a dispatcher runs. Not in a handle of [`RunnerHandle::without_runner`], nor after the threads have ended.
    pub fn has_runner(&self) -> bool {
        !self.threads.is_empty()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        runner::{ManualClock, RunnerError},
        store::MemoryRecords,
    };

    #[tokio::test]
    async fn a_store_without_a_runner_is_read_and_nothing_is_driven() {
        let store = Arc::new(Store::new(MemoryRecords::new()).unwrap());
        let handle = RunnerHandle::without_runner(store, Arc::new(ManualClock::new(0)));
        assert!(handle.store().recent(1).unwrap().is_empty());
        assert!(handle.driven(Vec::new()).await.is_empty());
        assert!(matches!(handle.resume("a-1", None).await, Err(RunnerError::Stopped)));
        assert!(matches!(handle.follow("a-1", 1).next().await, Ok(None)));
    }
}
