//! The context of a step's call.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Abandonment, TaskToken};

/// The shortest interval between polls for a resource that takes longer than a few seconds.
const LEAST_INTERVAL: Duration = Duration::from_secs(5);
/// The longest poll interval.
const MOST_INTERVAL: Duration = Duration::from_secs(60);

/// The context of a step's call. Times are milliseconds since the Unix epoch on the runner's clock, which a rehearsal may run faster than
/// the wall clock.
#[derive(Debug, Clone)]
pub struct StepContext {
    /// The execution's id, such as `endpoints-aws-7k3f`.
    pub execution: String,
    /// The Task's `Resource`.
    pub resource: String,
    /// The path of the state, such as `VPC and subnets/Create VPC`.
    pub state_path: String,
    /// The number of the frame that is in the state.
    pub frame: u64,
    /// The number of the visit of the state within its branch, from 1.
    pub visit: u64,
    /// The number of the attempt within the visit, from 1.
    pub attempt: u32,
    /// The number of the poll within the attempt, from 1.
    pub poll: u32,
    /// Idempotency token: 64 hexadecimal digits, the same for every attempt of a visit, different for every other visit.
    pub token: String,
    /// Now, in milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// The time of this attempt's first poll, in milliseconds since the Unix epoch.
    pub first_poll_ms: u64,
    /// The time at which the attempt times out, in milliseconds since the Unix epoch.
    pub deadline_ms: Option<u64>,
    /// Ids and ARNs of all resources that this execution has created so far, each with the time of its creation in milliseconds since the
    /// Unix epoch. "Not found" for one of them may be eventual consistency.
    pub created: Arc<BTreeMap<String, u64>>,
    /// Signals that the attempt has ended while the call is in flight.
    pub abandonment: Abandonment,
}

impl StepContext {
    /// The task token that answers this attempt from outside (`flow signal`).
    pub fn task_token(&self) -> String {
        let StepContext { execution, frame, visit, attempt, .. } = self;
        TaskToken { execution: execution.clone(), frame: *frame, visit: *visit, attempt: *attempt }.encode()
    }

    /// The interval before the next poll: `first` after the first poll, multiplied by 1.5 after each later one, at most `max`.
    pub fn poll_interval(&self, first: Duration, max: Duration) -> Duration {
        let growth = 1.5_f64.powi(self.poll.saturating_sub(1).min(64) as i32);
        Duration::from_secs_f64((first.as_secs_f64() * growth).min(max.as_secs_f64()))
    }

    /// The interval before the next poll of an operation that usually takes `typical`: 3/4 of the remaining time (all of it near the end),
    /// or 1/3 of the overdue time, between 1/20 of `typical` and a minute. So polls are rare while the result is improbable and frequent
    /// when it is expected.
    pub fn poll_towards(&self, typical: Duration) -> Duration {
        interval_towards(typical, Duration::from_millis(self.now_ms.saturating_sub(self.first_poll_ms)))
    }

    /// The time until the first poll of `id`, which usually takes `typical` to be ready; `None` if the poll is due now. The call that
    /// created the resource has just answered that it is not ready, so an immediate poll is useless.
    pub fn first_poll_after(&self, id: &str, typical: Duration) -> Option<Duration> {
        let made_ms = self.created.get(id).filter(|_| self.poll == 1)?;
        let age = Duration::from_millis(self.now_ms.saturating_sub(*made_ms));
        interval_towards(typical, Duration::ZERO).checked_sub(age).filter(|left| !left.is_zero())
    }

    /// A context for tests of a step function: first poll of the first attempt of the first visit, at the epoch.
    pub fn for_test(state_path: &str) -> Self {
        StepContext {
            execution: "test-0000".to_owned(),
            resource: String::new(),
            state_path: state_path.to_owned(),
            frame: 1,
            visit: 1,
            attempt: 1,
            poll: 1,
            token: "0".repeat(64),
            now_ms: 0,
            first_poll_ms: 0,
            deadline_ms: None,
            created: Arc::default(),
            abandonment: Abandonment::default(),
        }
    }
}

fn interval_towards(typical: Duration, elapsed: Duration) -> Duration {
    let least = (typical / 20).max(LEAST_INTERVAL.min(typical / 2));
    let most = MOST_INTERVAL.max(least);
    match typical.checked_sub(elapsed) {
        Some(left) if left > least * 4 => (left * 3 / 4).clamp(least, most),
        // One poll when it should be done, instead of one shortly before and one shortly after.
        Some(left) if left > least / 4 => left.min(most),
        _ => (elapsed.saturating_sub(typical) / 3).clamp(least, most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The polls of something that is done after `done_seconds`: how many, and how late the last one is.
    fn polls(typical_seconds: u64, done_seconds: u64) -> (usize, f64) {
        let mut context = StepContext::for_test("");
        let mut polls = 1;
        while context.now_ms < done_seconds * 1_000 {
            context.now_ms += context.poll_towards(Duration::from_secs(typical_seconds)).as_millis() as u64;
            polls += 1;
        }
        (polls, context.now_ms as f64 / 1_000.0 - done_seconds as f64)
    }

    /// The result of an operation that takes its usual time is found promptly and with few calls to AWS.
    #[test]
    fn what_takes_as_long_as_usual_is_seen_soon_and_with_few_polls() {
        for typical_seconds in [2, 5, 25, 40, 150, 180, 360] {
            let (polls, late_seconds) = polls(typical_seconds, typical_seconds);
            assert!(polls <= 7, "{typical_seconds}: {polls} polls");
            assert!(late_seconds < 0.01, "{typical_seconds}: {late_seconds} s late");
        }
    }

    /// A resource is not polled right after the call that created it.
    #[test]
    fn what_was_made_a_moment_ago_is_not_asked_for_and_what_was_made_long_ago_is_at_once() {
        let (database, typical) = ("arn:db", Duration::from_secs(360));
        let mut context = StepContext::for_test("");
        assert_eq!(context.first_poll_after(database, typical), None, "created by someone else: it may be ready");
        context.created = Arc::new([(database.to_owned(), 1_000)].into());
        context.now_ms = 1_500;
        assert_eq!(context.first_poll_after(database, typical), Some(Duration::from_millis(59_500)));
        context.poll = 2;
        assert_eq!(context.first_poll_after(database, typical), None);
        (context.poll, context.now_ms) = (1, 61_000);
        assert_eq!(context.first_poll_after(database, typical), None, "resumed later: it may be ready");
    }

    #[test]
    fn what_is_quicker_or_slower_than_usual_is_seen_within_a_minute() {
        for typical_seconds in [5, 40, 150, 360] {
            for done_seconds in (1..40).map(|tenth| typical_seconds * tenth / 10) {
                let (_, late_seconds) = polls(typical_seconds, done_seconds);
                assert!(late_seconds <= 60.0, "{typical_seconds} {done_seconds}: {late_seconds} s late");
            }
        }
    }
}
