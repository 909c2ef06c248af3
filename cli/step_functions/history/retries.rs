//! The attempts of states, which no event of AWS numbers, and the rules of `Retry` that allow them.

use std::collections::HashMap;

use engine::{
    asl::{JitterStrategy, Retrier, each_state, retriers},
    journal::StepFailure,
    machine::retry_delay_ms,
};
use serde_json::Value;

use super::{catches::rule_matches, is_state};

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
    /// The time between the failure and this attempt, in milliseconds; `None` if it is random, or no rule matches.
    pub delay_ms: Option<u64>,
}

/// The attempts of all states, with the rules of a definition.
#[derive(Debug, Default)]
pub(super) struct Retries {
    /// By the name of the state.
    rules: HashMap<String, Vec<Retrier>>,
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
                rules.insert(state.name.to_owned(), retriers(all));
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
        let delay_ms = match rule.jitter_strategy {
            JitterStrategy::None => Some(retry_delay_ms(rule, used)),
            JitterStrategy::Full => None,
        };
        Some(NextAttempt { attempt, attempts_max, delay_ms })
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
    fn rule_of(&self, path: &str, failure: &StepFailure) -> Option<(usize, &Retrier)> {
        let named = self.rules.iter().filter(|(name, _)| is_state(path, name));
        let (_, rules) = named.max_by_key(|(name, _)| name.len())?;
        rules.iter().enumerate().find(|(_, rule)| rule_matches(&rule.error_equals, failure))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use engine::{
        journal::{EntryContent, Note},
        machine::{Execution, FrameState, Input, StepAnswer, advance},
        query::{InThisThread, Moment},
        step::StepError,
    };
    use serde_json::json;

    use super::*;

    fn definition(rules: &Value) -> Value {
        let state = json!({ "Type": "Task", "Resource": "flow:test:step", "Retry": rules, "End": true });
        json!({ "StartAt": "A", "States": { "A": state } })
    }

    fn retries(rules: &Value) -> Retries {
        Retries::of(&definition(rules))
    }

    /// The failure of the call that the execution makes.
    fn failed_call(execution: &Execution) -> Option<Input> {
        execution.frames.in_order().find_map(|frame| match &frame.row.frame_state {
            FrameState::Task { .. } => {
                let answer = StepAnswer::Failed(StepError::named("Lost", "cause"));
                Some(Input::Answered {
                    frame: frame.row.id,
                    visit: frame.row.visit,
                    attempt: frame.row.attempt,
                    answer,
                })
            }
            _ => None,
        })
    }

    /// The retries of a Task whose calls all fail, as the engine makes them.
    fn retries_of_engine(rules: &Value) -> Vec<NextAttempt> {
        let machine = engine::asl::parse(&definition(rules)).unwrap();
        let mut execution = Execution::new("trial-0001", "trial", machine, json!({}));
        let (mut now_ms, mut found) = (1_000_000, Vec::new());
        let mut next = Some(Input::Start);
        while let Some(input) = next {
            let transition = advance(&mut execution, input, &Moment { now_ms, entropy: 1 }, &InThisThread);
            let scheduled = transition.entries.iter().find_map(|entry| match &entry.content {
                EntryContent::Note(note) => match **note {
                    Note::RetryScheduled { attempt, attempts_max, next_attempt_ms, .. } => {
                        let delay_ms = Some(next_attempt_ms - now_ms);
                        Some(NextAttempt { attempt, attempts_max, delay_ms })
                    }
                    _ => None,
                },
                EntryContent::Event(_) => None,
            });
            found.extend(scheduled);
            next = match (failed_call(&execution), execution.header.next_wake_ms) {
                (None, Some(due_ms)) => {
                    now_ms = due_ms.max(now_ms);
                    Some(Input::TimerFired)
                }
                (failed, _) => failed,
            };
        }
        found
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
    fn each_attempt_is_at_the_time_at_which_the_engine_makes_it() {
        let all = json!({ "MaxAttempts": 5, "IntervalSeconds": 2, "BackoffRate": 1.7, "MaxDelaySeconds": 9 });
        let fields = all.as_object().unwrap();
        let errors = ("ErrorEquals".to_owned(), json!(["States.ALL"]));
        let only = |keeps: &dyn Fn(&str) -> bool| {
            let kept = fields.iter().filter(|(name, _)| keeps(name)).map(|(name, value)| (name.clone(), value.clone()));
            json!([Value::Object(kept.chain([errors.clone()]).collect())])
        };
        let mut rules = vec![only(&|_| true), only(&|_| false)];
        for field in fields.keys() {
            rules.extend([only(&|name| name == field), only(&|name| name != field)]);
        }
        for rules in rules {
            let of_engine = retries_of_engine(&rules);
            assert!(of_engine.len() >= 3, "{rules}: {of_engine:?}");
            let mut all = retries(&rules);
            for expected in of_engine {
                all.call("A");
                assert_eq!(all.repeat("A", &failure("Lost")), expected, "{rules}");
            }
            all.call("A");
            assert_eq!(all.next("A", &failure("Lost")), None, "{rules}");
        }
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
