//! An expression in each of the languages, over a value: a result or an error.
#![no_main]

use engine::query::{Expression, Intrinsic, Moment, Path, PayloadTemplate, Roots, Scope};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value, json};

fuzz_target!(|given: (&str, &str)| {
    let (source, value) = given;
    let value: Value = serde_json::from_str(value).unwrap_or_else(|_| json!({ "a": [1, { "b": value }], "b": null }));
    let variables = Map::from_iter([("v".to_owned(), value.clone())]);
    let roots = Roots { input: &value, context: &value, variables: &[&variables] };
    let moment = Moment { now_ms: 1_700_000_000_000, entropy: 7 };
    if let Ok(path) = Path::parse(source) {
        let _ = path.evaluate(&roots);
        let _ = path.set(&value, json!(1));
    }
    if let Ok(intrinsic) = Intrinsic::parse(source) {
        let _ = intrinsic.evaluate(&roots, &moment);
    }
    if let Ok(template) = PayloadTemplate::parse(&json!({ "x.$": source })) {
        let _ = template.evaluate(&roots, &moment);
    }
    if let Ok(expression) = Expression::parse(source) {
        let states = json!({ "input": value });
        let _ = expression.evaluate(&Scope { states: &states, variables: &[&variables] }, &moment);
    }
});
