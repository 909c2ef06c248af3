//! When each execution is due: one entry per execution, the earliest first.

use std::collections::{BTreeSet, HashMap};

#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeSet<(u64, String)>,
    of: HashMap<String, u64>,
}

impl Timers {
    /// Sets an execution's time, in place of an earlier one.
    pub fn set(&mut self, id: &str, due_ms: u64) {
        self.clear(id);
        self.of.insert(id.to_owned(), due_ms);
        self.due.insert((due_ms, id.to_owned()));
    }

    /// Forgets an execution's time.
    pub fn clear(&mut self, id: &str) {
        if let Some(due_ms) = self.of.remove(id) {
            self.due.remove(&(due_ms, id.to_owned()));
        }
    }

    /// The earliest time.
    pub fn next_ms(&self) -> Option<u64> {
        self.due.first().map(|(due_ms, _)| *due_ms)
    }

    /// Takes one execution whose time has come.
    pub fn pop_due(&mut self, now_ms: u64) -> Option<String> {
        if self.next_ms()? > now_ms {
            return None;
        }
        let (_, id) = self.due.pop_first()?;
        self.of.remove(&id);
        Some(id)
    }
}
