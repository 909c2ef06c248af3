#![allow(clippy::unwrap_used, clippy::expect_used)]
//! Intrinsic functions give the results that AWS gives. Differences from AWS's guide were measured on AWS.

mod anything;

use serde_json::{Map, json};

use super::*;

const MOMENT: Moment = Moment { now_ms: 1_700_000_000_000, entropy: 42 };

fn evaluate_with(source: &str, input: &Value) -> Result<Value, IntrinsicError> {
    let context = json!({ "StateMachine": { "Id": "arn:sm", "Name": "my-state-machine" } });
    let variables = Map::from_iter([("name".to_owned(), json!("Ada"))]);
    let roots = Roots { input, context: &context, variables: &[&variables] };
    Intrinsic::parse(source)?.evaluate(&roots, &MOMENT)
}

fn evaluate(source: &str) -> Result<Value, IntrinsicError> {
    let input = json!({
        "one": 1, "text": "a,b", "null": null, "half": 1.5, "list": [10, 20, 30], "empty": [], "object": { "a": 1 },
        "flag": true, "json": "{\"a\": [1]}"
    });
    evaluate_with(source, &input)
}

#[track_caller]
fn holds(cases: &[(&str, Value)]) {
    for (source, expected) in cases {
        assert_eq!(evaluate(source).as_ref(), Ok(expected), "{source}");
    }
}

#[track_caller]
fn refused(sources: &[&str]) {
    for source in sources {
        let error = evaluate(source).unwrap_err();
        assert_eq!(error.kind, IntrinsicErrorKind::InvalidArguments, "{source}: {error}");
    }
}

#[test]
fn a_text_is_formatted_otherwise() {
    holds(&[
        ("States.Format('Hello {}!', $name)", json!("Hello Ada!")),
        ("States.Format('{} {} {}', $.one, $.flag, $.null)", json!("1 true null")),
        ("States.Format('{}', $$.StateMachine)", json!("{Id=arn:sm, Name=my-state-machine}")),
        ("States.Format('{}', $.list)", json!("[10, 20, 30]")),
        (r"States.Format('it\'s \{\} {}', 1.1)", json!("it's {} 1.1")),
        (r"States.Format('\\ {}', $.one)", json!(r"\ 1")),
        ("States.Format('none')", json!("none")),
    ]);
    refused(&[
        "States.Format('{} {}', 1)",
        "States.Format('{}', 1, 2)",
        "States.Format('{')",
        "States.Format('}')",
        "States.Format('{{}}', 1)",
        "States.Format($.one)",
        "States.Format()",
    ]);
}

