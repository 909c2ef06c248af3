//! When each execution is due: one entry per execution, the earliest first.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Bound,
    sync::Arc,
};

#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(u64, Arc<str>)>,
    of: HashMap<Arc<str>, u64>,
}

impl Timers {
    /// Sets an execution's time, in place of an earlier one.
    pub fn set(&mut self, id: &Arc<str>, due_ms: u64) {
        self.clear(id);
        self.of.insert(id.clone(), due_ms);
        self.due.insert((due_ms, id.clone()));
    }

    /// Forgets an execution's time.
    pub fn clear(&mut self, id: &str) {
        if let Some((id, due_ms)) = self.of.remove_entry(id) {
            self.due.remove(&(due_ms, id));
        }
    }

    /// The earliest time.
    pub fn next_ms(&self) -> Option<u64> {
        self.due.first().map(|(due_ms, _)| *due_ms)
    }

    /// Those that are due behind a place in the order and until then, the earliest first.
    pub fn due_between(&self, after: &(u64, Arc<str>), until_ms: u64) -> impl Iterator<Item = &(u64, Arc<str>)> {
        let range = self.due.range((Bound::Excluded(after), Bound::Unbounded));
        range.take_while(move |(due_ms, _)| *due_ms <= until_ms)
    }

    /// Takes one execution whose time has come.
    pub fn pop_due(&mut self, now_ms: u64) -> Option<Arc<str>> {
        if self.next_ms()? > now_ms {
            return None;
        }
        let (_, id) = self.due.pop_first()?;
        self.of.remove(&id);
        Some(id)
    }
}
