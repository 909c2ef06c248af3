//! The counters of a worker.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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
    /// Whether calls of a kind have failed since one was answered.
    polls_fail: AtomicBool,
    heartbeats_fail: AtomicBool,
    answers_fail: AtomicBool,
    lists_fail: AtomicBool,
}

/// A kind of call of a worker. In an outage, each kind is logged as a warning once.
#[derive(Debug, Clone, Copy)]
pub(super) enum CallKind {
    /// GetActivityTask.
    Poll,
    /// SendTaskHeartbeat.
    Heartbeat,
    /// SendTaskSuccess and SendTaskFailure.
    Answer,
    /// ListActivities.
    List,
}

/// The outcome of a task for its worker.
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

    /// The tasks that were received and how they ended, in words. Counts of zero are left out.
    pub fn summary(&self) -> String {
        let endings = [
            (&self.succeeded, "succeeded"),
            (&self.failed, "failed"),
            (&self.given_back, "given back for another worker"),
            (&self.over, "timed out or cancelled before the answer"),
            (&self.answers_refused, "with an answer that was refused or did not arrive"),
        ];
        let words = |(counter, words): &(&AtomicU64, &str)| match counter.load(Ordering::Relaxed) {
            0 => None,
            number => Some(format!("{number} {words}")),
        };
        let ended: Vec<String> = endings.iter().filter_map(words).collect();
        match (self.received.load(Ordering::Relaxed), ended.is_empty()) {
            (0, _) => "No task was received".to_owned(),
            (_, true) => self.tasks_received(),
            (_, false) => format!("{}: {}", self.tasks_received(), ended.join(", ")),
        }
    }

    fn tasks_received(&self) -> String {
        let received = self.received.load(Ordering::Relaxed);
        format!("{} received", counted(usize::try_from(received).unwrap_or(usize::MAX), "task"))
    }

    pub(super) fn heartbeat(&self) {
        self.heartbeats.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn call_failed(&self) {
        self.calls_failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Logs the failure of a call that is repeated: as a warning if it is the first of its kind since one was answered, else with `-v`.
    pub(super) fn log_failure(&self, kind: CallKind, words: &str) {
        if self.begins_outage(kind) {
            tracing::warn!(
                "{}. Until such a call is answered, further failures are logged with -v only",
                words.trim_end_matches('.')
            );
        } else {
            tracing::info!("{words}");
        }
    }

    /// Records a failed call. Returns whether it is the first of its kind since one was answered.
    fn begins_outage(&self, kind: CallKind) -> bool {
        !self.outage(kind).swap(true, Ordering::Relaxed)
    }

    /// Records an answered call: the next failure of its kind begins another outage.
    pub(super) fn call_answered(&self, kind: CallKind) {
        self.outage(kind).store(false, Ordering::Relaxed);
    }

    fn outage(&self, kind: CallKind) -> &AtomicBool {
        match kind {
            CallKind::Poll => &self.polls_fail,
            CallKind::Heartbeat => &self.heartbeats_fail,
            CallKind::Answer => &self.answers_fail,
            CallKind::List => &self.lists_fail,
        }
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
    fn a_summary_has_only_what_occurred() {
        let counts = TaskCounts::default();
        assert_eq!(counts.summary(), "No task was received");
        for ending in [Ending::Succeeded, Ending::Succeeded, Ending::Failed, Ending::GivenBack] {
            counts.received();
            counts.ended(ending);
        }
        assert_eq!(counts.summary(), "4 tasks received: 2 succeeded, 1 failed, 1 given back for another worker");
        let counts = TaskCounts::default();
        counts.received();
        assert_eq!(counts.summary(), "1 task received");
        counts.ended(Ending::Over);
        assert_eq!(counts.summary(), "1 task received: 1 timed out or cancelled before the answer");
    }

    #[test]
    fn an_outage_is_a_warning_once_for_each_kind_of_call() {
        let counts = TaskCounts::default();
        let polls = || [(); 3].map(|()| counts.begins_outage(CallKind::Poll));
        assert_eq!(polls(), [true, false, false]);
        assert!(counts.begins_outage(CallKind::Heartbeat), "another kind");
        counts.call_answered(CallKind::Heartbeat);
        assert_eq!(polls(), [false, false, false], "no poll was answered");
        counts.call_answered(CallKind::Poll);
        assert_eq!(polls(), [true, false, false], "another outage");
    }

    #[test]
    fn a_refused_answer_has_a_count_of_its_own() {
        let counts = TaskCounts::default();
        [Ending::AnswerRefused, Ending::Over, Ending::Over].into_iter().for_each(|ending| counts.ended(ending));
        let line = counts.line();
        assert_eq!((&line["answersRefused"], &line["over"]), (&json!(1), &json!(2)));
    }
}
