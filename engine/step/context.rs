//! What a step knows about the moment it runs in.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{Abandonment, TaskToken};

/// The shortest interval between two looks at what takes longer than a few seconds.
const LEAST_INTERVAL: Duration = Duration::from_secs(5);
/// The longest interval between two looks.
const MOST_INTERVAL: Duration = Duration::from_secs(60);

/// Where and when a step runs. Times are milliseconds since the Unix epoch on the runner's clock, which a rehearsal may
/// run faster than the wall's.
#[derive(Debug, Clone)]
pub struct StepContext {
    /// The execution's id, such as `endpoints-aws-7k3f`.
    pub execution: String,
    /// The Task's `Resource`.
    pub resource: String,
    /// The path of the state, such as `VPC and subnets/Create VPC`.
    pub state_path: String,
    /// The number of the frame that the state is in.
    pub frame: u64,
    /// Which entering of a state within its branch this is, from 1.
    pub visit: u64,
    /// Which try within the visit, from 1.
    pub attempt: u32,
    /// Which look within the attempt, from 1.
    pub look: u32,
    /// Idempotency token: 64 hexadecimal digits, the same for every attempt of a visit, different for every other visit.
    pub token: String,
    /// Now, in milliseconds since the Unix epoch.
    pub now_ms: u64,
    /// When the first look of this attempt was, in milliseconds since the Unix epoch.
    pub first_look_ms: u64,
    /// When the attempt gives up, in milliseconds since the Unix epoch.
    pub deadline_ms: Option<u64>,
    /// Ids and ARNs of everything this execution created so far, and when, in milliseconds since the Unix epoch: only for these
    /// is "not found" a matter of time.
    pub created: Arc<BTreeMap<String, u64>>,
    /// Whether the attempt is over while the call is in flight.
    pub abandonment: Abandonment,
}

impl StepContext {
    /// The task token that answers this attempt from outside (`flow signal`).
    pub fn task_token(&self) -> String {
        let StepContext { execution, frame, visit, attempt, .. } = self;
        TaskToken { execution: execution.clone(), frame: *frame, visit: *visit, attempt: *attempt }.encode()
    }

    /// The interval before the next look: `first` at the first look, half as much again at each later one, at most `max`.
    pub fn poll_interval(&self, first: Duration, max: Duration) -> Duration {
        let growth = 1.5_f64.powi(self.look.saturating_sub(1).min(64) as i32);
        Duration::from_secs_f64((first.as_secs_f64() * growth).min(max.as_secs_f64()))
    }

    /// The interval before the next look at what usually takes `typical`: three quarters of what is left of that (near its end
    /// all of it), or a third of what it is overdue, within a twentieth of it and a minute. Few looks while it cannot be done,
    /// close ones when it should be.
    pub fn poll_towards(&self, typical: Duration) -> Duration {
        interval_towards(typical, Duration::from_millis(self.now_ms.saturating_sub(self.first_look_ms)))
    }

    /// How long the first look at `id`, which usually takes `typical`, has still time; `None` when it is to be made now. The call
    /// that made a thing has told that it is on its way: so soon after it there is nothing to ask.
    pub fn first_look_after(&self, id: &str, typical: Duration) -> Option<Duration> {
        let made_ms = self.created.get(id).filter(|_| self.look == 1)?;
        let age = Duration::from_millis(self.now_ms.saturating_sub(*made_ms));
        interval_towards(typical, Duration::ZERO).checked_sub(age).filter(|left| !left.is_zero())
    }

    /// A context for one look outside any execution, such as asking who the caller is before anything begins.
    pub fn outside_execution(now_ms: u64) -> Self {
        StepContext { execution: String::new(), now_ms, first_look_ms: now_ms, ..StepContext::for_test("") }
    }

    /// A context for tests of a step function: first look of the first attempt of the first visit, at the epoch.
    pub fn for_test(state_path: &str) -> Self {
        StepContext {
            execution: "test-0000".to_owned(),
            resource: String::new(),
            state_path: state_path.to_owned(),
            frame: 1,
            visit: 1,
            attempt: 1,
            look: 1,
            token: "0".repeat(64),
            now_ms: 0,
            first_look_ms: 0,
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
        // One look when it should be done, instead of one just before and one just after.
        Some(left) if left > least / 4 => left.min(most),
        _ => (elapsed.saturating_sub(typical) / 3).clamp(least, most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The looks at something that is done after `done_seconds`: how many, and how late the last one is.
    fn looks(typical_seconds: u64, done_seconds: u64) -> (usize, f64) {
        let mut context = StepContext::for_test("");
        let mut looks = 1;
        while context.now_ms < done_seconds * 1_000 {
            context.now_ms += context.poll_towards(Duration::from_secs(typical_seconds)).as_millis() as u64;
            looks += 1;
        }
        (looks, context.now_ms as f64 / 1_000.0 - done_seconds as f64)
    }

    /// The fear: people wait for a look that comes late, or AWS is asked so often that it refuses.
    #[test]
    fn what_takes_as_long_as_usual_is_seen_soon_and_with_few_looks() {
        for typical_seconds in [2, 5, 25, 40, 150, 180, 360] {
            let (looks, late_seconds) = looks(typical_seconds, typical_seconds);
            assert!(looks <= 7, "{typical_seconds}: {looks} looks");
            assert!(late_seconds < 0.01, "{typical_seconds}: {late_seconds} s late");
        }
    }

    /// The fear: it is asked whether a thing is ready of which the call that made it has just told that it is not.
    #[test]
    fn what_was_made_a_moment_ago_is_not_asked_for_and_what_was_made_long_ago_is_at_once() {
        let (database, typical) = ("arn:db", Duration::from_secs(360));
        let mut context = StepContext::for_test("");
        assert_eq!(context.first_look_after(database, typical), None, "somebody else made it: it may be ready");
        context.created = Arc::new([(database.to_owned(), 1_000)].into());
        context.now_ms = 1_500;
        assert_eq!(context.first_look_after(database, typical), Some(Duration::from_millis(59_500)));
        context.look = 2;
        assert_eq!(context.first_look_after(database, typical), None);
        (context.look, context.now_ms) = (1, 61_000);
        assert_eq!(context.first_look_after(database, typical), None, "resumed later: it may be ready");
    }

    #[test]
    fn what_is_quicker_or_slower_than_usual_is_seen_within_a_minute() {
        for typical_seconds in [5, 40, 150, 360] {
            for done_seconds in (1..40).map(|tenth| typical_seconds * tenth / 10) {
                let (_, late_seconds) = looks(typical_seconds, done_seconds);
                assert!(late_seconds <= 60.0, "{typical_seconds} {done_seconds}: {late_seconds} s late");
            }
        }
    }
}
