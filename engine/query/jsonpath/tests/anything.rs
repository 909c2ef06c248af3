//! No text from outside makes the parser or the evaluation panic, hang or exhaust the memory.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::{super::*, evaluate, store};

/// Far longer than any evaluation takes, because the machine that tests may be busy.
const LONGEST: Duration = Duration::from_secs(60);

fn path_like() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "$",
        "$$",
        "$x",
        "..",
        ".",
        "[",
        "]",
        "[*]",
        "*",
        "(",
        ")",
        "[?(",
        ")]",
        "@",
        "@.a",
        "'a'",
        "'",
        "\"",
        "\\",
        "a",
        "store",
        "book",
        "0",
        "-1",
        ":",
        ",",
        "==",
        "=~",
        "/a+/i",
        "&&",
        "||",
        "!",
        "in",
        "<",
        "1e999",
        "length()",
        "sum(",
        "index(1)",
        "null",
        "true",
        " ",
        "é",
        "\\u00",
        "\u{1F600}",
    ]);
    prop::collection::vec(parts, 0..12).prop_map(|parts| format!("${}", parts.concat()))
}

proptest! {
    #[test]
    fn no_text_panics(source in "\\PC{0,40}") {
        let _ = evaluate(&source, &store());
        let _ = evaluate(&format!("$.{source}"), &store());
        let _ = evaluate(&format!("$[?(@.{source})]"), &store());
    }

    #[test]
    fn no_path_panics_or_hangs(source in path_like()) {
        let begun = Instant::now();
        let _ = evaluate(&source, &store());
        if let Ok(path) = Path::parse(&source) {
            let _ = path.set(&store(), json!(1));
        }
        prop_assert!(begun.elapsed() < LONGEST);
    }
}

#[test]
fn deep_nesting_overflows_the_stack() {
    for nested in ["[?(", "(", "!", "[?(@", ".append($", "[?(@.a == 1 && (", "[[", "['a']"] {
        let source = format!("$.a[?({}", nested.repeat(3_000));
        assert!(Path::parse(&source).is_err(), "{nested}");
    }
}

#[test]
fn scans_of_scans_take_for_ever() {
    let mut input = json!({ "a": [1, 2, 3] });
    for _ in 0..12 {
        input = json!({ "a": input, "b": input });
    }
    let begun = Instant::now();
    for source in ["$..*..*..*..*..*", "$..*..*..*..[?(@.a == $.b)]", "$..*..*..*..*..*.length()"] {
        let kind = evaluate(source, &input).err().map(|error| error.kind);
        assert_eq!(kind, Some(PathErrorKind::Limit), "{source}");
    }
    assert!(begun.elapsed() < LONGEST);
}

#[test]
fn a_pattern_takes_for_ever() {
    let input = json!([{ "a": "a".repeat(50_000) }]);
    let begun = Instant::now();
    assert_eq!(evaluate("$[?(@.a =~ /(a+)+b/)]", &input), Ok(json!([])));
    assert!(begun.elapsed() < LONGEST);
}
