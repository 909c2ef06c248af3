//! Prefetch: loads executions into memory shortly before they are due, so that thousands that are due together wake on time.

use std::sync::Arc;

use super::Dispatcher;

/// The time between the loading of an execution and its due time, on the runner's clock.
const AHEAD_MS: u64 = 1_000;
/// The most executions that are prefetched.
const PREFETCHED_MAX: usize = 20_000;
/// The number of timers that are examined at a time. It bounds the time that a message waits.
const AT_ONCE: usize = 32;

/// The position in the timers up to which executions were prefetched, and how many are in memory.
pub(super) struct Prefetch {
    position: (u64, Arc<str>),
    pub count: usize,
}

impl Default for Prefetch {
    fn default() -> Self {
        Prefetch { position: (0, "".into()), count: 0 }
    }
}

impl Prefetch {
    /// The time at which the dispatcher must wake for the next due execution: early enough to prefetch it.
    pub fn wakes_ms(&self, due_ms: u64, now_ms: u64) -> u64 {
        let ahead_ms = due_ms.saturating_sub(AHEAD_MS);
        if ahead_ms > now_ms { ahead_ms } else { due_ms }
    }
}

impl Dispatcher {
    /// Prefetches a few executions that are due soon. Returns whether there may be more.
    pub(super) fn prefetch_due(&mut self) -> bool {
        if self.prefetch.count >= PREFETCHED_MAX {
            return false;
        }
        let until_ms = self.clock.now_ms().saturating_add(AHEAD_MS);
        let due: Vec<_> = self.timers.due_between(&self.prefetch.position, until_ms).take(AT_ONCE).cloned().collect();
        let Some(last) = due.last() else { return false };
        self.prefetch.position = last.clone();
        for (_, id) in &due {
            if self.driven.get(id).is_some_and(|driven| driven.execution.is_none()) {
                // A read error is reported when the execution is due.
                self.prefetch.count += usize::from(self.load(id).is_ok());
            }
        }
        true
    }
}
