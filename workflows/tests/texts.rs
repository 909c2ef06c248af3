//! Definitions and inputs in any of their formats are read as written.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{InputError, InputFormat, parse_input, set_key};

#[test]
fn the_same_input_is_read_from_three_formats_with_and_without_a_hint() {
    let wanted = json!({ "deployment": "shop", "database": { "multiAz": true, "version": "14" } });
    let texts = [
        (InputFormat::Json, r#"{"deployment": "shop", "database": {"multiAz": true, "version": "14"}}"#),
        (InputFormat::Yaml, "deployment: shop\ndatabase:\n  multiAz: true\n  version: \"14\"\n"),
        (InputFormat::Yaml, "{deployment: shop, database: {multiAz: true, version: '14'}}"),
        (InputFormat::Toml, "deployment = \"shop\"\n[database]\nmultiAz = true\nversion = \"14\"\n"),
        (InputFormat::Toml, "[database]\nmultiAz = true\nversion = \"14\"\n"),
    ];
    for (format, text) in texts {
        let mut wanted = wanted.clone();
        if !text.contains("shop") {
            wanted.as_object_mut().unwrap().shift_remove("deployment");
        }
        assert_eq!(parse_input(text, Some(format)).unwrap(), wanted, "{text}");
        assert_eq!(parse_input(text, None).unwrap(), wanted, "{text}");
    }
    assert_eq!(InputFormat::of_file("a/b.YML"), Some(InputFormat::Yaml));
    assert_eq!(InputFormat::of_file("a/b"), None);
}

#[test]
fn yaml_words_that_look_like_yes_and_no_stay_text() {
    let input = parse_input("a: yes\nb: No\nc: on\nd: 1.10.0\n", Some(InputFormat::Yaml)).unwrap();
    assert_eq!(input, json!({ "a": "yes", "b": "No", "c": "on", "d": "1.10.0" }));
}

#[test]
fn an_empty_file_is_an_empty_input_and_a_list_is_refused() {
    for text in ["", "# only a comment\n", "{}"] {
        assert_eq!(parse_input(text, None).unwrap(), json!({}));
    }
    assert_eq!(parse_input("", Some(InputFormat::Yaml)).unwrap(), json!({}));
    assert_eq!(parse_input("- a\n- b\n", None), Err(InputError::NotAnObject));
    assert_eq!(parse_input("[1, 2]", None), Err(InputError::NotAnObject));
}

#[test]
fn a_key_that_an_object_has_twice_is_refused_in_every_form() {
    let refused = |result: Result<(), InputError>| result.unwrap_err().to_string();
    let twice = "{\"n\":1,\"n\":2}";
    let set = |assignment: &str| set_key(&mut json!({}), None, assignment);
    for said in [refused(parse_input(twice, None).map(drop)), refused(set(&format!("details={twice}")))] {
        assert!(said.starts_with("the key 'n' occurs twice, in line 1 at column 2"), "{said}");
    }
    assert_eq!(set("details={\"n\":1}"), Ok(()));
    assert_eq!(set("details=n: 1, n: 2"), Ok(()), "it is a text");
}

#[test]
fn a_syntax_error_is_reported_for_the_format_that_was_meant() {
    let format_of = |text: &str| match parse_input(text, None).unwrap_err() {
        InputError::Syntax { format, message } => {
            assert!(message.contains("line") || message.contains(':'), "{message}");
            format
        }
        other => panic!("{other}"),
    };
    assert_eq!(format_of("{\"a\": "), "JSON");
    assert_eq!(format_of("a: b\n c: d\n"), "YAML");
    assert_eq!(format_of("a: 1\na: 2\n"), "YAML");
    assert_eq!(format_of("deployment = shop\n"), "TOML");
}

#[test]
fn single_values_keep_their_kind() {
    let mut input = json!({ "deployment": "shop" });
    for assignment in [
        "domain=a.example.com",
        "database.multiAz=true",
        "database.allocatedStorageGib=50",
        "bastion.ubuntuRelease=24.04",
        "database.version=\"14\"",
        "alarms.email=null",
        "application.environment.JAVA_OPTIONS=-Xmx=1",
        "vpc.subnetCidrs=[\"a\", \"b\"]",
    ] {
        set_key(&mut input, None, assignment).unwrap();
    }
    assert_eq!(
        input,
        json!({
            "deployment": "shop", "domain": "a.example.com",
            "database": { "multiAz": true, "allocatedStorageGib": 50, "version": "14" },
            "bastion": { "ubuntuRelease": "24.04" }, "alarms": { "email": null },
            "application": { "environment": { "JAVA_OPTIONS": "-Xmx=1" } },
            "vpc": { "subnetCidrs": ["a", "b"] },
        })
    );
}

#[test]
fn a_field_that_is_a_text_takes_what_reads_like_a_number() {
    let schema = json!({
        "properties": {
            "ticket": { "type": "string" }, "count": { "type": "integer" },
            "database": { "$ref": "#/$defs/database" },
        },
        "$defs": { "database": { "properties": { "version": { "type": "string" } } } },
    });
    let mut input = json!({});
    for assignment in ["ticket=5", "count=5", "database.version=14", "other=5"] {
        set_key(&mut input, Some(&schema), assignment).unwrap();
    }
    assert_eq!(input, json!({ "ticket": "5", "count": 5, "database": { "version": "14" }, "other": 5 }));
    for assignment in ["ticket=true", "ticket=[1]", "ticket=null", r#"ticket="5""#] {
        set_key(&mut input, Some(&schema), assignment).unwrap();
        assert!(input["ticket"].is_string(), "{assignment}");
    }
    assert_eq!(input["ticket"], "5", "quotes are JSON's");
}

#[test]
fn an_assignment_that_makes_no_sense_changes_nothing() {
    let before = json!({ "domain": "x" });
    for assignment in ["domain", "=x", ".a=x", "a..b=x", "domain.a=x"] {
        let mut input = before.clone();
        set_key(&mut input, None, assignment).unwrap_err();
        assert_eq!(input, before, "{assignment}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[\\[\\]{}:=\"' \\n#a-z0-9-]{0,60}") {
        for format in [None, Some(InputFormat::Json), Some(InputFormat::Yaml), Some(InputFormat::Toml)] {
            if let Ok(value) = parse_input(&text, format) {
                prop_assert!(value.is_object());
            }
        }
        let _ = set_key(&mut Value::Null, None, &text);
    }
}
