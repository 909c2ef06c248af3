//! The attempts of states, which no event of AWS numbers, and the rules of `Retry` that allow them.

use std::collections::HashMap;

use engine::{asl::each_state, journal::StepFailure};
use serde_json::Value;

use super::{catches::rule_matches, is_state};

/// The fields of a rule that does not have them (Amazon States Language specification, "Retrying after error").
const MAX_ATTEMPTS_DEFAULT: u64 = 3;
const INTERVAL_SECONDS_DEFAULT: u64 = 1;
const BACKOFF_RATE_DEFAULT: f64 = 2.0;

/// A rule of a `Retry`.
#[derive(Debug)]
struct Rule {
    error_equals: Vec<String>,
    max_attempts: u32,
    interval_seconds: u64,
    backoff_rate: f64,
    max_delay_seconds: Option<u64>,
    /// Whether each delay is random.
    is_random: bool,
}

/// The attempts of a state in one visit.
#[derive(Debug, Default)]
struct Attempts {
    calls: u32,
    /// How often each rule was used.
    used: Vec<u32>,
}

/// The attempt that follows a failed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NextAttempt {
    /// Its number, from 1.
    pub attempt: u32,
    /// The number of the last attempt that the rule allows; `None` if no rule matches.
    pub attempts_max: Option<u32>,
    /// The time between the failure and this attempt, in milliseconds; `None` if it is not known.
    pub delay_ms: Option<u64>,
}

/// The attempts of all states, with the rules of a definition.
#[derive(Debug, Default)]
pub(super) struct Retries {
    /// By the name of the state.
    rules: HashMap<String, Vec<Rule>>,
    /// By the path of the state.
    attempts: HashMap<String, Attempts>,
}

impl Retries {
    /// No attempts of a definition.
    pub(super) fn of(definition: &Value) -> Self {
        let mut rules = HashMap::new();
        each_state(definition, &mut |state| {
            let all = state.json["Retry"].as_array().map(Vec::as_slice).unwrap_or_default();
            if !all.is_empty() {
                rules.insert(state.name.to_owned(), all.iter().map(rule).collect());
            }
        });
        Retries { rules, attempts: HashMap::new() }
    }

    /// A state was entered: its attempts are counted from 1.
    pub(super) fn enter(&mut self, path: &str) {
        self.attempts.remove(path);
    }

    /// The execution was redriven: the attempts of every state are counted from 1 again, and each rule is unused.
    pub(super) fn redrive(&mut self) {
        self.attempts.clear();
    }

    /// A call of a state was scheduled.
    pub(super) fn call(&mut self, path: &str) {
        self.attempts.entry(path.to_owned()).or_default().calls += 1;
    }

    /// The number of the current attempt of a state.
    pub(super) fn attempt(&self, path: &str) -> u32 {
        self.attempts.get(path).map_or(1, |attempts| attempts.calls.max(1))
    }

    /// The next attempt of a state after a failure, if a rule allows one.
    pub(super) fn next(&self, path: &str, failure: &StepFailure) -> Option<NextAttempt> {
        let (at, rule) = self.rule_of(path, failure)?;
        let used = self.used(path, at);
        let left = rule.max_attempts.checked_sub(used).filter(|left| *left > 0)?;
        let attempt = self.attempt(path).saturating_add(1);
        let attempts_max = Some(attempt.saturating_add(left - 1));
        Some(NextAttempt { attempt, attempts_max, delay_ms: rule.delay_ms(used) })
    }

    /// A state was repeated after a failure. Returns its next attempt, which has not been scheduled yet.
    pub(super) fn repeat(&mut self, path: &str, failure: &StepFailure) -> NextAttempt {
        let attempt = self.attempt(path).saturating_add(1);
        let next = self.next(path, failure).unwrap_or(NextAttempt { attempt, attempts_max: None, delay_ms: None });
        if let Some((at, _)) = self.rule_of(path, failure) {
            let used = &mut self.attempts.entry(path.to_owned()).or_default().used;
            used.resize(used.len().max(at + 1), 0);
            used[at] += 1;
        }
        next
    }

