#![allow(clippy::unwrap_used, clippy::expect_used)]
//! Paths give the results that AWS gives. The store is the example of JSONPath's original article.

mod anything;
mod failures;

use serde_json::json;

use super::*;

fn store() -> Value {
    json!({
        "store": {
            "book": [
                { "category": "reference", "author": "Nigel Rees", "title": "Sayings", "price": 8.95 },
                { "category": "fiction", "author": "Evelyn Waugh", "title": "Sword", "price": 12.99 },
                { "category": "fiction", "author": "Herman Melville", "title": "Moby", "isbn": "0-553", "price": 8.99 },
                { "category": "fiction", "author": "Tolkien", "title": "Rings", "isbn": "0-395", "price": 22.99 }
            ],
            "bicycle": { "color": "red", "price": 19.95 }
        },
        "expensive": 10,
        "numbers": [1, 2, 3, 4],
        "words": ["a", "b", "c"],
        "odd name": { "it's": 1 }
    })
}

fn evaluate(source: &str, input: &Value) -> Result<Value, PathError> {
    let context = json!({ "Execution": { "Id": "arn", "Input": { "limit": 9 } } });
    let variables = Map::from_iter([("wanted".to_owned(), json!("fiction")), ("x".to_owned(), json!({ "y": [1, 2] }))]);
    Path::parse(source)?.evaluate(&Roots { input, context: &context, variables: &[&variables] })
}

#[track_caller]
fn holds(cases: &[(&str, Value)]) {
    let input = store();
    for (source, expected) in cases {
        assert_eq!(evaluate(source, &input).as_ref(), Ok(expected), "{source}");
    }
}

#[test]
fn white_space_around_a_path_is_ignored() {
    holds(&[
        ("$.expensive ", json!(10)),
        (" \t$.expensive\n", json!(10)),
        (" $$.Execution.Id ", json!("arn")),
        ("$wanted ", json!("fiction")),
    ]);
    assert_eq!(Path::parse(" $$.a ").unwrap().source(), "$$.a");
}

