//! Walks over the states of a definition's JSON, which need not be valid.

use serde_json::Value;

use super::pointer::{below, item};

/// A state in the JSON of a definition.
#[derive(Debug)]
pub struct RawState<'d> {
    /// Its name.
    pub name: &'d str,
    /// Its JSON.
    pub json: &'d Value,
    /// The pointer to it, in AWS's notation.
    pub pointer: String,
    /// Its query language: its own, else the definition's.
    pub language: &'d str,
}

impl RawState<'_> {
    /// The field with the arguments of a Task in its query language.
    pub fn arguments_field(&self) -> &'static str {
        if self.language == "JSONata" { "Arguments" } else { "Parameters" }
    }
}

/// Calls `visit` with each state of a definition, including those of branches and Maps.
pub fn each_state<'d>(definition: &'d Value, visit: &mut dyn FnMut(&RawState<'d>)) {
    let language = definition["QueryLanguage"].as_str().unwrap_or("JSONPath");
    machine(definition, "", language, visit);
}

fn machine<'d>(value: &'d Value, pointer: &str, language: &'d str, visit: &mut dyn FnMut(&RawState<'d>)) {
    for (name, json) in value.get("States").and_then(Value::as_object).into_iter().flatten() {
        let pointer = below(&below(pointer, "States"), name);
        let own = json["QueryLanguage"].as_str().unwrap_or(language);
        let state = RawState { name, json, pointer, language: own };
        visit(&state);
        for (inner, inside) in machines_inside(json) {
            machine(inner, &format!("{}{inside}", state.pointer), language, visit);
        }
    }
}

/// The state of a name, at any depth.
pub fn find_state<'d>(definition: &'d Value, name: &str) -> Option<&'d Value> {
    let mut found = None;
    each_state(definition, &mut |state| {
        if found.is_none() && state.name == name {
            found = Some(state.json);
        }
    });
    found
}

/// The machines inside a state, each with its pointer inside the state.
pub fn machines_inside(state: &Value) -> Vec<(&Value, String)> {
    let branches = state["Branches"].as_array().into_iter().flatten().enumerate();
    let branches = branches.map(|(index, branch)| (branch, item(&below("", "Branches"), index)));
    let processors = ["ItemProcessor", "Iterator"].into_iter();
    let processors = processors.filter_map(|field| Some((state.get(field)?, below("", field))));
    branches.chain(processors).collect()
}

/// The names of the states to which a state may lead; with `with_catch` also those of its `Catch` rules.
pub fn next_states(state: &Value, with_catch: bool) -> Vec<&str> {
    let list = |field: &str| state[field].as_array().into_iter().flatten();
    let rules = list("Choices").chain(list("Catch").filter(|_| with_catch)).map(|rule| &rule["Next"]);
    [&state["Next"], &state["Default"]].into_iter().chain(rules).filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_state_is_visited_with_its_pointer_and_its_language() {
        let inner = |state: Value| json!({ "StartAt": "B", "States": { "B": state } });
        let map = json!({ "Type": "Map", "ItemProcessor": inner(json!({ "QueryLanguage": "JSONPath" })) });
        let definition = json!({ "QueryLanguage": "JSONata", "States": {
            "A/1": { "Type": "Parallel", "Branches": [inner(json!({})), inner(map)] },
        } });
        let mut seen = Vec::new();
        each_state(&definition, &mut |state| {
            seen.push(format!("{} {} {}", state.name, state.pointer, state.language));
        });
        let expected = [
            "A/1 /States/A~11 JSONata",
            "B /States/A~11/Branches[0]/States/B JSONata",
            "B /States/A~11/Branches[1]/States/B JSONata",
            "B /States/A~11/Branches[1]/States/B/ItemProcessor/States/B JSONPath",
        ];
        assert_eq!(seen, expected);
        assert_eq!(find_state(&definition, "A/1"), Some(&definition["States"]["A/1"]));
        let branch = &definition["States"]["A/1"]["Branches"][0];
        assert_eq!(find_state(&definition, "B"), Some(&branch["States"]["B"]), "the first one");
        assert_eq!(find_state(&definition, "C"), None);
        each_state(&json!({ "States": 7 }), &mut |_| seen.clear());
        assert_eq!(seen.len(), 4);
    }
}