    fn used(&self, path: &str, at: usize) -> u32 {
        self.attempts.get(path).and_then(|attempts| attempts.used.get(at)).copied().unwrap_or(0)
    }

    /// The rule that matches a failure of a state, and its index. The state's name is the longest known name that ends the path.
    fn rule_of(&self, path: &str, failure: &StepFailure) -> Option<(usize, &Rule)> {
        let named = self.rules.iter().filter(|(name, _)| is_state(path, name));
        let (_, rules) = named.max_by_key(|(name, _)| name.len())?;
        rules.iter().enumerate().find(|(_, rule)| rule_matches(&rule.error_equals, failure))
    }
}

impl Rule {
    /// The time before a retry, in milliseconds, after so many retries by this rule; `None` if it is random.
    fn delay_ms(&self, retries_before: u32) -> Option<u64> {
        if self.is_random {
            return None;
        }
        let most = self.max_delay_seconds.map_or(f64::from(u32::MAX), |seconds| seconds as f64);
        let seconds = self.interval_seconds as f64 * self.backoff_rate.powf(f64::from(retries_before));
        // An infinite delay is limited too.
        Some((seconds.min(most) * 1_000.0) as u64)
    }
}

fn rule(json: &Value) -> Rule {
    let names = json["ErrorEquals"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let max_attempts = json["MaxAttempts"].as_u64().unwrap_or(MAX_ATTEMPTS_DEFAULT);
    Rule {
        error_equals: names.map(str::to_owned).collect(),
        max_attempts: u32::try_from(max_attempts).unwrap_or(u32::MAX),
        interval_seconds: json["IntervalSeconds"].as_u64().unwrap_or(INTERVAL_SECONDS_DEFAULT),
        backoff_rate: json["BackoffRate"].as_f64().unwrap_or(BACKOFF_RATE_DEFAULT),
        max_delay_seconds: json["MaxDelaySeconds"].as_u64(),
        is_random: json["JitterStrategy"] == "FULL",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn retries(rules: &Value) -> Retries {
        let state = json!({ "Type": "Task", "Retry": rules, "End": true });
        Retries::of(&json!({ "StartAt": "A", "States": { "A": state } }))
    }

    fn failure(error: &str) -> StepFailure {
        StepFailure { error: error.to_owned(), cause: String::new(), details: None }
    }

    #[test]
    fn each_attempt_is_one_of_those_that_the_rule_of_its_failure_allows() {
        let mut all = retries(&json!([
            { "ErrorEquals": ["Lost"], "MaxAttempts": 5, "IntervalSeconds": 2, "BackoffRate": 3, "MaxDelaySeconds": 7 },
            { "ErrorEquals": ["States.ALL"], "MaxAttempts": 2, "JitterStrategy": "FULL" },
        ]));
        let mut next = |error: &str| {
            all.call("A");
            let NextAttempt { attempt, attempts_max, delay_ms } = all.repeat("A", &failure(error));
            (attempt, attempts_max, delay_ms)
        };
        assert_eq!(next("Lost"), (2, Some(6), Some(2_000)));
        assert_eq!(next("Lost"), (3, Some(6), Some(6_000)));
        assert_eq!(next("Lost"), (4, Some(6), Some(7_000)), "not longer than MaxDelaySeconds");
        assert_eq!(next("Other"), (5, Some(6), None), "one of two");
        assert_eq!(next("Other"), (6, Some(6), None));
        assert_eq!(all.next("A", &failure("Other")), None);
        assert_eq!(all.attempt("A"), 5);
    }

    #[test]
    fn a_redrive_and_an_entry_count_from_one() {
        let mut all = retries(&json!([{ "ErrorEquals": ["States.ALL"], "MaxAttempts": 2 }]));
        let twice = |all: &mut Retries| {
            let mut next = || {
                all.call("A");
                let next = all.repeat("A", &failure("Lost"));
                (next.attempt, next.attempts_max)
            };
            [next(), next()]
        };
        let expected = [(2, Some(3)), (3, Some(3))];
        assert_eq!(twice(&mut all), expected);
        all.redrive();
        assert_eq!(twice(&mut all), expected);
        all.enter("A");
        assert_eq!(twice(&mut all), expected);
    }
}
