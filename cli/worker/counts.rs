//! The counters of a worker.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::ui::text::counted;

/// Counters since the worker's start.
#[derive(Debug, Default)]
pub struct TaskCounts {
    received: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
    given_back: AtomicU64,
    over: AtomicU64,
    answers_refused: AtomicU64,
    heartbeats: AtomicU64,
    calls_failed: AtomicU64,
}

/// How a task ended for its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Answered with an output.
    Succeeded,
    /// Answered with a failure.
    Failed,
    /// Given back because the worker stops.
    GivenBack,
    /// The task ended before it was answered.
    Over,
    /// The API refused the answer, or could not be reached for it.
    AnswerRefused,
}

impl TaskCounts {
    pub(super) fn received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
    }

    /// The number of tasks that were received, in words.
    pub fn tasks_received(&self) -> String {
        let received = self.received.load(Ordering::Relaxed);
        format!("{} received", counted(usize::try_from(received).unwrap_or(usize::MAX), "task"))
    }

    pub(super) fn heartbeat(&self) {
        self.heartbeats.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn call_failed(&self) {
        self.calls_failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn ended(&self, ending: Ending) {
        let counter = match ending {
            Ending::Succeeded => &self.succeeded,
            Ending::Failed => &self.failed,
            Ending::GivenBack => &self.given_back,
            Ending::Over => &self.over,
            Ending::AnswerRefused => &self.answers_refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// All counters, as the fields of a JSON line.
    pub fn line(&self) -> Value {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({
            "type": "worker", "received": read(&self.received), "succeeded": read(&self.succeeded),
            "failed": read(&self.failed), "givenBack": read(&self.given_back), "over": read(&self.over),
            "answersRefused": read(&self.answers_refused),
            "heartbeats": read(&self.heartbeats), "callsFailed": read(&self.calls_failed),
            "message": format!("{}, {} succeeded, {} failed", self.tasks_received(), read(&self.succeeded), read(&self.failed)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_answer_has_a_count_of_its_own() {
        let counts = TaskCounts::default();
        [Ending::AnswerRefused, Ending::Over, Ending::Over].into_iter().for_each(|ending| counts.ended(ending));
        let line = counts.line();
        assert_eq!((&line["answersRefused"], &line["over"]), (&json!(1), &json!(2)));
    }
}
