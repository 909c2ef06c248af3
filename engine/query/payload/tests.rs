#![allow(clippy::unwrap_used, clippy::expect_used)]
//! Payload templates give the results that AWS gives.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const MOMENT: Moment = Moment { now_ms: 1_700_000_000_000, entropy: 42 };

fn evaluate(template: Value, input: &Value) -> Result<Value, PayloadFailure> {
    let context = json!({ "Execution": { "Id": "arn", "Name": "name" } });
    let variables = Map::from_iter([("x".to_owned(), json!({ "y": 1 }))]);
    let roots = Roots { input, context: &context, variables: &[&variables] };
    PayloadTemplate::parse(&template).unwrap().evaluate(&roots, &MOMENT)
}

#[test]
fn a_field_gets_another_value() {
    let template = json!({
        "literal": "$.a", "dollar$": 1, "a.$": "$.a", "all.$": "$", "list": [{ "b.$": "$.list[1]" }, "$.a", [1, {}]],
        "deep": { "id.$": "$$.Execution.Id", "y.$": "$x.y" }, "text.$": "States.Format('{}!', $.a)"
    });
    let input = json!({ "a": "A", "list": [1, 2] });
    let expected = json!({
        "literal": "$.a", "dollar$": 1, "a": "A", "all": { "a": "A", "list": [1, 2] },
        "list": [{ "b": 2 }, "$.a", [1, {}]], "deep": { "id": "arn", "y": 1 }, "text": "A!"
    });
    assert_eq!(evaluate(template, &input), Ok(expected));
}

#[test]
fn what_has_no_query_is_changed() {
    for template in [json!(null), json!("$.a"), json!([1, "x"]), json!({}), json!({ "a": { "b": [] } }), json!(1.5)] {
        assert_eq!(evaluate(template.clone(), &json!({})), Ok(template));
    }
}

#[test]
fn a_missing_value_has_other_words_than_at_aws() {
    let failure = evaluate(json!({ "o": { "missing.$": "$.nope.deep" } }), &json!({ "other": 1 })).unwrap_err();
    assert_eq!((failure.key.as_str(), failure.query.as_str()), ("missing.$", "$.nope.deep"));
    assert_eq!(failure.error.kind(), QueryErrorKind::Missing);
    assert_eq!(
        failure.message,
        "The JSONPath '$.nope.deep' specified for the field 'missing.$' could not be found in the input '{\"other\":1}'"
    );
    let failure = evaluate(json!({ "v.$": "States.Format('{}', $.nope)" }), &json!({})).unwrap_err();
    assert_eq!(
        failure.message,
        "The function 'States.Format('{}', $.nope)' had the following error: The JsonPath argument for the field \
         '$.nope' could not be found in the input '{}'"
    );
}

#[test]
fn an_index_past_the_end_is_a_failure() {
    assert_eq!(evaluate(json!({ "a.$": "$.list[5]" }), &json!({ "list": [1] })), Ok(json!({ "a": null })));
    assert!(evaluate(json!({ "a.$": "States.Array($.list[5])" }), &json!({ "list": [1] })).is_err());
}

#[test]
fn only_the_first_problem_is_reported() {
    let template =
        json!({ "a.$": 1, "b": [{ "c.$": "not a path" }], "d.$": "$.", "e.$": "States.Nothing()", "f.$": "$" });
    let problems = PayloadTemplate::parse(&template).unwrap_err();
    let pointers: Vec<_> = problems.iter().map(|problem| problem.pointer.as_str()).collect();
    assert_eq!(pointers, ["/a.$", "/b[0]/c.$", "/d.$", "/e.$"]);
    assert_eq!(
        problems[1].message,
        "The value for the field 'c.$' must be a valid JSONPath or a valid intrinsic function call"
    );
}

#[test]
fn paths_are_hidden_in_calls() {
    let template = json!({ "a.$": "States.Array($x, States.Format('{}', $y.z))", "b": ["$q", { "c.$": "$.d" }] });
    let template = PayloadTemplate::parse(&template).unwrap();
    let mut paths: Vec<_> =
        template.queries().iter().flat_map(|query| query.paths()).map(|path| path.source().to_owned()).collect();
    paths.sort();
    assert_eq!(paths, ["$.d", "$x", "$y.z"]);
}

#[test]
fn a_short_template_fills_the_memory() {
    let fields: Map<_, _> = (0..3_000).map(|number| (format!("{number}.$"), json!("$"))).collect();
    let failure = evaluate(Value::Object(fields), &json!("x".repeat(250_000))).unwrap_err();
    assert_eq!(failure.error.kind(), QueryErrorKind::Limit);
}

#[test]
fn deep_nesting_overflows_the_stack() {
    let template = (0..1_000).fold(json!({ "a.$": "$" }), |inner, _| json!([inner]));
    let problems = PayloadTemplate::parse(&template).unwrap_err();
    assert_eq!(problems.len(), 1);
}

proptest! {
    #[test]
    fn no_template_panics(key in "\\PC{0,4}(\\.\\$)?", source in "(\\$|States\\.)\\PC{0,20}") {
        let template = json!({ key: source, "list": [{ "x.$": source }] });
        if let Ok(template) = PayloadTemplate::parse(&template) {
            let input = json!({ "a": [1, 2] });
            let _ = template.evaluate(&Roots { input: &input, context: &input, variables: &[] }, &MOMENT);
        }
    }
}
