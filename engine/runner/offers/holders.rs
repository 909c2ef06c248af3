//! The workers that fetched tasks, and whether they answered. In memory only: a new process does not know them.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::step::TaskToken;

/// The most tasks whose workers are known. A new one replaces the oldest.
const HOLDERS_MAX: usize = 4_096;

/// The workers of the tasks that were fetched last.
#[derive(Default)]
pub(super) struct Holders {
    holders: HashMap<TaskToken, Holder>,
    /// The tokens of `holders`, oldest first.
    order: VecDeque<TaskToken>,
}

struct Holder {
    worker: Arc<str>,
    has_answered: bool,
}

impl Holders {
    /// Adds the worker that fetched a task.
    pub fn insert(&mut self, token: TaskToken, worker: &str) {
        let holder = Holder { worker: worker.into(), has_answered: false };
        if self.holders.insert(token.clone(), holder).is_some() {
            return;
        }
        self.order.push_back(token);
        if self.order.len() > HOLDERS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.holders.remove(&oldest);
        }
    }

    /// Records a heartbeat or an answer of the worker that fetched a task. Returns its name.
    pub fn reported(&mut self, token: &TaskToken, is_answer: bool) -> Option<Arc<str>> {
        let holder = self.holders.get_mut(token)?;
        holder.has_answered |= is_answer;
        Some(holder.worker.clone())
    }

    /// The worker that fetched the attempt before this one, and whether it answered that. From now on it counts as answered: a worker
    /// misses its heartbeat once.
    pub fn of_last_attempt(&mut self, token: &TaskToken) -> Option<(Arc<str>, bool)> {
        let last = TaskToken { attempt: token.attempt.checked_sub(1)?, ..token.clone() };
        let holder = self.holders.get_mut(&last)?;
        Some((holder.worker.clone(), std::mem::replace(&mut holder.has_answered, true)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_misses_the_heartbeat_of_an_attempt_once_and_the_oldest_tasks_are_forgotten() {
        let token = |attempt: u32| TaskToken { execution: "e".to_owned(), frame: 1, visit: 1, attempt };
        let mut holders = Holders::default();
        assert_eq!(holders.of_last_attempt(&token(2)), None);
        holders.insert(token(1), "w");
        assert_eq!(holders.of_last_attempt(&token(1)), None, "the attempt itself");
        assert_eq!(holders.of_last_attempt(&token(2)), Some(("w".into(), false)));
        assert_eq!(holders.of_last_attempt(&token(2)), Some(("w".into(), true)));
        assert_eq!(holders.reported(&token(1), false).as_deref(), Some("w"), "a late report");
        (2..).take(HOLDERS_MAX).for_each(|attempt| holders.insert(token(attempt), "w"));
        assert_eq!(holders.reported(&token(1), true), None);
        assert_eq!((holders.holders.len(), holders.order.len()), (HOLDERS_MAX, HOLDERS_MAX));
    }
}
