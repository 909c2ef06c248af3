//! Draining: no new calls are made, calls in flight have a time limit, and their answers are recorded.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::{Dispatcher, Driven};
use crate::machine::Execution;

/// The time that commits in progress may take after the limit of the calls.
pub(in crate::runner) const COMMITS_WAIT_MAX: Duration = Duration::from_secs(10);
/// The longest limit: adding a longer one to an `Instant` could overflow.
const LIMIT_MAX: Duration = Duration::from_secs(365 * 24 * 3_600);

/// A stop that was requested.
#[derive(Default)]
pub(super) struct Draining {
    /// When calls in flight are given up; `None` if no stop was requested.
    calls_until: Option<Instant>,
    /// Receive the number of unanswered calls.
    replies: Vec<oneshot::Sender<usize>>,
}

impl Draining {
    pub fn has_begun(&self) -> bool {
        self.calls_until.is_some()
    }

    /// Begins to drain, or shortens the limit if it has begun already.
    pub fn begin(&mut self, limit: Duration, reply: oneshot::Sender<usize>) {
        self.limit_calls(limit);
        self.replies.push(reply);
    }

    fn limit_calls(&mut self, limit: Duration) {
        let until = Instant::now() + limit.min(LIMIT_MAX);
        self.calls_until = Some(self.calls_until.map_or(until, |earlier| earlier.min(until)));
    }

    /// The longest that the dispatcher may wait for a message before it checks again whether it has drained.
    pub fn wait_max(&self) -> Option<Duration> {
        let until = self.calls_until?;
        let now = Instant::now();
        let next = if now < until { until } else { until + COMMITS_WAIT_MAX };
        Some(next.saturating_duration_since(now))
    }
}

impl Dispatcher {
    /// Begins to drain if no execution has a call in flight: the drain then gives up no call. Abandoned calls do not count. Nor do the
    /// calls of a runner that makes no calls: it leaves them to the next one.
    pub(super) fn drain_without_calls(&mut self, reply: oneshot::Sender<bool>) {
        let calls = |driven: &Driven| driven.execution.as_deref().is_some_and(Execution::in_flight);
        let is_without_calls = self.failed.is_some()
            || (self.turns_in_lanes == 0 && (self.calls_in_flight == 0 || !self.driven.values().any(calls)));
        if is_without_calls {
            self.draining.limit_calls(LIMIT_MAX);
        }
        let _ = reply.send(is_without_calls);
    }

    /// Whether a stop was requested and everything that it waits for is done.
    pub(super) fn has_drained(&self) -> bool {
        let Some(until) = self.draining.calls_until else { return false };
        let passed = |until: Instant| Instant::now() >= until;
        let calls_over = self.calls_in_flight + self.turns_in_lanes == 0 || passed(until);
        let commits_over = self.commits_under_way == 0 || passed(until + COMMITS_WAIT_MAX);
        self.failed.is_some() || (calls_over && commits_over)
    }

    /// Ends the dispatcher after draining.
    pub(super) fn end_drained(mut self) {
        self.commit_inline(false);
        for reply in std::mem::take(&mut self.draining.replies) {
            let _ = reply.send(self.calls_in_flight);
        }
        // If this fails, everything is in the log, and the next opening reads it from the log.
        let _ = self.store.checkpoint();
    }
}