#[test]
fn json_is_read_or_written_otherwise() {
    holds(&[
        ("States.StringToJson($.json)", json!({ "a": [1] })),
        (r#"States.StringToJson('{"a": "b"}')"#, json!({ "a": "b" })),
        ("States.StringToJson('')", json!(null)),
        ("States.JsonToString($.object)", json!("{\"a\":1}")),
        ("States.JsonToString('x')", json!("\"x\"")),
        ("States.JsonMerge($.object, States.StringToJson('{\"a\": 2, \"b\": 3}'), false)", json!({ "a": 2, "b": 3 })),
        ("States.JsonMerge($.object, $.object, 'false')", json!({ "a": 1 })),
    ]);
    refused(&[
        "States.StringToJson('{bad}')",
        "States.StringToJson($.one)",
        "States.JsonToString()",
        "States.JsonMerge($.object, $.object, true)",
        "States.JsonMerge($.object, $.object)",
        "States.JsonMerge($.null, $.object, false)",
    ]);
}

#[test]
fn an_array_is_cut_or_searched_otherwise() {
    holds(&[
        ("States.Array()", json!([])),
        ("States.Array($.one, 'a', null, true, -1.5)", json!([1, "a", null, true, -1.5])),
        ("States.ArrayPartition(States.Array(1,2,3,4,5), 2)", json!([[1, 2], [3, 4], [5]])),
        ("States.ArrayPartition($.list, 2.9)", json!([[10, 20], [30]])),
        ("States.ArrayPartition($.empty, 3)", json!([])),
        ("States.ArrayContains($.list, 20)", json!(true)),
        ("States.ArrayContains($.list, '20')", json!(true)),
        ("States.ArrayContains($.list, $.object)", json!(false)),
        ("States.ArrayGetItem($.list, 1.2)", json!(20)),
        ("States.ArrayGetItem($.empty, 999)", json!(null)),
        ("States.ArrayLength($.list)", json!(3)),
        ("States.ArrayUnique(States.Array(1, 2, 1, 3, 2))", json!([1, 2, 3])),
    ]);
    refused(&[
        "States.ArrayPartition($.list, 0)",
        "States.ArrayPartition($.list, 0.6)",
        "States.ArrayPartition($.list, -1)",
        "States.ArrayPartition($.list, '2')",
        "States.ArrayPartition($.one, 2)",
        "States.ArrayGetItem($.list, 3)",
        "States.ArrayGetItem($.list, -1)",
        "States.ArrayGetItem($.list, '1')",
        "States.ArrayContains('list', 1)",
        "States.ArrayLength($.object)",
        "States.ArrayUnique('list')",
    ]);
}

#[test]
fn a_range_has_other_items() {
    holds(&[
        ("States.ArrayRange(1, 9, 2)", json!([1, 3, 5, 7, 9])),
        ("States.ArrayRange(-2, 2, 2)", json!([-2, 0, 2])),
        ("States.ArrayRange(1.4, 5.6, 2.2)", json!([1, 3, 5])),
        ("States.ArrayRange(3, 3, -1)", json!([3])),
        ("States.ArrayRange(5, 1, -2)", json!([5, 3, 1])),
        ("States.ArrayRange(5, 1, 1)", json!([])),
        ("States.ArrayRange(1, 5, -1)", json!([])),
        ("States.ArrayRange(5.4, -0.6, -2.4)", json!([5, 3, 1])),
        ("States.ArrayLength(States.ArrayRange(1, 1000, 1))", json!(1000)),
    ]);
    refused(&[
        "States.ArrayRange(1, 1001, 1)",
        "States.ArrayRange(1, 10, 0)",
        "States.ArrayRange(1, 10, 0.49)",
        "States.ArrayRange('1', 10, 1)",
        "States.ArrayRange(-9223372036854775808, 9223372036854775807, 1)",
        "States.ArrayRange(1, 5)",
    ]);
}

#[test]
fn numbers_are_added_otherwise() {
    holds(&[
        ("States.MathAdd(1.49, 1.5)", json!(3)),
        ("States.MathAdd(-1.49, -1.5)", json!(-2)),
        ("States.MathAdd(-0.5, 0.5)", json!(1)),
        ("States.MathAdd(-2.5, 0)", json!(-2)),
        ("States.MathAdd(-1.51, 0)", json!(-2)),
        ("States.MathAdd(2147483646, 1)", json!(2_147_483_647)),
    ]);
    refused(&[
        "States.MathAdd(2147483647, 1)",
        "States.MathAdd(3000000000, -3000000000)",
        "States.MathAdd('1', 1)",
        "States.MathAdd(null, 1)",
        "States.MathAdd(1)",
    ]);
}

#[test]
fn a_random_number_leaves_its_range_or_ignores_its_seed() {
    for seed in 0..50 {
        let value = evaluate(&format!("States.MathRandom(-3, 4, {seed})")).unwrap().as_i64().unwrap();
        assert!((-3..4).contains(&value), "{value}");
        let again = evaluate(&format!("States.MathRandom(-3, 4, {seed})")).unwrap();
        assert_eq!(again, json!(value));
    }
    assert_eq!(evaluate("States.MathRandom(1, 11, 42)"), Ok(json!(1)));
    assert!(evaluate("States.MathRandom(-2147483648, 2147483647)").unwrap().is_i64());
    refused(&[
        "States.MathRandom(1, 1)",
        "States.MathRandom(10, 5)",
        "States.MathRandom(1.4, 1.6)",
        "States.MathRandom('a', 1)",
        "States.MathRandom(1, 10, null)",
    ]);
}

#[test]
fn a_text_is_coded_or_split_otherwise() {
    holds(&[
        ("States.Base64Encode('Data to encode')", json!("RGF0YSB0byBlbmNvZGU=")),
        ("States.Base64Decode('RGF0YSB0byBlbmNvZGU=')", json!("Data to encode")),
        ("States.Base64Decode('')", json!("")),
        ("States.Base64Decode(' YWJj!ZA==x')", json!("abcd")),
        ("States.Base64Decode('YWJjZB')", json!("abcd")),
        ("States.Hash('hello', 'MD5')", json!("5d41402abc4b2a76b9719d911017c592")),
        ("States.Hash(123, 'SHA-1')", json!("40bd001563085fc35165329ea1ff5c5ecbdbbeef")),
        ("States.StringSplit($.text, ',')", json!(["a", "b"])),
        ("States.StringSplit('1+2,3.4', '.+,')", json!(["1", "2", "3", "4"])),
        ("States.StringSplit(',a,,b,', ',')", json!(["a", "b"])),
        ("States.StringSplit('', ',')", json!([])),
        ("States.StringSplit('Hello\nWorld', '\n')", json!(["Hello", "World"])),
    ]);
    refused(&[
        "States.Hash('data', 'SHA256')",
        "States.Base64Decode(123)",
        "States.StringSplit(1, ',')",
        "States.StringSplit('a', $.list)",
    ]);
    let long = json!({ "text": "a".repeat(10_001) });
    for call in ["States.Base64Encode($.text)", "States.Base64Decode($.text)", "States.Hash($.text, 'MD5')"] {
        assert!(evaluate_with(call, &long).is_err(), "{call}");
    }
}

#[test]
fn an_identifier_is_not_drawn_from_the_moment() {
    let identifiers = evaluate("States.Array(States.UUID(), States.UUID())").unwrap();
    assert_eq!(identifiers, evaluate("States.Array(States.UUID(), States.UUID())").unwrap());
    assert_ne!(identifiers[0], identifiers[1]);
}

#[test]
fn calls_do_not_nest() {
    let split = "States.StringSplit($$.StateMachine.Name, '-')";
    let last = format!("States.ArrayGetItem({split}, States.MathAdd(States.ArrayLength({split}), -1))");
    assert_eq!(evaluate(&last), Ok(json!("machine")));
    let nested = |depth: usize| format!("{}1{}", "States.Array(".repeat(depth), ")".repeat(depth));
    assert!(Intrinsic::parse(&nested(10)).is_ok());
    assert!(Intrinsic::parse(&nested(11)).is_err());
}

#[test]
fn a_failure_does_not_say_what_failed() {
    let error = evaluate_with("States.Format('{}', $.nope)", &json!({ "other": 1 })).unwrap_err();
    assert_eq!(error.kind, IntrinsicErrorKind::MissingArgument);
    assert_eq!(
        error.message,
        "The function 'States.Format('{}', $.nope)' had the following error: The JsonPath argument for the field \
         '$.nope' could not be found in the input '{\"other\":1}'"
    );
    assert_eq!(
        evaluate("States.MathAdd($.one, 'x')").unwrap_err().message,
        "The function 'States.MathAdd($.one, 'x')' had the following error: Invalid arguments in States.MathAdd"
    );
}

#[test]
fn a_text_that_is_no_call_is_accepted() {
    let sources = [
        "",
        "States",
        "States.Nothing()",
        "States.Array",
        "States.Array(",
        "States.Array(1",
        "States.Array(1,)",
        "States.Array(,1)",
        "States.Array('a)",
        r"States.Array('\n')",
        "States.Array(abc)",
        "States.Array(1) x",
        "States.Array($.a[)",
        "States.Array(1)[0]",
        "states.array()",
        "States.Array(01)",
        "States.Array(\"a\")",
    ];
    for source in sources {
        let error = Intrinsic::parse(source).unwrap_err();
        assert_eq!(error.kind, IntrinsicErrorKind::Malformed, "{source}");
    }
}
