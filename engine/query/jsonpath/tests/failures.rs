//! Errors have AWS's texts: they end up in causes, which programs and people compare.

use serde_json::json;

use super::{super::*, evaluate, store};

fn message(source: &str) -> (PathErrorKind, String) {
    let error = evaluate(source, &store()).unwrap_err();
    (error.kind, error.message)
}

#[test]
fn a_missing_value_has_other_words_than_at_aws() {
    let cases = [
        ("$.no", "Invalid path '$.no' : No results for path: $['no']"),
        ("$.no.such.result.path", "Invalid path '$.no.such.result.path' : Missing property in path $['no']"),
        ("$.store.no", "Invalid path '$.store.no' : No results for path: $['store']['no']"),
        ("$.store.no.x", "Invalid path '$.store.no.x' : Missing property in path $['store']['no']"),
        ("$.expensive.x", "Invalid path '$.expensive.x' : Property ['x'] not found in path $['expensive']"),
        (
            "$.store['book','bicycle'].x",
            "Invalid path '$.store['book','bicycle'].x' : Multi properties can only be used as path leafs: \
             $['store']['book', 'bicycle']",
        ),
        (
            "$.expensive[0]",
            "Invalid path '$.expensive[0]' : Filter: [0] can only be applied to arrays. Current context is: 10",
        ),
    ];
    for (source, expected) in cases {
        assert_eq!(message(source), (PathErrorKind::Missing, expected.to_owned()), "{source}");
    }
}

#[test]
fn an_index_past_the_end_is_reported_as_a_missing_value() {
    assert_eq!(message("$.numbers[4]").0, PathErrorKind::OutOfRange);
    assert_eq!(message("$.numbers[4].x").0, PathErrorKind::Missing);
    assert!(evaluate("$.numbers[4]", &store()).unwrap_err().is_missing());
}

/// Recorded on AWS, 2025: a wildcard or slice of a missing value is an empty array.
#[test]
fn an_indefinite_path_of_nothing_fails() {
    let sources = [
        "$.item.items[*]",
        "$.item.items[1:5].itemValue",
        "$.item.items[1:5]",
        "$.item.items[1:]",
        "$.item.items[:1]",
        "$.items[*].itemValue",
        "$.items[1:].itemValue",
        "$.items[:1]",
        "$[*]",
    ];
    for source in sources {
        assert_eq!(evaluate(source, &json!({})), Ok(json!([])), "{source}");
    }
}

#[test]
fn a_text_that_is_no_path_is_accepted() {
    let sources = [
        "",
        "a",
        "@.a",
        "$.",
        "$..",
        "$a b",
        "$.a b",
        "$.a[",
        "$.a[]",
        "$.a['b'",
        "$.a['b",
        "$.a[1",
        "$.a[x]",
        "$.a[?]",
        "$.a[?(",
        "$.a[?(@.b ~ 1)]",
        "$...a",
        "$.a[?(@.b =~ /(/)]",
        "$.a[::]",
        "$.a[::2]",
        "$.a[?(@.b in ['x'])]",
        "$.a[?(@.b size 1)]",
        "$.a[?(@..b == 1)]",
        "$.a[?(1 == !@.b)]",
        "$.a[,]",
        "$['a',]",
    ];
    for source in sources {
        let error = Path::parse(source).unwrap_err();
        assert_eq!(error.kind, PathErrorKind::Invalid, "{source}");
        assert!(error.message.starts_with(&format!("Invalid path '{source}' : ")), "{}", error.message);
    }
}

#[test]
fn an_unknown_variable_is_null() {
    assert_eq!(message("$unknown.a").0, PathErrorKind::Missing);
}
