//! The state at which an execution continues after a caught failure: AWS's events do not name it.

use std::collections::HashMap;

use engine::{
    asl::each_state,
    journal::StepFailure,
    machine::{error_matches, missed_heartbeat},
};
use serde_json::Value;

use super::time_limits::HEARTBEAT_MARK;

/// A rule of a `Catch`.
#[derive(Debug)]
struct CatchRule {
    error_equals: Vec<String>,
    next: String,
}

/// The rules of each `Catch` of a definition, by the name of the state.
#[derive(Debug, Default)]
pub(super) struct Catches {
    rules: HashMap<String, Vec<CatchRule>>,
}

impl Catches {
    /// The rules of a definition.
    pub(super) fn of(definition: &Value) -> Self {
        let mut rules = HashMap::new();
        each_state(definition, &mut |state| {
            let all = state.json["Catch"].as_array().map(Vec::as_slice).unwrap_or_default();
            if !all.is_empty() {
                rules.insert(state.name.to_owned(), all.iter().map(catch_rule).collect());
            }
        });
        Catches { rules }
    }

    /// The state at which the `Catch` of a state continues after a failure; empty if no rule matches it.
    pub(super) fn next_of(&self, state: &str, failure: &StepFailure) -> String {
        let rules = self.rules.get(state).map(Vec::as_slice).unwrap_or_default();
        let matching = match rules {
            // It was caught, so by this one.
            [only] => Some(only),
            several => several.iter().find(|rule| rule_matches(&rule.error_equals, failure)),
        };
        matching.map(|rule| rule.next.clone()).unwrap_or_default()
    }
}

/// Whether a rule with this `ErrorEquals` matches a failure of the history, which has the same error for a missed heartbeat and for the end
/// of TimeoutSeconds.
pub(super) fn rule_matches(error_equals: &[String], failure: &StepFailure) -> bool {
    match failure.cause.ends_with(HEARTBEAT_MARK) {
        true => error_matches(error_equals, &missed_heartbeat(failure.clone())),
        false => error_matches(error_equals, failure),
    }
}

fn catch_rule(json: &Value) -> CatchRule {
    let names = json["ErrorEquals"].as_array().into_iter().flatten().filter_map(Value::as_str);
    CatchRule {
        error_equals: names.map(str::to_owned).collect(),
        next: json["Next"].as_str().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rule_for_missed_heartbeats_is_that_of_no_other_time_out() {
        let rule = |error: &str, next: &str| json!({ "ErrorEquals": [error], "Next": next });
        let catch = json!([rule("States.HeartbeatTimeout", "Missed"), rule("States.ALL", "Late")]);
        let catches =
            Catches::of(&json!({ "StartAt": "A", "States": { "A": { "Type": "Task", "Catch": catch, "End": true } } }));
        let next = |cause: String| {
            catches.next_of("A", &StepFailure { error: "States.Timeout".to_owned(), cause, details: None })
        };
        assert_eq!(next(format!("no heartbeat arrived for HeartbeatSeconds, 2 s {HEARTBEAT_MARK}")), "Missed");
        assert_eq!(next("the call did not end within TimeoutSeconds, 20 s".to_owned()), "Late");
    }
}
