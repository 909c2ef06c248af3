//! Variables that a scope assigns although an outer scope assigns them too. The names are literal, so the check needs no run. Source:
//! Developer Guide, "Passing data between states with variables", variable scope: "a variable assigned in an inner scope cannot have the
//! same name as one assigned in an outer scope".
//!
//! Two kinds of assignment are accepted. AWS created a machine in which the Catch of a Parallel and a branch of it assign the same variable
//! (recorded in November 2024), so assignments of Catch do not count. The states inside a distributed Map cannot read variables of the
//! outer scopes, so it begins with none.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Diagnostic, below, item};
use crate::asl::{RawMachine, RawState};

/// Checks a definition.
pub(super) fn check(definition: &Value, found: &mut Vec<Diagnostic>) {
    check_machine(&RawMachine::of(definition), &mut Vec::new(), found);
}

/// Checks a machine within the scopes around it, outermost first.
fn check_machine<'v>(machine: &RawMachine<'v>, scopes: &mut Vec<BTreeSet<&'v str>>, found: &mut Vec<Diagnostic>) {
    let states: Vec<RawState<'v>> = machine.states().collect();
    let mut own = BTreeSet::new();
    for (variable, location) in states.iter().flat_map(assigned) {
        if scopes.iter().any(|scope| scope.contains(variable)) {
            let message = format!("The variable '{variable}' is assigned in an outer scope.");
            found.push(Diagnostic::error("SCHEMA_VALIDATION_FAILED", &location, message));
        }
        own.insert(variable);
    }
    scopes.push(own);
    for inner in states.iter().flat_map(|state| state.machines()) {
        match inner.is_distributed() {
            true => check_machine(&inner, &mut Vec::new(), found),
            false => check_machine(&inner, scopes, found),
        }
    }
    scopes.pop();
}

/// The variables that a state and the rules of a Choice assign, with their locations.
fn assigned<'s>(state: &RawState<'s>) -> Vec<(&'s str, String)> {
    let (fields, pointer) = (state.json, &state.pointer);
    let own = fields.get("Assign").map(|assign| (assign, below(pointer, "Assign")));
    let rules = fields.get("Choices").and_then(Value::as_array).into_iter().flatten().enumerate();
    let of_rules = rules.filter_map(|(index, rule)| {
        let at = below(&item(&below(pointer, "Choices"), index), "Assign");
        Some((rule.get("Assign")?, at))
    });
    let mut variables = Vec::new();
    for (assign, at) in own.into_iter().chain(of_rules) {
        for name in assign.as_object().into_iter().flat_map(Map::keys) {
            let variable = match name.strip_suffix(".$") {
                Some(stripped) if !state.is_jsonata() => stripped,
                _ => name.as_str(),
            };
            variables.push((variable, below(&at, name)));
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn locations(definition: &Value) -> Vec<String> {
        let mut found = Vec::new();
        check(definition, &mut found);
        found.into_iter().map(|problem| problem.location).collect()
    }

    /// A machine whose first state assigns a variable that the states inside its second state assign too.
    fn assigning(name: &str, mut composite: Value) -> Value {
        let state = json!({ "Type": "Pass", "Assign": { name: 1 }, "Next": "Inner" });
        let within =
            json!({ "StartAt": "I", "States": { "I": { "Type": "Pass", "Assign": { name: 2 }, "End": true } } });
        for field in ["ItemProcessor", "Iterator"] {
            if composite.get(field).is_some() {
                let mode = composite[field].clone();
                composite[field] = within.clone();
                composite[field]["ProcessorConfig"] = mode;
            }
        }
        if composite["Type"] == "Parallel" {
            composite["Branches"] = json!([within]);
        }
        json!({ "StartAt": "Outer", "States": { "Outer": state, "Inner": composite } })
    }

    #[test]
    fn an_inner_scope_assigns_no_variable_of_an_outer_one() {
        let parallel = json!({ "Type": "Parallel", "End": true });
        assert_eq!(locations(&assigning("x", parallel.clone())), ["/States/Inner/Branches[0]/States/I/Assign/x"]);
        for field in ["ItemProcessor", "Iterator"] {
            let map = json!({ "Type": "Map", field: { "Mode": "INLINE" }, "End": true });
            let location = format!("/States/Inner/{field}/States/I/Assign/x");
            assert_eq!(locations(&assigning("x", map)), [location]);
        }
        // A name with `.$` is that of the variable in JSONPath.
        let mut path = assigning("x", parallel.clone());
        path["States"]["Outer"]["Assign"] = json!({ "x.$": "$.a" });
        assert_eq!(locations(&path).len(), 1);
        // A rule of a Choice assigns too, and a scope further out counts.
        let rule = json!({ "Variable": "$.a", "IsNull": true, "Next": "Z", "Assign": { "x": 3 } });
        let choice = json!({ "StartAt": "C", "States": { "C": { "Type": "Choice", "Choices": [rule] } } });
        let mut nested = assigning("x", parallel);
        nested["States"]["Inner"]["Branches"][0]["States"]["I"] =
            json!({ "Type": "Parallel", "Branches": [choice], "End": true });
        let location = "/States/Inner/Branches[0]/States/I/Branches[0]/States/C/Choices[0]/Assign/x";
        assert_eq!(locations(&nested), [location]);
    }

    #[test]
    fn scopes_beside_each_other_and_those_of_a_catch_and_a_distributed_map_may_share_names() {
        let branch = |state: &str| json!({ "StartAt": state, "States": { state: { "Type": "Pass", "Assign": { "x": 1 }, "End": true } } });
        let beside = json!({ "Type": "Parallel", "Branches": [branch("A"), branch("B")], "Next": "Z" });
        assert!(locations(&json!({ "StartAt": "P", "States": { "P": beside } })).is_empty());
        let catch = json!([{ "ErrorEquals": ["States.ALL"], "Assign": { "x": 2 }, "Next": "Z" }]);
        let caught = json!({ "Type": "Parallel", "Branches": [branch("A")], "Catch": catch, "Next": "Z" });
        assert!(locations(&json!({ "StartAt": "P", "States": { "P": caught } })).is_empty());
        let map = json!({ "Type": "Map", "ItemProcessor": { "Mode": "DISTRIBUTED" }, "End": true });
        assert!(locations(&assigning("x", map)).is_empty());
        assert!(locations(&assigning("x", json!({ "Type": "Succeed" }))).is_empty());
    }
}
