//! `docs/json-lines.schema.json`: every JSON line that a test prints is compared with it.

use std::{
    collections::BTreeMap,
    process::Output,
    sync::{LazyLock, Mutex, PoisonError},
};

use serde_json::Value;

use super::text;

static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../docs/json-lines.schema.json")).unwrap());
static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| jsonschema::validator_for(&SCHEMA).unwrap());
/// The number of lines of each type that were compared.
static COMPARED: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

/// The number of lines of each type that are compared in one test binary: the e2e tests print many thousands of entries.
const COMPARED_MAX: usize = 2_000;

/// The rule of each type: what a line of it must have.
pub fn rules() -> BTreeMap<String, Value> {
    let rule =
        |rule: &Value| (rule["if"]["properties"]["type"]["const"].as_str().unwrap().to_owned(), rule["then"].clone());
    SCHEMA["allOf"].as_array().unwrap().iter().map(rule).collect()
}

/// The JSON lines of a text, all of which must be valid.
pub fn valid(printed: &str) -> Vec<Value> {
    let lines: Vec<Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    lines.iter().for_each(check);
    lines
}

/// Fails unless a line has a rule and is valid by it.
fn check(line: &Value) {
    let kind = line["type"].as_str().unwrap_or_default();
    let has_rule =
        SCHEMA["allOf"].as_array().unwrap().iter().any(|rule| rule["if"]["properties"]["type"]["const"] == kind);
    assert!(has_rule, "docs/json-lines.schema.json has no rule for the type of: {line}");
    let problems: Vec<String> = VALIDATOR.iter_errors(line).map(|problem| problem.to_string()).collect();
    assert!(problems.is_empty(), "{problems:#?}: {line}");
}

/// The output of a command. With `-o json`, its JSON lines must be valid; a line of a document of its own has no `time`.
pub fn checked(arguments: &[&str], output: Output) -> Output {
    if !arguments.windows(2).any(|pair| pair == ["-o", "json"]) {
        return output;
    }
    let printed = text(&output.stdout);
    let lines = printed.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    for line in lines.filter(|line| line["type"].is_string() && line["time"].is_string()) {
        let kind = line["type"].as_str().unwrap_or_default().to_owned();
        let count = {
            let mut compared = COMPARED.lock().unwrap_or_else(PoisonError::into_inner);
            let count = compared.entry(kind).or_insert(0);
            *count += 1;
            *count
        };
        if count <= COMPARED_MAX {
            check(&line);
        }
    }
    output
}
