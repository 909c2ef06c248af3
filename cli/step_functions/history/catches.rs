//! The state at which an execution continues after a caught failure: AWS's events do not name it.

use std::collections::HashMap;

use engine::{asl::each_state, journal::StepFailure, machine::error_matches};
use serde_json::Value;

/// A rule of a `Catch`.
#[derive(Debug)]
struct Rule {
    error_equals: Vec<String>,
    next: String,
}

/// The rules of each `Catch` of a definition, by the name of the state.
#[derive(Debug, Default)]
pub(super) struct Catches {
    rules: HashMap<String, Vec<Rule>>,
}

impl Catches {
    /// The rules of a definition.
    pub(super) fn of(definition: &Value) -> Self {
        let mut rules = HashMap::new();
        each_state(definition, &mut |state| {
            let all = state.json["Catch"].as_array().map(Vec::as_slice).unwrap_or_default();
            if !all.is_empty() {
                rules.insert(state.name.to_owned(), all.iter().map(rule).collect());
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
            several => several.iter().find(|rule| error_matches(&rule.error_equals, failure)),
        };
        matching.map(|rule| rule.next.clone()).unwrap_or_default()
    }
}

fn rule(json: &Value) -> Rule {
    let names = json["ErrorEquals"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Rule {
        error_equals: names.map(str::to_owned).collect(),
        next: json["Next"].as_str().unwrap_or_default().to_owned(),
    }
}
