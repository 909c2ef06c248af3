//! Stopping: no new calls, those in flight have a limit, what they answer is recorded.

use std::time::Instant;

use super::*;

/// How long commits under way may take after the calls' limit.
pub(in crate::runner) const COMMITS_WAIT_MAX: Duration = Duration::from_secs(10);
/// A longer limit is as good as none.
const LIMIT_MAX: Duration = Duration::from_secs(365 * 24 * 3_600);

/// A stop that was asked for.
#[derive(Default)]
pub(super) struct Draining {
    /// When calls in flight are given up; `None` where no stop was asked for.
    calls_until: Option<Instant>,
    /// They are sent the number of calls that were left unanswered.
    replies: Vec<oneshot::Sender<usize>>,
}

impl Draining {
    pub fn has_begun(&self) -> bool {
        self.calls_until.is_some()
    }

    /// Begins, or shortens the limit of a stop that has begun.
    pub fn begin(&mut self, limit: Duration, reply: oneshot::Sender<usize>) {
        let until = Instant::now() + limit.min(LIMIT_MAX);
        self.calls_until = Some(self.calls_until.map_or(until, |earlier| earlier.min(until)));
        self.replies.push(reply);
    }

    /// The longest that the dispatcher may wait for a message before it checks again whether it may end.
    pub fn wait_max(&self) -> Option<Duration> {
        let until = self.calls_until?;
        let now = Instant::now();
        let next = if now < until { until } else { until + COMMITS_WAIT_MAX };
        Some(next.saturating_duration_since(now))
    }
}

impl Dispatcher {
    /// Whether a stop was asked for, and nothing is left that it waits for.
    pub(super) fn has_drained(&self) -> bool {
        let Some(until) = self.draining.calls_until else { return false };
        let passed = |until: Instant| Instant::now() >= until;
        let calls_over = self.looks_in_flight + self.turns_beside == 0 || passed(until);
        let commits_over = self.commits_under_way == 0 || passed(until + COMMITS_WAIT_MAX);
        self.failed.is_some() || (calls_over && commits_over)
    }

    /// Ends after a stop that was asked for.
    pub(super) fn end_drained(mut self) {
        self.commit_alone(false);
        for reply in std::mem::take(&mut self.draining.replies) {
            let _ = reply.send(self.looks_in_flight);
        }
        // Where it fails, everything is in the log, and the next opening reads it there.
        let _ = self.store.settle();
    }
}
