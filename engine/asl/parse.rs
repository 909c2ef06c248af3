//! Parses a JSON document into a [`StateMachine`] and reports every problem, not just the first.

mod choices;
mod fields;
mod map;
mod reader;
mod rules;
mod state;
mod templates;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{
    Diagnostic, ProblemKind, QueryLanguage, STATE_NAME_CHARACTERS_MAX, Severity, StateMachine,
    check::{below, targets},
};
use fields::Fields;
pub use rules::retriers;

/// The deepest nesting of machines.
const NESTING_MAX: usize = 40;

/// Parses a definition. Warnings are ignored.
///
/// # Errors
/// Every problem that prevents it from running.
pub fn parse(definition: &Value) -> Result<Arc<StateMachine>, Vec<Diagnostic>> {
    let (machine, mut found) = parse_all(definition);
    found.retain(|problem| problem.severity == Severity::Error);
    match machine {
        Some(machine) if found.is_empty() => Ok(machine),
        _ => Err(found),
    }
}

/// The machine as far as it can be parsed, and every problem.
pub(super) fn parse_all(definition: &Value) -> (Option<Arc<StateMachine>>, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let language = match definition.get("QueryLanguage").and_then(Value::as_str) {
        Some("JSONata") => QueryLanguage::Jsonata,
        None | Some("JSONPath") => QueryLanguage::JsonPath,
        Some(other) => {
            found.push(unknown_language("/QueryLanguage", other));
            QueryLanguage::JsonPath
        }
    };
    let machine = machine(definition, "", Scope { language, depth: 0 }, &mut found);
    (machine, found)
}

/// The properties that all states of a machine share.
#[derive(Debug, Clone, Copy)]
struct Scope {
    /// The language of the definition. A nested machine does not inherit the language of the state around it (floci, issue 2968).
    language: QueryLanguage,
    /// The number of machines around this one.
    depth: usize,
}

impl Scope {
    /// The scope of a machine nested in a state.
    fn within(self) -> Self {
        Scope { depth: self.depth + 1, ..self }
    }
}

fn unknown_language(location: &str, language: &str) -> Diagnostic {
    let message = format!("QueryLanguage must be one of [JSONPath, JSONata], not '{language}'.");
    Diagnostic::error("SCHEMA_VALIDATION_FAILED", location, message)
}

/// Parses a machine: the top level, a branch or an item processor.
fn machine(value: &Value, pointer: &str, scope: Scope, found: &mut Vec<Diagnostic>) -> Option<Arc<StateMachine>> {
    if scope.depth > NESTING_MAX {
        let message = format!("Machines are nested deeper than {NESTING_MAX} levels.");
        found.push(Diagnostic::error("SCHEMA_VALIDATION_FAILED", pointer, message));
        return None;
    }
    let mut fields = Fields::new(value, pointer, scope.language, found)?;
    let start_at = fields.required_text("StartAt");
    let comment = fields.text("Comment");
    let timeout_seconds = fields.whole_number("TimeoutSeconds", 1, 99_999_999);
    fields.allow(&["QueryLanguage", "Version", "ProcessorConfig"]);
    let states = fields.required_object("States");
    fields.refuse_others();
    let mut parsed = BTreeMap::new();
    for (name, state) in states.unwrap_or(&serde_json::Map::new()) {
        let pointer = below(&below(pointer, "States"), name);
        if name.is_empty() || name.chars().count() > STATE_NAME_CHARACTERS_MAX {
            let message = format!("The name of a state has 1 to {STATE_NAME_CHARACTERS_MAX} characters.");
            found.push(Diagnostic::error("SCHEMA_VALIDATION_FAILED", &pointer, message));
        }
        if let Some(state) = state::state(name, state, &pointer, scope, found) {
            parsed.insert(name.clone(), Arc::new(state));
        }
    }
    let is_cheap = parsed.values().all(|state| state.is_cheap());
    let activities = parsed.values().flat_map(|state| state.kind.activities()).collect();
    let machine = StateMachine { comment, start_at: start_at?, states: parsed, timeout_seconds, is_cheap, activities };
    check_targets(&machine, states, pointer, found);
    Some(Arc::new(machine))
}

fn check_targets(
    machine: &StateMachine,
    states: Option<&serde_json::Map<String, Value>>,
    pointer: &str,
    found: &mut Vec<Diagnostic>,
) {
    let Some(states) = states else { return };
    // AWS writes 'Next' for every field that names a state.
    let mut check = |target: &str, location: String| {
        if !states.contains_key(target) {
            let message = format!("Missing 'Next' target: {target}");
            let problem = Diagnostic::error("MISSING_TRANSITION_TARGET", &location, message);
            found.push(problem.of_kind(ProblemKind::MissingTarget(target.to_owned())));
        }
    };
    check(&machine.start_at, below(pointer, "StartAt"));
    for (name, state) in &machine.states {
        let pointer = below(&below(pointer, "States"), name);
        targets(state).into_iter().for_each(|(target, at)| check(target, format!("{pointer}{at}")));
    }
}

#[cfg(test)]
mod tests;
