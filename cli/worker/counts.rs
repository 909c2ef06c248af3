//! The counters of a worker.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

/// Counters since the worker's start.
#[derive(Debug, Default)]
pub struct Counts {
    received: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
    given_back: AtomicU64,
    over: AtomicU64,
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
}

impl Counts {
    pub(super) fn received(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
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
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// All counters, as the fields of a JSON line.
    pub fn line(&self) -> Value {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({
            "type": "worker", "received": read(&self.received), "succeeded": read(&self.succeeded),
            "failed": read(&self.failed), "givenBack": read(&self.given_back), "over": read(&self.over),
            "heartbeats": read(&self.heartbeats), "callsFailed": read(&self.calls_failed),
        })
    }
}
