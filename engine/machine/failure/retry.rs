//! Matches errors with the rules of `Retry` and `Catch`, and computes the delay of a retry.
//! Source: states-language.net/spec.html, "Errors".

use std::time::Duration;

use backoff::{ExponentialBackoffBuilder, backoff::Backoff};

use crate::{
    asl::{JitterStrategy, Retrier},
    journal::StepFailure,
    step::{StepError, error_names},
};

/// The failure of a Task whose worker has sent no heartbeat in time, as `Retry` and `Catch` match it: also rules for
/// `States.HeartbeatTimeout` match. The failure itself is named `States.Timeout`, as AWS records it, and has this name in its details.
pub fn missed_heartbeat(failure: StepFailure) -> StepFailure {
    StepFailure { details: Some(StepError::named(error_names::HEARTBEAT_TIMEOUT, failure.cause.clone())), ..failure }
}

/// Whether `ErrorEquals` matches the failure.
///
/// | error | its own name | `States.ALL` | `States.TaskFailed` | source |
/// |---|---|---|---|---|
/// | `States.Runtime` | no | no | no | guide: "will always cause the execution to fail" |
/// | `States.DataLimitExceeded`: the result of a call | yes | yes | no | recorded, March 2024: caught by `States.ALL` |
/// | `States.DataLimitExceeded`: arguments, output, variables | yes | no | no | guide: "a terminal error that can't be caught by `States.ALL`" |
/// | `States.Timeout`: TimeoutSeconds have passed | yes | yes | no | guide |
/// | `States.Timeout`: a heartbeat was missed | yes, also by `States.HeartbeatTimeout` | yes | no | specification, "Error names"; recorded as `States.Timeout` |
/// | `States.HeartbeatTimeout` | yes, also by `States.Timeout` | yes | no | specification |
/// | every other error, such as `States.QueryEvaluationError` | yes | yes | yes | guide: `States.TaskFailed` "matches any known error name except for `States.Timeout`" |
///
/// The guide is the Step Functions Developer Guide, "Handling errors in Step Functions workflows". It denies the second row, which a
/// recording of AWS shows.
pub fn matches(error_equals: &[String], failure: &StepFailure) -> bool {
    let error = failure.error.as_str();
    if error == error_names::RUNTIME {
        return false;
    }
    // Only the failure of a call has details.
    let is_terminal = error == error_names::DATA_LIMIT_EXCEEDED && failure.details.is_none();
    let is_missed_heartbeat = error == error_names::HEARTBEAT_TIMEOUT
        || failure
            .details
            .as_ref()
            .is_some_and(|details| details.name.as_deref() == Some(error_names::HEARTBEAT_TIMEOUT));
    error_equals.iter().any(|name| match name.as_str() {
        error_names::ALL => !is_terminal,
        error_names::TASK_FAILED => {
            !matches!(error, error_names::TIMEOUT | error_names::HEARTBEAT_TIMEOUT | error_names::DATA_LIMIT_EXCEEDED)
        }
        error_names::TIMEOUT => matches!(error, error_names::TIMEOUT | error_names::HEARTBEAT_TIMEOUT),
        error_names::HEARTBEAT_TIMEOUT => is_missed_heartbeat,
        name => name == error,
    })
}

/// The delay before a retry, in milliseconds, after `retries_before` retries by the same rule; without jitter, so the longest one of a rule
/// with jitter. It is IntervalSeconds · BackoffRate ^ `retries_before`, at most MaxDelaySeconds. Source: Amazon States Language
/// specification, "Retrying after error".
pub fn retry_delay_ms(rule: &Retrier, retries_before: u32) -> u64 {
    let max = Duration::from_secs(rule.max_delay_seconds.unwrap_or(u64::from(u32::MAX)));
    let mut intervals = ExponentialBackoffBuilder::new()
        .with_initial_interval(Duration::from_secs(rule.interval_seconds))
        .with_multiplier(rule.backoff_rate)
        .with_max_interval(max)
        .with_randomization_factor(0.0)
        .with_max_elapsed_time(None)
        .build();
    let mut delay = Duration::from_secs(rule.interval_seconds);
    for _ in 0..=retries_before {
        delay = intervals.next_backoff().unwrap_or(max).min(max);
        if delay == max {
            break;
        }
    }
    u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)
}

