//! The causes of time-outs, which Step Functions leaves empty: the limit of the call that has passed.

use std::collections::HashMap;

use engine::step::error_names::TIMEOUT;
use steps::step_functions::RemoteEvent;

/// The end of the cause of a missed heartbeat.
pub(super) const HEARTBEAT_MARK: &str = "(States.HeartbeatTimeout)";

/// The limits of a call that is scheduled.
#[derive(Debug)]
struct Call {
    scheduled_ms: u64,
    timeout_seconds: Option<u64>,
    heartbeat_seconds: Option<u64>,
}

/// The last call of each state, by its path.
#[derive(Debug, Default)]
pub(super) struct TimeLimits {
    calls: HashMap<String, Call>,
}

impl TimeLimits {
    /// Notes a call that an event schedules. Returns an event that ends a call at a limit and has no cause with a cause.
    pub(super) fn explain(&mut self, event: &RemoteEvent, path: &str) -> Option<RemoteEvent> {
        if event.kind.ends_with("Scheduled") {
            let (scheduled_ms, timeout_seconds) = (event.timestamp_ms, event.timeout_seconds);
            let call = Call { scheduled_ms, timeout_seconds, heartbeat_seconds: event.heartbeat_seconds };
            self.calls.insert(path.to_owned(), call);
        }
        let has_cause = event.cause.as_ref().is_some_and(|cause| !cause.is_empty());
        // The error of every time-out, also after a missed heartbeat.
        let is_timeout = event.error.as_deref().unwrap_or(TIMEOUT) == TIMEOUT;
        if !event.kind.ends_with("TimedOut") || !is_timeout || has_cause {
            return None;
        }
        let cause = self.calls.get(path)?.cause(event.timestamp_ms)?;
        Some(RemoteEvent { cause: Some(cause), ..event.clone() })
    }
}

impl Call {
    /// The cause of a time-out at a time. Before the end of TimeoutSeconds, only a heartbeat can be missing.
    fn cause(&self, now_ms: u64) -> Option<String> {
        let elapsed_ms = now_ms.saturating_sub(self.scheduled_ms);
        let is_before_end = self.timeout_seconds.is_none_or(|seconds| elapsed_ms < seconds.saturating_mul(1_000));
        match (self.heartbeat_seconds.filter(|_| is_before_end), self.timeout_seconds) {
            (Some(seconds), _) => {
                Some(format!("no heartbeat arrived for HeartbeatSeconds, {seconds} s {HEARTBEAT_MARK}"))
            }
            (None, Some(seconds)) => Some(format!("the call did not end within TimeoutSeconds, {seconds} s")),
            (None, None) => None,
        }
    }
}
