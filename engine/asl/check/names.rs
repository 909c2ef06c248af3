//! Functions and variables of JSONata expressions that nothing defines. Step Functions accepts such a definition and fails when it
//! evaluates the expression, so [`super::check`] does not report them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Diagnostic, ProblemKind, below, expressions::templates, graph::inner_machines};
use crate::{
    asl::{StateKind, StateMachine, Template, parse::parse_all},
    query::{JSONATA_FUNCTIONS, References},
    spelling::{did_you_mean, nearest},
};

/// A problem for each function and variable that nothing defines: an error if it is called, else a warning.
pub fn unknown_names(definition: &Value) -> Vec<Diagnostic> {
    let Some(machine) = parse_all(definition).0 else { return Vec::new() };
    let mut found = Vec::new();
    check(&machine, "", &scope_of(&machine), &mut found);
    found
}

/// The names that an expression of a machine without an outer scope can read.
fn scope_of(machine: &StateMachine) -> BTreeSet<String> {
    let mut variables = BTreeSet::from(["states".to_owned()]);
    assigned(machine, &mut variables);
    variables
}

/// Collects the names that any `Assign` of the machine sets: which of them a state can read depends on the path of the execution.
fn assigned(machine: &StateMachine, variables: &mut BTreeSet<String>) {
    let mut add = |template: &Option<Template>| match template {
        Some(Template::Object(fields)) => variables.extend(fields.iter().map(|(name, _)| name.clone())),
        Some(Template::Literal(Value::Object(fields))) => variables.extend(fields.keys().cloned()),
        _ => {}
    };
    for state in machine.states.values() {
        add(&state.common.assign);
        state.common.catch.iter().for_each(|rule| add(&rule.assign));
        if let StateKind::Choice { rules, .. } = &state.kind {
            rules.iter().for_each(|rule| add(&rule.assign));
        }
    }
    for state in machine.states.values() {
        inner_machines(state, "").into_iter().for_each(|(inner, _)| assigned(inner, variables));
    }
}

fn check(machine: &StateMachine, pointer: &str, variables: &BTreeSet<String>, found: &mut Vec<Diagnostic>) {
    let states = below(pointer, "States");
    for (name, state) in &machine.states {
        let pointer = below(&states, name);
        templates(state).into_iter().for_each(|template| check_template(template, &pointer, variables, found));
        // States inside a distributed Map cannot read the variables of the outer scopes.
        let is_isolated = matches!(&state.kind, StateKind::Map(map) if map.distributed);
        for (inner, at) in inner_machines(state, &pointer) {
            match is_isolated {
                true => check(inner, &at, &scope_of(inner), found),
                false => check(inner, &at, variables, found),
            }
        }
    }
}

fn check_template(template: &Template, state: &str, variables: &BTreeSet<String>, found: &mut Vec<Diagnostic>) {
    let mut each = |template: &Template| check_template(template, state, variables, found);
    match template {
        Template::Expression { expression, pointer } => {
            found.extend(unknown(&expression.references(), &format!("{state}{pointer}"), variables));
        }
        Template::Array(items) => items.iter().for_each(each),
        Template::Object(fields) => fields.iter().for_each(|(_, field)| each(field)),
        Template::Literal(_) | Template::Payload(_) | Template::Query { .. } => {}
    }
}

fn unknown(references: &References, location: &str, variables: &BTreeSet<String>) -> Vec<Diagnostic> {
    let is_known = |name: &str| JSONATA_FUNCTIONS.contains(&name) || variables.contains(name);
    let wrong = |name: &str| ProblemKind::WrongReference(format!("${name}"));
    let diagnostic = |(name, called): (&String, &bool)| match called {
        true => {
            let hint = did_you_mean(nearest(name, JSONATA_FUNCTIONS.iter().copied()).map(|near| format!("${near}")));
            let message = format!("There is no function '${name}'{hint}");
            Diagnostic::error("UNKNOWN_FUNCTION", location, message).of_kind(wrong(name))
        }
        false => {
            let near = nearest(name, variables.iter().map(String::as_str)).map(|near| format!("${near}"));
            let message = format!("No state assigns the variable '${name}'{}", did_you_mean(near));
            Diagnostic::warning("UNKNOWN_VARIABLE", location, message).of_kind(wrong(name))
        }
    };
    references.names.iter().filter(|(name, _)| !is_known(name)).map(diagnostic).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_misspelt_function_is_an_error_and_a_variable_that_nothing_assigns_a_warning() {
        let branch = json!({ "StartAt": "B", "States": { "B": { "Type": "Pass", "Output": "{% $total + $totl %}", "End": true } } });
        let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "A", "States": {
            "A": { "Type": "Pass", "Assign": { "total": 1 }, "Output": { "a": "{% $uppercse('x') %}", "b": "{% $now() %}" }, "Next": "P" },
            "P": { "Type": "Parallel", "Branches": [branch], "End": true },
        } });
        let found: Vec<_> =
            unknown_names(&definition).into_iter().map(|one| (one.code, one.location, one.message)).collect();
        let expected = [
            ("UNKNOWN_FUNCTION", "/States/A/Output/a", "There is no function '$uppercse'; did you mean '$uppercase'?"),
            (
                "UNKNOWN_VARIABLE",
                "/States/P/Branches[0]/States/B/Output",
                "No state assigns the variable '$totl'; did you mean '$total'?",
            ),
        ];
        let expected = expected.map(|(code, location, message)| (code, location.to_owned(), message.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_variable_of_the_outer_scope_is_unknown_inside_a_distributed_map_alone() {
        let found = |mode: &str| {
            let processor = json!({ "ProcessorConfig": { "Mode": mode, "ExecutionType": "STANDARD" }, "StartAt": "I", "States": {
                "I": { "Type": "Pass", "Assign": { "own": 1 }, "Next": "J" },
                "J": { "Type": "Pass", "Output": "{% $total + $own %}", "End": true },
            } });
            let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "A", "States": {
                "A": { "Type": "Pass", "Assign": { "total": [1] }, "Next": "M" },
                "M": { "Type": "Map", "Items": "{% $total %}", "ItemProcessor": processor, "End": true },
            } });
            unknown_names(&definition).into_iter().map(|one| (one.code, one.location)).collect::<Vec<_>>()
        };
        let location = "/States/M/ItemProcessor/States/J/Output".to_owned();
        assert_eq!(found("DISTRIBUTED"), [("UNKNOWN_VARIABLE", location)]);
        assert!(found("INLINE").is_empty());
    }
}
