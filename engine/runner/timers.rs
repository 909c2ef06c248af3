//! The due times of executions, the earliest first.

use std::{collections::BTreeSet, ops::Bound, sync::Arc};

/// The due time of an execution that has none.
pub(super) const NEVER_MS: u64 = u64::MAX;

/// The executions with a due time, one entry each. The owner of an entry also stores the time, which identifies the entry for removal.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(u64, Arc<str>)>);

impl Timers {
    /// Replaces an execution's due time; `current_ms` holds it.
    pub fn set(&mut self, id: &Arc<str>, current_ms: &mut u64, due_ms: u64) {
        if *current_ms != NEVER_MS {
            self.0.remove(&(*current_ms, id.clone()));
        }
        if due_ms != NEVER_MS {
            self.0.insert((due_ms, id.clone()));
        }
        *current_ms = due_ms;
    }

    /// The earliest due time.
    pub fn next_ms(&self) -> Option<u64> {
        self.0.first().map(|(due_ms, _)| *due_ms)
    }

    /// The entries after `after` that are due until `until_ms`, the earliest first.
    pub fn due_between(&self, after: &(u64, Arc<str>), until_ms: u64) -> impl Iterator<Item = &(u64, Arc<str>)> {
        let range = self.0.range((Bound::Excluded(after), Bound::Unbounded));
        range.take_while(move |(due_ms, _)| *due_ms <= until_ms)
    }

    /// Removes one execution that is due.
    pub fn pop_due(&mut self, now_ms: u64) -> Option<Arc<str>> {
        if self.next_ms()? > now_ms {
            return None;
        }
        self.0.pop_first().map(|(_, id)| id)
    }
}
