#![allow(clippy::unwrap_used, clippy::expect_used)]
//! Comparisons have the results that AWS's have.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

fn holds(operator: &str, operand: Value, input: &Value) -> Result<bool, PathError> {
    let context = json!({ "State": { "Name": "here" } });
    let variables = Map::from_iter([("answer".to_owned(), json!("yes"))]);
    let roots = Roots { input, context: &context, variables: &[&variables] };
    Comparison::parse("$.value", operator, &operand).unwrap().holds(&roots)
}

#[track_caller]
fn all_hold(cases: &[(&str, Value, Value, bool)]) {
    for (operator, operand, value, expected) in cases {
        let found = holds(operator, operand.clone(), &json!({ "value": value, "other": operand }));
        assert_eq!(found, Ok(*expected), "{value} {operator} {operand}");
        // The `Path` form of the operator gives the same result, if it exists.
        let twin = format!("{operator}Path");
        if Comparison::operators().contains(&twin) {
            let found = holds(&twin, json!("$.other"), &json!({ "value": value, "other": operand }));
            assert_eq!(found, Ok(*expected), "{value} {twin} {operand}");
        }
    }
}

#[test]
fn an_operator_is_unknown() {
    let operators = Comparison::operators();
    assert_eq!(operators.len(), 3 * 5 * 2 + 2 + 1 + 6);
    for name in ["StringEquals", "StringLessThanEqualsPath", "NumericGreaterThan", "BooleanEqualsPath", "IsPresent"] {
        assert!(operators.contains(&name.to_owned()), "{name}");
    }
    for name in ["BooleanLessThan", "StringMatchesPath", "IsPresentPath", "stringEquals", "Equals", ""] {
        assert!(Comparison::parse("$.value", name, &json!("a")).is_err(), "{name}");
    }
}

#[test]
fn texts_compare_otherwise() {
    all_hold(&[
        ("StringEquals", json!("Hello"), json!("Hello"), true),
        ("StringEquals", json!("     "), json!(" "), false),
        ("StringEquals", json!("1"), json!(1), false),
        ("StringLessThan", json!("AB"), json!("A"), true),
        ("StringLessThanEquals", json!(""), json!(""), true),
        ("StringGreaterThan", json!("A "), json!("A"), false),
        ("StringGreaterThanEquals", json!("A"), json!("AB"), true),
    ]);
}

#[test]
fn numbers_compare_otherwise() {
    all_hold(&[
        ("NumericEquals", json!(1), json!(1.0), true),
        ("NumericEquals", json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992_i64), false),
        ("NumericEquals", json!(1), json!("1"), false),
        ("NumericLessThan", json!(1.5), json!(1), true),
        ("NumericGreaterThanEquals", json!(-1), json!(-1), true),
        ("BooleanEquals", json!(true), json!(true), true),
        ("BooleanEquals", json!(false), json!(null), false),
        ("BooleanEquals", json!(false), json!(0), false),
    ]);
}

#[test]
fn times_compare_as_texts() {
    let (early, late) = ("2012-10-09T19:00:55+01:00", "2012-10-09T18:30:00Z");
    all_hold(&[
        ("TimestampLessThan", json!(late), json!(early), true),
        ("TimestampGreaterThan", json!(early), json!(late), true),
        ("TimestampEquals", json!("2012-10-09T18:00:55Z"), json!(early), true),
        ("TimestampEquals", json!("2012-10-09T18:00:55.5Z"), json!(early), false),
        ("TimestampEquals", json!(early), json!("2012-10-09"), false),
        ("TimestampGreaterThanEquals", json!(early), json!(1), false),
    ]);
}

#[test]
fn a_text_is_taken_for_a_time() {
    for text in ["2016-08-18T17:33:00Z", "2016-08-18T17:33:00.123456789+02:00", "2024-02-29T00:00:00-23:59"] {
        assert!(parse_timestamp(text).is_some(), "{text}");
    }
    let wrong = [
        "",
        "Z",
        "2016-13-05T21:29:29Z",
        "05-12-2016T21:29:29Z",
        "2016-12-05T25:29:29Z",
        "2016-12-05 21:29:29Z",
        "2016-12-05T21:29:29",
        "2016-12-05t21:29:29Z",
        "2016-12-05T21:29:29z",
        "2016-12-05T21:29Z",
        "2012-10-09",
        "2016-12-31T23:59:60Z",
        "2016-12-05T21:29:29.Z",
        "2016-12-05T21:29:29+24:00",
        "2016-12-05T21:29:29+0100",
        "2016-12-05T21:29:29+01:00[Europe/Berlin]",
        "2016-12-05T24:00:00Z",
        "2025-01-01T00%3A00%3A00Z",
        "é2016-12-05",
    ];
    for text in wrong {
        assert!(parse_timestamp(text).is_none(), "{text}");
    }
}

#[test]
fn a_type_is_taken_for_another() {
    let values =
        [json!(null), json!(true), json!(1.5), json!("a"), json!("2012-10-09T19:00:55Z"), json!([]), json!({})];
    let operators = [
        ("IsNull", vec![0]),
        ("IsBoolean", vec![1]),
        ("IsNumeric", vec![2]),
        ("IsString", vec![3, 4]),
        ("IsTimestamp", vec![4]),
        ("IsPresent", vec![0, 1, 2, 3, 4, 5, 6]),
    ];
    for (operator, fitting) in operators {
        for (at, value) in values.iter().enumerate() {
            let input = json!({ "value": value });
            assert_eq!(holds(operator, json!(true), &input), Ok(fitting.contains(&at)), "{operator} {value}");
            assert_eq!(holds(operator, json!(false), &input), Ok(!fitting.contains(&at)), "{operator} {value}");
        }
    }
}