/// The delay before a retry, in milliseconds, with the jitter of its rule.
pub(super) fn jittered_delay_ms(rule: &Retrier, retries_before: u32, entropy: u64) -> u64 {
    let delay_ms = retry_delay_ms(rule, retries_before);
    match rule.jitter_strategy {
        JitterStrategy::None => delay_ms,
        JitterStrategy::Full => mix(entropy) % delay_ms.saturating_add(1),
    }
}

/// Mixes the bits of a number (splitmix64), so that adjacent numbers give different delays.
fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Retrier {
        Retrier {
            error_equals: vec!["States.ALL".to_owned()],
            interval_seconds: 3,
            max_attempts: 5,
            backoff_rate: 2.0,
            max_delay_seconds: Some(20),
            jitter_strategy: JitterStrategy::None,
        }
    }

    #[test]
    fn a_delay_never_exceeds_its_maximum() {
        let delays: Vec<_> = (0..6).map(|n| retry_delay_ms(&rule(), n)).collect();
        assert_eq!(delays, [3_000, 6_000, 12_000, 20_000, 20_000, 20_000]);
    }

    #[test]
    fn a_rate_of_one_does_not_grow() {
        let rule = Retrier { backoff_rate: 1.0, max_delay_seconds: None, ..rule() };
        assert_eq!((retry_delay_ms(&rule, 0), retry_delay_ms(&rule, 50)), (3_000, 3_000));
    }

    #[test]
    fn full_jitter_stays_within_the_delay_and_spreads() {
        let rule = Retrier { jitter_strategy: JitterStrategy::Full, ..rule() };
        let delays: Vec<_> = (0..100).map(|entropy| jittered_delay_ms(&rule, 1, entropy)).collect();
        assert!(delays.iter().all(|delay| *delay <= 6_000));
        assert!(delays.iter().any(|delay| *delay < 2_000) && delays.iter().any(|delay| *delay > 4_000));
    }

    #[test]
    fn each_error_is_matched_by_the_names_of_its_row() {
        let matched = |rule: &str, error: &str, of_call: bool| {
            let details = of_call.then(|| StepError::named(error, "cause"));
            let failure = StepFailure { error: error.to_owned(), cause: "cause".to_owned(), details };
            matches(&[rule.to_owned()], &failure)
        };
        let rows = [
            ("States.Runtime", false, [false, false, false]),
            ("States.Runtime", true, [false, false, false]),
            ("States.DataLimitExceeded", true, [true, true, false]),
            ("States.DataLimitExceeded", false, [true, false, false]),
            ("States.Timeout", false, [true, true, false]),
            ("States.HeartbeatTimeout", false, [true, true, false]),
            ("States.QueryEvaluationError", false, [true, true, true]),
            ("States.TaskFailed", false, [true, true, true]),
            ("States.NoChoiceMatched", false, [true, true, true]),
            ("States.ExceedToleratedFailureThreshold", false, [true, true, true]),
            ("States.ItemReaderFailed", true, [true, true, true]),
            ("States.ResultWriterFailed", true, [true, true, true]),
            ("States.Permissions", true, [true, true, true]),
            ("States.IntrinsicFailure", false, [true, true, true]),
            ("States.ParameterPathFailure", false, [true, true, true]),
            ("States.ResultPathMatchFailure", false, [true, true, true]),
            ("States.BranchFailed", false, [true, true, true]),
            ("States.Http.Socket", true, [true, true, true]),
            ("Flow.Unknown", true, [true, true, true]),
        ];
        for (error, of_call, expected) in rows {
            let found = [error, "States.ALL", "States.TaskFailed"].map(|rule| matched(rule, error, of_call));
            assert_eq!(found, expected, "{error}, the failure of a call: {of_call}");
            assert!(!matched("Other", error, of_call), "{error}");
        }
        assert!(matched("States.Timeout", "States.HeartbeatTimeout", false));
        for of_call in [false, true] {
            assert!(!matched("States.HeartbeatTimeout", "States.Timeout", of_call), "TimeoutSeconds have passed");
        }
    }

    #[test]
    fn a_missed_heartbeat_is_matched_by_both_names_of_a_time_out() {
        let timed_out = StepFailure { error: "States.Timeout".to_owned(), cause: String::new(), details: None };
        let failure = missed_heartbeat(timed_out);
        assert_eq!(failure.error, "States.Timeout");
        let found = ["States.HeartbeatTimeout", "States.Timeout", "States.ALL", "States.TaskFailed"];
        assert_eq!(found.map(|rule| matches(&[rule.to_owned()], &failure)), [true, true, true, false]);
    }
}
