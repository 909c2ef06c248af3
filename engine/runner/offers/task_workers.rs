//! The workers that fetched tasks, and whether they answered. In memory only: a new process does not know them.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use crate::step::TaskToken;

/// The most tasks whose workers are known. A new one replaces the oldest.
const TASK_WORKERS_MAX: usize = 4_096;

/// The workers of the tasks that were fetched last.
#[derive(Default)]
pub(super) struct TaskWorkers {
    by_token: HashMap<TaskToken, TaskWorker>,
    /// The tokens of `by_token`, oldest first.
    order: VecDeque<TaskToken>,
}

struct TaskWorker {
    name: Arc<str>,
    has_answered: bool,
}

impl TaskWorkers {
    /// Adds the worker that fetched a task.
    pub fn insert(&mut self, token: TaskToken, worker: &str) {
        let worker = TaskWorker { name: worker.into(), has_answered: false };
        if self.by_token.insert(token.clone(), worker).is_some() {
            return;
        }
        self.order.push_back(token);
        if self.order.len() > TASK_WORKERS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_token.remove(&oldest);
        }
    }

    /// Records a heartbeat or an answer of the worker that fetched a task. Returns its name.
    pub fn record_report(&mut self, token: &TaskToken, is_answer: bool) -> Option<Arc<str>> {
        let worker = self.by_token.get_mut(token)?;
        worker.has_answered |= is_answer;
        Some(worker.name.clone())
    }

    /// Returns the worker that fetched the attempt before this one and whether it answered, and marks that attempt as answered: a worker
    /// misses its heartbeat once.
    pub fn take_last_attempt(&mut self, token: &TaskToken) -> Option<(Arc<str>, bool)> {
        let last = TaskToken { attempt: token.attempt.checked_sub(1)?, ..token.clone() };
        let worker = self.by_token.get_mut(&last)?;
        Some((worker.name.clone(), std::mem::replace(&mut worker.has_answered, true)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_misses_the_heartbeat_of_an_attempt_once_and_the_oldest_tasks_are_forgotten() {
        let token = |attempt: u32| TaskToken { execution: "e".to_owned(), frame: 1, visit: 1, attempt };
        let mut workers = TaskWorkers::default();
        assert_eq!(workers.take_last_attempt(&token(2)), None);
        workers.insert(token(1), "w");
        assert_eq!(workers.take_last_attempt(&token(1)), None, "the attempt itself");
        assert_eq!(workers.take_last_attempt(&token(2)), Some(("w".into(), false)));
        assert_eq!(workers.take_last_attempt(&token(2)), Some(("w".into(), true)));
        assert_eq!(workers.record_report(&token(1), false).as_deref(), Some("w"), "a late report");
        (2..).take(TASK_WORKERS_MAX).for_each(|attempt| workers.insert(token(attempt), "w"));
        assert_eq!(workers.record_report(&token(1), true), None);
        assert_eq!((workers.by_token.len(), workers.order.len()), (TASK_WORKERS_MAX, TASK_WORKERS_MAX));
    }
}
