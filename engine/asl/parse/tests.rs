#![allow(clippy::unwrap_used, clippy::expect_used)]
use proptest::prelude::*;
use serde_json::json;

use super::super::check;
use super::*;

fn problems(definition: Value) -> Vec<(&'static str, String)> {
    check(&definition, &|resource| resource.starts_with("flow:test:"))
        .into_iter()
        .map(|d| (d.code, d.location))
        .collect()
}

#[test]
fn every_problem_is_reported_at_once_with_its_location() {
    let found = problems(json!({
        "QueryLanguage": "JSONata",
        "StartAt": "Nowhere",
        "States": {
            "A": { "Type": "Task", "Resource": "flow:none:such", "Next": "B", "Arguments": { "x": "{% 1 + %}" } },
            "B": { "Type": "Wait", "Seconds": -1, "End": true, "Colour": "red" }
        }
    }));
    for expected in [
        ("MISSING_TRANSITION_TARGET", "/StartAt"),
        ("UNKNOWN_RESOURCE", "/States/A/Resource"),
        ("INVALID_JSONATA_EXPRESSION", "/States/A/Arguments/x"),
        ("SCHEMA_VALIDATION_FAILED", "/States/B/Seconds"),
        ("SCHEMA_VALIDATION_FAILED", "/States/B"),
        ("MISSING_TRANSITION_TARGET", "/States/A"),
    ] {
        assert!(found.contains(&(expected.0, expected.1.to_owned())), "{expected:?} is not in {found:?}");
    }
}

#[test]
fn a_wait_without_a_deadline_and_a_choice_without_default_are_warned_of_but_run() {
    let definition = json!({
        "QueryLanguage": "JSONata",
        "StartAt": "A",
        "States": {
            "A": { "Type": "Task", "Resource": "flow:test:waitForIt", "Next": "B" },
            "B": { "Type": "Choice", "Choices": [{ "Condition": "{% true %}", "Next": "C" }] },
            "C": { "Type": "Succeed" }
        }
    });
    let found = problems(definition.clone());
    assert_eq!(
        found,
        [("WAIT_WITHOUT_DEADLINE", "/States/A".to_owned()), ("CHOICE_WITHOUT_DEFAULT", "/States/B".to_owned())]
    );
    assert!(parse(&definition).is_ok());
}

#[test]
fn an_inline_map_that_tolerates_failures_is_warned_of_but_runs() {
    let found = |mode: &str, fields: Value| {
        let pass = json!({ "Type": "Pass", "End": true });
        let config = json!({ "Mode": mode, "ExecutionType": "STANDARD" });
        let config = if mode == "INLINE" { json!({ "Mode": mode }) } else { config };
        let processor = json!({ "ProcessorConfig": config, "StartAt": "P", "States": { "P": pass } });
        let mut map = json!({ "Type": "Map", "ItemProcessor": processor, "End": true });
        map.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        problems(json!({ "QueryLanguage": "JSONata", "StartAt": "M", "States": { "M": map } }))
    };
    let warned = [("TOLERANCE_WITHOUT_EFFECT", "/States/M".to_owned())];
    assert_eq!(found("INLINE", json!({ "ToleratedFailurePercentage": 100 })), warned);
    assert_eq!(found("INLINE", json!({ "ToleratedFailureCount": "{% 2 %}" })), warned);
    assert!(found("INLINE", json!({ "ToleratedFailureCount": 0 })).is_empty());
    assert!(found("DISTRIBUTED", json!({ "ToleratedFailurePercentage": 100 })).is_empty());
}

#[test]
fn white_space_around_a_path_is_accepted() {
    let found = problems(json!({
        "StartAt": "A",
        "States": {
            "A": {
                "Type": "Pass", "InputPath": "$.a ", "Parameters": { "name.$": "$$.Execution.Name ", "all.$": " $" },
                "ResultPath": " $.r", "OutputPath": " $ ", "Next": "B"
            },
            "B": { "Type": "Wait", "SecondsPath": " $.s", "End": true }
        }
    }));
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_field_of_the_other_query_language_is_refused_not_ignored() {
    let of = |language: &str, field: &str, value: Value| {
        let mut state = json!({ "Type": "Pass", "End": true });
        state[field] = value;
        json!({ "QueryLanguage": language, "StartAt": "A", "States": { "A": state } })
    };
    let refused = |language: &str, other: &str, field: &str, value: Value| {
        let problem = parse(&of(language, field, value)).unwrap_err().remove(0);
        let message = format!(
            "The QueryLanguage is set to '{language}', but field '{field}' is only supported for the '{other}' QueryLanguage"
        );
        assert_eq!((problem.location, problem.message), ("/States/A".to_owned(), message));
    };
    for (field, value) in [("Output", json!(1)), ("Arguments", json!({}))] {
        refused("JSONPath", "JSONata", field, value);
    }
    for field in ["InputPath", "OutputPath", "ResultPath", "Parameters", "Result"] {
        refused("JSONata", "JSONPath", field, json!("$.a"));
    }
}

#[test]
fn a_value_without_an_expression_costs_no_evaluation() {
    let machine = parse(&json!({
        "QueryLanguage": "JSONata",
        "StartAt": "A",
        "States": { "A": { "Type": "Pass", "Output": { "a": [1, { "b": "c" }] }, "End": true } }
    }))
    .unwrap();
    assert!(matches!(machine.states["A"].common.output, Some(super::super::Template::Literal(_))));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[A-Za-z{%$ .}]{0,12}".prop_map(Value::from),
    ];
    let names = prop_oneof![
        Just("StartAt".to_owned()),
        Just("States".to_owned()),
        Just("Type".to_owned()),
        Just("Branches".to_owned()),
        Just("Retry".to_owned()),
        Just("ItemProcessor".to_owned()),
        "[A-Z]{1,2}"
    ];
    leaf.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(names.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_document_however_broken_panics(definition in any_json()) {
        let _ = check(&definition, &|_| true);
    }
}

/// Displays and the compiler read rules of definitions that they do not check.
#[test]
fn a_field_of_a_retry_rule_that_is_absent_or_invalid_has_its_default() {
    let invalid = json!({ "MaxAttempts": -1, "IntervalSeconds": "soon", "BackoffRate": 0.5, "MaxDelaySeconds": 0 });
    let rules = retriers(&[json!({}), invalid, json!("no rule")]);
    let read = |rule: &crate::asl::Retrier| {
        (rule.max_attempts, rule.interval_seconds, rule.backoff_rate, rule.max_delay_seconds)
    };
    assert_eq!(rules.iter().map(read).collect::<Vec<_>>(), [(3, 1, 2.0, None); 2]);
}