#[test]
fn a_path_leads_to_another_field() {
    holds(&[
        ("$.expensive", json!(10)),
        ("$['store']['bicycle']['color']", json!("red")),
        (r#"$["store"].bicycle.color"#, json!("red")),
        ("$['odd name']['it\\'s']", json!(1)),
        ("$.store.book[0].title", json!("Sayings")),
        ("$.store.book[(@.length-1)].title", json!("Rings")),
        ("$.store.book[( @.length - 2 )].title", json!("Moby")),
        ("$.store.book[0,3].title", json!(["Sayings", "Rings"])),
        ("$.store.bicycle['color','price']", json!({ "color": "red", "price": 19.95 })),
        ("$.store.book[*].price", json!([8.95, 12.99, 8.99, 22.99])),
        ("$.store.bicycle.*", json!(["red", 19.95])),
        ("$..price", json!([8.95, 12.99, 8.99, 22.99, 19.95])),
        ("$..book[2].title", json!(["Moby"])),
        ("$.store..color", json!(["red"])),
        ("$..nothing", json!([])),
    ]);
}

#[test]
fn an_index_below_zero_finds_nothing() {
    for source in ["$.store.book[-1].title", "$.store.book[(@.length-9)].title", "$.numbers[-1]"] {
        assert!(evaluate(source, &store()).unwrap_err().is_missing(), "{source}");
    }
}

#[test]
fn a_backslash_in_a_name_is_itself() {
    let input = json!({ "12\\\" pipe": 1, "a\\nb": 2 });
    assert_eq!(evaluate("$['12\\\" pipe']", &input), Ok(json!(1)));
    assert_eq!(evaluate("$['a\\nb']", &input), Ok(json!(2)));
}

#[test]
fn a_slice_takes_other_items() {
    holds(&[
        ("$.numbers[1:3]", json!([2, 3])),
        ("$.numbers[:2]", json!([1, 2])),
        ("$.numbers[2:]", json!([3, 4])),
        ("$.numbers[-2:]", json!([3, 4])),
        ("$.numbers[:-1]", json!([1, 2, 3])),
        ("$.numbers[1:9]", json!([2, 3, 4])),
        ("$.numbers[3:1]", json!([])),
        ("$.numbers[9:]", json!([])),
    ]);
}

#[test]
fn a_step_of_a_slice_has_no_effect() {
    holds(&[("$.numbers[0:4:2]", json!([1, 2, 3, 4])), ("$.numbers[1::3]", json!([2, 3, 4]))]);
}

#[test]
fn a_filter_lets_others_through() {
    holds(&[
        ("$.store.book[?(@.isbn)].title", json!(["Moby", "Rings"])),
        ("$.store.book[?(!@.isbn)].title", json!(["Sayings", "Sword"])),
        ("$.store.book[?(@.price < 10)].title", json!(["Sayings", "Moby"])),
        ("$.store.book[?(@.price <= $.expensive)].title", json!(["Sayings", "Moby"])),
        ("$.store.book[?(@.category == 'fiction' && @.price < 10)].title", json!(["Moby"])),
        ("$.store.book[?(@.price > 20 || @.category == 'reference')].title", json!(["Sayings", "Rings"])),
        ("$.store.book[?(@['category'] != 'fiction')].title", json!(["Sayings"])),
        ("$.store.book[?(@.author =~ /.*WAUGH/i)].title", json!(["Sword"])),
        ("$.store.book[?(@.category == fiction && @.price < 10)].title", json!(["Moby"])),
        ("$.store.book[?(@.author == Nigel Rees)].price", json!([8.95])),
        ("$..[?(@.color)].color", json!(["red"])),
        ("$.store.book[?(@.nothing == 1)]", json!([])),
    ]);
}

#[test]
fn a_filter_matches_objects_only() {
    holds(&[("$.numbers[?(@ > 2)]", json!([])), ("$.words[?(@ == 'b')]", json!([])), ("$.words[?(!@.a)]", json!([]))]);
}

#[test]
fn parentheses_in_a_filter_group_nothing() {
    let both = "$.store.book[?(@.category == 'fiction' && (@.price < 10 || @.price < 9))].title";
    holds(&[(both, json!(["Sayings", "Moby"]))]);
}

#[test]
fn values_compare_as_in_java() {
    let rows = json!([
        { "id": 1, "v": 10 }, { "id": 2, "v": "10" }, { "id": 3, "v": true }, { "id": 4, "v": null }, { "id": 5 },
        { "id": 6, "v": [10] }, { "id": 7, "v": "null" },
    ]);
    let ids = |filter: &str| evaluate(&format!("$[?({filter})].id"), &rows).unwrap();
    for (filter, expected) in [
        ("@.v == 10", json!([1, 2])),
        ("@.v == '10'", json!([1, 2])),
        ("@.v == 10.0", json!([1])),
        ("@.v == \"10\"", json!([])),
        ("@.v > 9", json!([1, 3])),
        ("@.v != 10", json!([3, 4, 7])),
        ("@.v == true", json!([3])),
        ("@.v == null", json!([4, 7])),
        ("@.v", json!([1, 2, 3, 6, 7])),
        ("!@.v", json!([4, 5])),
    ] {
        assert_eq!(ids(filter), expected, "{filter}");
    }
}

#[test]
fn a_filter_sees_the_context_object_and_variables() {
    holds(&[
        ("$.store.book[?(@.price < $$.Execution.Input.limit)].title", json!(["Sayings", "Moby"])),
        ("$.store.book[?(@.category == $wanted)].title", json!(["Sword", "Moby", "Rings"])),
        ("$.store.book[?(@.category == $unknown)].title", json!([])),
    ]);
}

#[test]
fn there_are_no_functions() {
    for (source, reason) in [
        ("$.numbers.length()", "Property ['length()'] not found in path $['numbers']"),
        ("$.numbers.sum()", "Property ['sum()'] not found in path $['numbers']"),
        ("$.store.keys()", "No results for path: $['store']['keys()']"),
    ] {
        let error = evaluate(source, &store()).unwrap_err();
        assert_eq!(
            (error.kind, error.message),
            (PathErrorKind::Missing, format!("Invalid path '{source}' : {reason}"))
        );
    }
    assert_eq!(evaluate("$.length()", &json!({ "length()": 1 })), Ok(json!(1)));
    let mut cursor = crate::query::cursor::Cursor::new("$.a.length() , 1");
    assert_eq!(parse_embedded(&mut cursor).unwrap().source(), "$.a.length()");
}

#[test]
fn roots_are_mixed_up() {
    let input = store();
    holds(&[
        ("$", input.clone()),
        ("$$.Execution.Id", json!("arn")),
        ("$x", json!({ "y": [1, 2] })),
        ("$x.y[1]", json!(2)),
        ("$x['y'][0]", json!(1)),
    ]);
    assert!(evaluate("$$", &input).unwrap().is_object());
    assert_eq!(Path::parse("$x.y").unwrap().variable(), Some("x"));
    assert!(Path::parse("$$").unwrap().starts_at_context());
}

#[test]
fn a_definite_path_is_taken_for_an_indefinite_one() {
    for source in ["$", "$.a", "$['a','b']", "$.a[0]", "$.a[-1]", "$.a.length()", "$['a','b'].c"] {
        assert!(Path::parse(source).unwrap().is_definite(), "{source}");
    }
    for source in ["$..a", "$.*", "$.a[*]", "$.a[0,1]", "$.a[1:]", "$.a[?(@.b)]"] {
        assert!(!Path::parse(source).unwrap().is_definite(), "{source}");
    }
}

#[test]
fn a_result_goes_to_another_field() {
    let input = json!({ "a": { "b": 1 }, "list": [1, 2] });
    let cases = [
        ("$", json!(9)),
        ("$.a", json!({ "a": 9, "list": [1, 2] })),
        ("$.a.c", json!({ "a": { "b": 1, "c": 9 }, "list": [1, 2] })),
        ("$.new.deep.er", json!({ "a": { "b": 1 }, "list": [1, 2], "new": { "deep": { "er": 9 } } })),
        ("$.list[1]", json!({ "a": { "b": 1 }, "list": [1, 9] })),
        ("$['odd name']", json!({ "a": { "b": 1 }, "list": [1, 2], "odd name": 9 })),
    ];
    for (source, expected) in cases {
        assert_eq!(Path::parse(source).unwrap().set(&input, json!(9)), Ok(expected), "{source}");
    }
    for source in ["$.a.b.c", "$.list[2]", "$.list.x", "$.new[0]", "$.a[*]", "$$.a", "$x", "$.list[-1]", "$..a"] {
        let error = Path::parse(source).unwrap().set(&input, json!(9)).unwrap_err();
        assert_eq!(error.kind, PathErrorKind::NotApplicable, "{source}");
    }
}

#[test]
fn a_path_without_ambiguity_is_refused_as_reference() {
    for source in ["$", "$.a.b", "$['a'][0]", "$$.Execution", "$x.y"] {
        assert!(Path::parse(source).unwrap().is_reference(), "{source}");
    }
    for source in ["$..a", "$.*", "$.a[0,1]", "$['a','b']", "$.a[?(@.b)]", "$.a[0:1]"] {
        assert!(!Path::parse(source).unwrap().is_reference(), "{source}");
    }
}
