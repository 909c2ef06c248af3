//! A field of the input that the chosen setting does not use is refused or named, and every text has a limit.

use serde_json::{Value, json};

use crate::{
    Workflow,
    endpoints_aws::uses::{USES, Used},
    find,
};

fn workflow() -> &'static Workflow {
    find("endpoints-aws").unwrap()
}

/// The fields of a schema that are no groups, as JSON Pointers, with their schemas.
fn leaves<'a>(pointer: &str, schema: &'a Value, found: &mut Vec<(String, &'a Value)>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{pointer}/{name}");
        match property.get("properties") {
            Some(_) => leaves(&path, property, found),
            None => found.push((path, property)),
        }
    }
}

/// A minimal input with values at pointers.
fn with(values: &[(&str, Value)]) -> Value {
    let mut input = json!({ "deployment": "my-endpoints", "domain": "endpoints.example.com" });
    for (pointer, value) in values {
        let assignment = format!("{}={value}", field(pointer));
        crate::set_key(&mut input, None, &assignment).unwrap();
    }
    input
}

fn field(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".")
}

fn problems(input: Value) -> Vec<String> {
    let problems = workflow().prepare_input(input).err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

/// A value of the field that is allowed and is not the default.
fn other_value(pointer: &str) -> Value {
    match pointer {
        "/certificate/arn" => json!("arn:aws:acm:eu-central-1:123456789012:certificate/1-2"),
        "/vpc/id" => json!("vpc-0123456789abcdef0"),
        "/vpc/cidr" => json!("10.101.0.0/16"),
        "/vpc/subnetCidrs" => json!(["10.100.1.0/26", "10.100.2.0/26"]),
        "/vpc/availabilityZones" => json!(["eu-central-1a", "eu-central-1b"]),
        "/vpc/subnetIds" => json!(["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]),
        "/application/timezoneId" => json!("Europe/Berlin"),
        "/application/environmentDisplayName" => json!("Test"),
        "/sshSourceCidr" => json!("203.0.113.7/32"),
        "/bastion/instanceType" => json!("t3.small"),
        "/bastion/ubuntuRelease" => json!("22.04"),
        "/bastion/waitForSsh" => json!(false),
        "/bastion/keyPair/existing" => json!("mine"),
        "/bastion/keyPair/publicKeyFile" | "/bastion/keyPair/privateKeyFile" => json!("key"),
        "/alarms/email" => json!("a@example.com"),
        other => panic!("give {other} a value in this test"),
    }
}

#[test]
fn the_table_of_uses_has_every_field_of_the_schema_once() {
    let schema = workflow().input_schema();
    let mut found = Vec::new();
    leaves("", &schema, &mut found);
    let fields: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    let table: Vec<&str> = USES.iter().map(|(pointer, _)| *pointer).collect();
    assert_eq!(table, fields);
}

#[test]
fn a_field_that_the_mode_does_not_use_is_refused_with_both_names() {
    let schema = workflow().input_schema();
    for (pointer, used) in &USES {
        let Used::InMode(switch, used_in) = used else { continue };
        for mode in modes(&schema, switch) {
            let said = problems(with(&[(*switch, json!(mode)), (*pointer, other_value(pointer))]));
            let refusal = format!("is not used, because {} is {mode}", field(switch));
            let is_refused = said.iter().any(|line| line.starts_with(&field(pointer)) && line.contains(&refusal));
            assert_eq!(is_refused, !used_in.contains(&mode.as_str()), "{pointer} with {mode}: {said:?}");
            // A default that is written out is not refused.
            let default = workflow().prepare_input(with(&[])).unwrap().pointer(pointer).unwrap().clone();
            let said = problems(with(&[(*switch, json!(mode)), (*pointer, default)]));
            assert!(!said.iter().any(|line| line.contains("is not used")), "{pointer} with {mode}: {said:?}");
        }
    }
}

/// The values of the field at a pointer of two names.
fn modes(schema: &Value, pointer: &str) -> Vec<String> {
    let mut names = pointer.split('/').skip(1);
    let (group, name) = (names.next().unwrap(), names.next().unwrap());
    let modes = schema["properties"][group]["properties"][name]["enum"].as_array().unwrap();
    modes.iter().map(|mode| mode.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_field_of_a_part_that_is_off_is_named_in_a_warning() {
    for (pointer, used) in &USES {
        let Used::WhileOn(switch) = used else { continue };
        let mut values = vec![(*switch, json!(false)), (*pointer, other_value(pointer))];
        if *pointer == "/bastion/keyPair/privateKeyFile" {
            values.push(("/bastion/keyPair/existing", json!("mine")));
        }
        let input = workflow().prepare_input(with(&values)).unwrap();
        let warnings = workflow().warnings(&input);
        let sentence = format!("{} is off, so this run does not use ", field(switch));
        let named = warnings.iter().any(|line| line.starts_with(&sentence) && line.contains(&field(pointer)));
        assert!(named, "{pointer}: {warnings:?}");
    }
    let input = workflow().prepare_input(with(&[("/bastion/enabled", json!(false))])).unwrap();
    let warnings = workflow().warnings(&input);
    assert!(!warnings.iter().any(|line| line.contains("does not use")), "{warnings:?}");
}

#[test]
fn the_readme_names_every_field_that_a_mode_or_a_switch_decides() {
    let readme = include_str!("../endpoints-aws/README.md");
    let (_, section) = readme.split_once("## What a mode does not use").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    for (pointer, used) in &USES {
        let (Used::InMode(switch, _) | Used::WhileOn(switch)) = used else { continue };
        let row = section.lines().find(|line| line.contains(&format!("`{}`", field(pointer))));
        let row = row.unwrap_or_else(|| panic!("{pointer} is not in the section"));
        assert!(row.contains(&format!("`{}", field(switch))), "{row}");
    }
}

#[test]
fn every_text_has_a_limit_and_no_control_characters() {
    let schema = workflow().input_schema();
    let mut found = Vec::new();
    leaves("", &schema, &mut found);
    let is_text = |schema: &Value| schema["type"] == "string" || schema["type"] == json!(["string", "null"]);
    for (pointer, property) in found {
        let is_list = is_text(&property["items"]);
        if !is_text(property) && !is_list {
            continue;
        }
        for bad in ["a".repeat(200_000), "a\u{1b}[2Jb".to_owned(), "a\u{202e}b".to_owned(), "a\u{0}b".to_owned()] {
            let value = if is_list { json!([bad, format!("{bad}2")]) } else { json!(bad) };
            let said = problems(with(&[(pointer.as_str(), value)]));
            let name = field(&pointer);
            let shown: String = bad.chars().take(4).collect();
            assert!(said.iter().any(|line| line.starts_with(&name)), "{name} takes {shown:?}: {said:?}");
        }
    }
    for variables in [json!({ "A\u{1b}B": "1" }), json!({ "A": "\u{0}" }), json!({ "A": "a".repeat(200_000) })] {
        assert_eq!(problems(with(&[("/application/environment", variables)])).len(), 1);
    }
    for image in ["nginx", "example.test/image:2", "127.0.0.1:5000/a_b/c#d", digest().as_str()] {
        assert_eq!(problems(with(&[("/application/image", json!(image))])), Vec::<String>::new(), "{image}");
    }
    for image in ["", " ", "a b", "-a", "a@sha256:12", "a$b"] {
        assert_eq!(problems(with(&[("/application/image", json!(image))])).len(), 1, "{image}");
    }
}

/// An image with a digest.
fn digest() -> String {
    format!("example.test/image@sha256:{}", "0".repeat(64))
}