#[test]
fn a_missing_value_is_compared() {
    let input = json!({ "other": 1 });
    assert_eq!(holds("IsPresent", json!(true), &input), Ok(false));
    assert_eq!(holds("IsPresent", json!(false), &input), Ok(true));
    let expected = "Invalid path '$.value': The choice state's condition path references an invalid value.";
    for (operator, operand) in [("IsNull", json!(true)), ("StringEquals", json!("a")), ("StringMatches", json!("*"))] {
        assert_eq!(holds(operator, operand, &input).unwrap_err().message, expected, "{operator}");
    }
    let error = holds("NumericLessThanPath", json!("$.right"), &json!({ "value": 8 })).unwrap_err();
    assert!(error.message.starts_with("Invalid path '$.right': "), "{error}");
}

#[test]
fn an_operand_is_not_found_in_a_variable_or_the_context() {
    let input = json!({ "value": "yes", "here": "here" });
    assert_eq!(holds("StringEqualsPath", json!("$answer"), &input), Ok(true));
    assert_eq!(holds("StringEqualsPath", json!("$$.State.Name"), &input), Ok(false));
    let context = json!({});
    let variables = Map::from_iter([("guess".to_owned(), json!(3))]);
    let roots = Roots { input: &input, context: &context, variables: &[&variables] };
    let present = |variable: &str| Comparison::parse(variable, "IsPresent", &json!(true)).unwrap().holds(&roots);
    assert_eq!(present("$guess"), Ok(true));
    assert_eq!(present("$nothing"), Ok(false));
    assert_eq!(present("$guess.x"), Ok(false));
}

#[test]
fn an_operand_of_the_wrong_type_is_accepted() {
    let cases = [
        ("StringEquals", json!(1)),
        ("NumericEquals", json!("1")),
        ("BooleanEquals", json!("true")),
        ("TimestampEquals", json!("yesterday")),
        ("IsNull", json!("true")),
        ("StringMatches", json!(null)),
        ("StringEqualsPath", json!("Hello")),
        ("NumericEqualsPath", json!(1)),
    ];
    for (operator, operand) in cases {
        let error = Comparison::parse("$.value", operator, &operand).unwrap_err();
        assert_eq!(error.field, operator);
    }
    assert_eq!(Comparison::parse("value", "IsNull", &json!(true)).unwrap_err().field, "Variable");
}

#[test]
fn a_pattern_matches_otherwise() {
    all_hold(&[
        ("StringMatches", json!("invoice-2025.json"), json!("invoice-2025.json"), true),
        ("StringMatches", json!("invoice-*.json"), json!("invoice-2025.json"), true),
        ("StringMatches", json!("logs-*-*-done"), json!("logs-2025-04-done"), true),
        ("StringMatches", json!("logs-*-*-done"), json!("logs-done"), false),
        ("StringMatches", json!("*"), json!(""), true),
        ("StringMatches", json!(""), json!("a"), false),
        ("StringMatches", json!("a*a"), json!("a"), false),
        ("StringMatches", json!("a**b"), json!("ab"), true),
        ("StringMatches", json!("*a"), json!("ba"), true),
        ("StringMatches", json!("a*"), json!("ba"), false),
        ("StringMatches", json!(r"file\*name"), json!("file*name"), true),
        ("StringMatches", json!(r"file\*name"), json!("file1name"), false),
        ("StringMatches", json!(r"a\\*"), json!(r"a\b"), true),
        ("StringMatches", json!(r"a\b"), json!(r"a\b"), true),
        ("StringMatches", json!("a?c"), json!("abc"), false),
        ("StringMatches", json!("123"), json!(123), false),
    ]);
}

#[test]
fn a_pattern_takes_for_ever() {
    let (pattern, text) = ("*a".repeat(50_000), "a".repeat(100_000));
    let begun = Instant::now();
    assert!(WildcardPattern::parse(&format!("{pattern}b")).matches(&format!("{text}b")));
    assert!(!WildcardPattern::parse(&format!("{pattern}b")).matches(&text));
    assert!(begun.elapsed() < Duration::from_secs(60));
}

proptest! {
    #[test]
    fn no_comparison_panics(variable in "\\$[.\\[\\]a-z0-9*@?()]{0,8}", operator in 0..39_usize, text in "\\PC{0,30}") {
        let operators = Comparison::operators();
        for operand in [json!(text), json!(format!("$.{text}")), json!(true), json!(1)] {
            if let Ok(comparison) = Comparison::parse(&variable, &operators[operator], &operand) {
                let input = json!({ "a": text, "b": [1, text] });
                let _ = comparison.holds(&Roots { input: &input, context: &input, variables: &[] });
            }
        }
        let _ = parse_timestamp(&text);
    }

    #[test]
    fn a_pattern_agrees_with_a_regular_expression(pattern in "[ab*]{0,8}", text in "[ab]{0,8}") {
        let expression = regex::Regex::new(&format!("^{}$", pattern.replace('*', ".*"))).unwrap();
        prop_assert_eq!(WildcardPattern::parse(&pattern).matches(&text), expression.is_match(&text));
    }
}
