//! No call from outside makes the evaluation panic or exhaust the memory.

use proptest::prelude::*;
use serde_json::json;

use super::{super::*, evaluate, evaluate_with};

fn argument() -> impl Strategy<Value = String> {
    let simple = prop::sample::select(vec![
        "1",
        "-1",
        "0.5",
        "1e308",
        "-9223372036854775808",
        "18446744073709551615",
        "null",
        "true",
        "''",
        "'a{}b'",
        "'{'",
        "'SHA-1'",
        "$.list",
        "$.object",
        "$.text",
        "$.json",
        "$.nothing",
        "$..*",
        "$$",
        "$name",
        "$.list[?(@ > 1)]",
    ])
    .prop_map(str::to_owned);
    simple.prop_recursive(3, 24, 4, |inner| {
        let name = prop::sample::select(Function::ALL.to_vec());
        (name, prop::collection::vec(inner, 0..4))
            .prop_map(|(function, arguments)| format!("{}({})", function.name(), arguments.join(", ")))
    })
}

proptest! {
    #[test]
    fn no_text_panics(source in "\\PC{0,40}") {
        let _ = evaluate(&source);
        let _ = evaluate(&format!("States.Format({source})"));
        let _ = evaluate(&format!("States.Format('{source}', 1)"));
    }

    #[test]
    fn no_call_panics(argument in argument()) {
        let call = format!("States.Array({argument})");
        prop_assert!(Intrinsic::parse(&call).is_ok(), "{}", call);
        let _ = evaluate(&call);
    }
}

#[test]
fn a_short_call_fills_the_memory() {
    let input = json!({ "a": "x".repeat(250_000) });
    let source = format!("States.Array({})", vec!["$"; 3_000].join(","));
    assert_eq!(evaluate_with(&source, &input).unwrap_err().kind, IntrinsicErrorKind::Limit);
    let source = format!("States.Format('{}', {})", "{}".repeat(2_000), vec!["$"; 2_000].join(","));
    assert_eq!(evaluate_with(&source, &input).unwrap_err().kind, IntrinsicErrorKind::Limit);
}
