//! What a runner tells those who watch: entries when they are durable, and progress that may be missed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use super::RunnerError;
use crate::{
    journal::Entry,
    machine::{ExecutionHeader, Waiting},
    store::Store,
};

/// How many events a slow watcher may lag behind before it reads the rest from the store.
pub(super) const EVENTS_KEPT: usize = 4096;

/// How many executions may come to rest before a slow watcher of rests misses some.
pub(super) const RESTS_KEPT: usize = 16_384;

/// Something to show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum RunnerEvent {
    /// A journal entry, durable. None is missed, none comes twice.
    Entry {
        /// The execution.
        execution: String,
        /// The entry.
        entry: Entry,
    },
    /// The execution ended or paused; never missed, may come twice.
    Rested {
        /// The execution, as it stands now.
        header: Arc<ExecutionHeader>,
    },
    /// A wait was looked at; may be missed.
    Looked {
        /// The execution.
        execution: String,
        /// The state's path.
        state_path: String,
        /// What the look found.
        waiting: Waiting,
        /// When the next look is, in milliseconds since the Unix epoch.
        next_look_ms: u64,
        /// When the wait gives up.
        deadline_ms: Option<u64>,
    },
    /// The store failed, the runner has stopped.
    StoreFailed {
        /// What went wrong.
        message: String,
    },
}

/// Everything about one execution, from a sequence on: first what the store has, and that it rests if it does; then what happens.
pub struct Follow {
    pub(super) execution: String,
    pub(super) store: Arc<Store>,
    pub(super) live: broadcast::Receiver<RunnerEvent>,
    pub(super) next_sequence: u64,
    pub(super) stored: std::collections::VecDeque<Entry>,
    pub(super) read_store: bool,
    /// Events were missed (those before we came, or by lagging), and the execution's rest may be among them.
    pub(super) may_rest: bool,
}

impl Follow {
    /// The next event; `None` when the runner has stopped.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn next(&mut self) -> Result<Option<RunnerEvent>, RunnerError> {
        loop {
            if let Some(entry) = self.stored.pop_front() {
                self.next_sequence = entry.sequence + 1;
                return Ok(Some(RunnerEvent::Entry { execution: self.execution.clone(), entry }));
            }
            if self.read_store {
                self.stored = self.store.entries(&self.execution, self.next_sequence, EVENTS_KEPT)?.into();
                self.read_store = self.stored.len() == EVENTS_KEPT;
                continue;
            }
            if std::mem::take(&mut self.may_rest)
                && let Some(header) = self.store.header(&self.execution)?
                && header.rests()
            {
                // It may have gone on, and come to rest, since its entries were read: they come first.
                self.stored = self.store.entries(&self.execution, self.next_sequence, EVENTS_KEPT)?.into();
                if !self.stored.is_empty() {
                    (self.read_store, self.may_rest) = (true, true);
                    continue;
                }
                return Ok(Some(RunnerEvent::Rested { header: Arc::new(header) }));
            }
            match self.live.recv().await {
                Ok(RunnerEvent::Entry { execution, entry }) if execution == self.execution => {
                    match entry.sequence.cmp(&self.next_sequence) {
                        std::cmp::Ordering::Less => {}
                        std::cmp::Ordering::Greater => self.read_store = true,
                        std::cmp::Ordering::Equal => {
                            self.next_sequence += 1;
                            return Ok(Some(RunnerEvent::Entry { execution, entry }));
                        }
                    }
                }
                Ok(event) if self.concerns(&event) => return Ok(Some(event)),
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => (self.read_store, self.may_rest) = (true, true),
                Err(broadcast::error::RecvError::Closed) => return Ok(None),
            }
        }
    }

    fn concerns(&self, event: &RunnerEvent) -> bool {
        match event {
            RunnerEvent::Entry { .. } => false,
            RunnerEvent::Rested { header } => header.id == self.execution,
            RunnerEvent::Looked { execution, .. } => *execution == self.execution,
            RunnerEvent::StoreFailed { .. } => true,
        }
    }
}
