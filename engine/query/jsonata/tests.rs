//! JSONata expressions give the results that Step Functions gives.
#![allow(clippy::unwrap_used, clippy::expect_used)]
use serde_json::json;

use super::*;

const MOMENT: Moment = Moment { now_ms: 1_700_000_000_000, entropy: 42 };

fn value(source: &str, states: Value) -> Result<Option<Value>, EvaluationError> {
    let variables = Map::from_iter([("x".to_owned(), json!(5)), ("list".to_owned(), json!([1, 2]))]);
    let scope = Scope { states: &states, variables: &[&variables] };
    Expression::parse(source).unwrap().evaluate(&scope, &MOMENT)
}

#[test]
fn whole_numbers_stay_whole() {
    assert_eq!(value("$x + 1", json!({})).unwrap(), Some(json!(6)));
    assert_eq!(value("$states.input.a / 4", json!({ "input": { "a": 10 } })).unwrap(), Some(json!(2.5)));
}

#[test]
fn undefined_is_not_null() {
    assert_eq!(value("$states.input.none", json!({ "input": {} })).unwrap(), None);
    assert_eq!(value("null", json!({})).unwrap(), Some(Value::Null));
}

#[test]
fn time_and_randomness_come_from_the_moment_alone() {
    assert_eq!(value("$millis()", json!({})).unwrap(), Some(json!(1_700_000_000_000_u64)));
    assert_eq!(value("$now()", json!({})).unwrap(), Some(json!("2023-11-14T22:13:20.000Z")));
    assert_eq!(value("[$random(), $uuid()]", json!({})).unwrap(), value("[$random(), $uuid()]", json!({})).unwrap());
    assert_ne!(value("$uuid()", json!({})).unwrap(), value("[$uuid(), $uuid()][1]", json!({})).unwrap());
}

#[test]
fn what_step_functions_adds_is_defined() {
    assert_eq!(value("$partition([1,2,3,4,5], 2)", json!({})).unwrap(), Some(json!([[1, 2], [3, 4], [5]])));
    assert_eq!(value("$range(0, 10, 5)", json!({})).unwrap(), Some(json!([0, 5, 10])));
    assert_eq!(value("$parse('{\"a\":1}').a", json!({})).unwrap(), Some(json!(1)));
    assert_eq!(
        value("$hash('a', 'SHA-256')", json!({})).unwrap(),
        Some(json!("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"))
    );
}

#[test]
fn eval_is_refused_when_the_definition_is_read() {
    assert!(Expression::parse("$eval('1')").is_err());
}

#[test]
fn a_recursion_without_end_ends() {
    let error = value("($f := function($n) { 1 + $f($n + 1) }; $f(0))", json!({})).unwrap_err();
    assert!(!error.to_string().is_empty());
}

#[test]
fn an_error_keeps_its_code() {
    let error = value("1 + 'a'", json!({})).unwrap_err();
    assert!(error.to_string().starts_with("T200"), "{error}");
}

#[test]
fn what_shares_its_parts_is_not_written_out_without_end() {
    let doubled = |part: &str| format!("$reduce([1..60], function($a, $b){{ {part} }}, 'x')");
    for source in [doubled("{ 'a': $a, 'b': $a }"), doubled("[[$a], [$a]]")] {
        let error = value(&source, json!({})).unwrap_err().to_string();
        assert!(error.contains("the result is larger than"), "{error}");
    }
    let deep = "$reduce([1..5000], function($a, $b){ { 'a': $a } }, 'x')";
    assert!(value(deep, json!({})).unwrap_err().to_string().contains("nested deeper"));
    assert!(value("1e308 * 1e308", json!({})).unwrap_err().to_string().starts_with("D1001"));
}

#[test]
fn a_range_may_be_long_and_of_one_is_its_number() {
    assert_eq!(value("$count($range(1, 200000, 1))", json!({})).unwrap(), Some(json!(200_000)));
    assert_eq!(value("$range(3, 4, 5)", json!({})).unwrap(), Some(json!(3)));
    assert_eq!(value("$partition([0], 3)", json!({})).unwrap(), Some(json!([[0]])));
    assert!(value("$range(0, 1e9, 1)", json!({})).is_err());
}

#[test]
fn what_json_cannot_hold_is_a_text_inside_and_an_error_alone() {
    let inside = json!({ "a": ["Infinity", "-Infinity"] });
    assert_eq!(value("{ 'a': [1/0, -1/0] }", json!({})).unwrap(), Some(inside));
    assert!(value("1/0", json!({})).is_err());
}
