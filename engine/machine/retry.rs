//! Matches errors with the rules of `Retry` and `Catch`, and computes the delay of a retry.
//! Source: states-language.net/spec.html, "Errors".

use std::time::Duration;

use backoff::{ExponentialBackoffBuilder, backoff::Backoff};

use crate::asl::{JitterStrategy, Retrier};

/// Whether `ErrorEquals` matches the error. No rule matches `States.Runtime`. Source: Step Functions Developer Guide, "Handling errors in
/// Step Functions workflows". The guide denies that `States.ALL` matches States.DataLimitExceeded of a Task; a recording of AWS shows it.
pub(super) fn matches(error_equals: &[String], error: &str) -> bool {
    if error == "States.Runtime" {
        return false;
    }
    error_equals.iter().any(|name| match name.as_str() {
        "States.ALL" => true,
        "States.TaskFailed" => {
            !matches!(error, "States.Timeout" | "States.HeartbeatTimeout" | "States.DataLimitExceeded")
        }
        // AWS reports a missed heartbeat as States.Timeout. A rule may use either name.
        "States.Timeout" | "States.HeartbeatTimeout" => matches!(error, "States.Timeout" | "States.HeartbeatTimeout"),
        name => name == error,
    })
}

/// The delay before a retry, in milliseconds, after `retries_before` retries by the same rule.
pub(super) fn delay_ms(rule: &Retrier, retries_before: u32, entropy: u64) -> u64 {
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
    let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
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
        let delays: Vec<_> = (0..6).map(|n| delay_ms(&rule(), n, 0)).collect();
        assert_eq!(delays, [3_000, 6_000, 12_000, 20_000, 20_000, 20_000]);
    }

    #[test]
    fn a_rate_of_one_does_not_grow() {
        let rule = Retrier { backoff_rate: 1.0, max_delay_seconds: None, ..rule() };
        assert_eq!((delay_ms(&rule, 0, 0), delay_ms(&rule, 50, 0)), (3_000, 3_000));
    }

    #[test]
    fn full_jitter_stays_within_the_delay_and_spreads() {
        let rule = Retrier { jitter_strategy: JitterStrategy::Full, ..rule() };
        let delays: Vec<_> = (0..100).map(|entropy| delay_ms(&rule, 1, entropy)).collect();
        assert!(delays.iter().all(|delay| *delay <= 6_000));
        assert!(delays.iter().any(|delay| *delay < 2_000) && delays.iter().any(|delay| *delay > 4_000));
    }

    #[test]
    fn states_all_does_not_hide_a_runtime_error() {
        let all = ["States.ALL".to_owned()];
        assert!(matches(&all, "Flow.Unknown") && !matches(&all, "States.Runtime"));
    }
}
