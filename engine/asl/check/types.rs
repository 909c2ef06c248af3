//! The JSON types of a state's fields, the fields that only a distributed Map has, and the calls in its templates. Like the forms, they
//! are checked when a definition is created. Sources: Developer Guide, the field tables of each state and "Fail workflow state"; the
//! schema of AWS's own language server (aws/amazon-states-language-service); recordings of AWS.

use serde_json::{Map, Value};

use super::{Diagnostic, below, item};
use crate::query::{Intrinsic, Query};

/// The fields of a Map in DISTRIBUTED mode. The tolerated failures are not among them: AWS accepts those in INLINE mode (recorded).
const DISTRIBUTED_FIELDS: &[&str] = &["Label", "ItemReader", "ItemBatcher", "ResultWriter"];

/// The functions that ErrorPath and CausePath may call. Source: Developer Guide, "Fail workflow state".
const FAIL_FUNCTIONS: &[&str] = &[
    "States.Format",
    "States.JsonToString",
    "States.ArrayGetItem",
    "States.Base64Encode",
    "States.Base64Decode",
    "States.Hash",
    "States.UUID",
];

/// Checks the fields of a state.
pub(super) fn check(fields: &Map<String, Value>, pointer: &str, jsonata: bool, found: &mut Vec<Diagnostic>) {
    if jsonata {
        types_in_jsonata(fields, pointer, found)
    } else {
        types_in_json_path(fields, pointer, found)
    }
    if fields.get("Type").is_some_and(|kind| kind == "Map") && !is_distributed(fields) {
        for name in DISTRIBUTED_FIELDS.iter().filter(|name| fields.contains_key(**name)) {
            wrong(pointer, format!("Field '{name}' is not supported in INLINE mode"), found);
        }
    }
}

fn wrong(location: &str, message: impl Into<String>, found: &mut Vec<Diagnostic>) {
    found.push(Diagnostic::error("SCHEMA_VALIDATION_FAILED", location, message));
}

fn is_distributed(fields: &Map<String, Value>) -> bool {
    let processor = fields.get("ItemProcessor").or_else(|| fields.get("Iterator"));
    processor.and_then(|processor| processor.pointer("/ProcessorConfig/Mode")).is_some_and(|mode| mode == "DISTRIBUTED")
}

/// The fields within ItemBatcher, ItemReader and ResultWriter, with their pointers.
fn nested<'v>(
    fields: &'v Map<String, Value>,
    pointer: &str,
    names: &'static [(&'static str, &'static str)],
) -> Vec<(&'v Value, String)> {
    let value = |(outer, inner): &(&str, &str)| {
        let value = fields.get(*outer)?.get(*inner)?;
        Some((value, below(&below(pointer, outer), inner)))
    };
    names.iter().filter_map(value).collect()
}

fn is_expression(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.starts_with("{%"))
}

fn types_in_jsonata(fields: &Map<String, Value>, pointer: &str, found: &mut Vec<Diagnostic>) {
    let mut expect = |value: &Value, at: &str, is_right: bool, expected: &str| {
        if !is_right && !is_expression(value) {
            wrong(at, format!("Expected value of type {expected} or a JSONata expression"), found);
        }
    };
    let own = fields.get("Arguments").map(|value| (value, below(pointer, "Arguments")));
    let within = nested(fields, pointer, &[("ItemReader", "Arguments"), ("ResultWriter", "Arguments")]);
    for (value, at) in own.into_iter().chain(within) {
        expect(value, &at, value.is_object(), "Object");
    }
    if let Some(items) = fields.get("Items") {
        let is_object = items.is_object() && is_distributed(fields);
        expect(items, &below(pointer, "Items"), items.is_array() || is_object, "Array");
    }
    for name in ["Error", "Cause"] {
        if let Some(value) = fields.get(name) {
            expect(value, &below(pointer, name), value.is_string(), "String");
        }
    }
    for (index, rule) in fields.get("Choices").and_then(Value::as_array).into_iter().flatten().enumerate() {
        if let Some(condition) = rule.get("Condition") {
            let at = below(&item(&below(pointer, "Choices"), index), "Condition");
            expect(condition, &at, condition.is_boolean(), "Boolean");
        }
    }
}

fn types_in_json_path(fields: &Map<String, Value>, pointer: &str, found: &mut Vec<Diagnostic>) {
    let own = ["Parameters", "ResultSelector", "ItemSelector"].into_iter();
    let own = own.filter_map(|name| Some((fields.get(name)?, below(pointer, name))));
    let within = &[("ItemBatcher", "BatchInput"), ("ItemReader", "Parameters"), ("ResultWriter", "Parameters")];
    for (value, at) in own.chain(nested(fields, pointer, within)) {
        if !value.is_object() {
            wrong(&at, "Expected value of type Object", found);
        }
    }
    for name in ["ErrorPath", "CausePath"] {
        if let Some(source) = fields.get(name).and_then(Value::as_str)
            && let Ok(query) = Query::parse(source)
            && let Err(message) = fail_path(&query)
        {
            wrong(&below(pointer, name), message, found);
        }
    }
}

fn fail_path(query: &Query) -> Result<(), String> {
    match query {
        Query::Path(path) if path.is_reference() => Ok(()),
        Query::Path(path) => Err(format!("Value is not a Reference Path: {}", path.source())),
        Query::Intrinsic(call) if !FAIL_FUNCTIONS.contains(&call.function()) => {
            Err(format!("The intrinsic function must be one of [{}]", FAIL_FUNCTIONS.join(", ")))
        }
        Query::Intrinsic(call) => match call.wrong_count() {
            Some(function) => Err(format!("{function} does not take this number of arguments")),
            None => Ok(()),
        },
    }
}

/// Reports calls in a payload template whose function does not take this number of arguments, in AWS's words for a call that is not
/// valid.
pub(super) fn calls(template: &Value, pointer: &str, found: &mut Vec<Diagnostic>) {
    match template {
        Value::Object(fields) => {
            for (name, value) in fields {
                let source = value.as_str().filter(|source| name.ends_with(".$") && !source.starts_with('$'));
                if source
                    .and_then(|source| Intrinsic::parse(source).ok())
                    .is_some_and(|call| call.wrong_count().is_some())
                {
                    let message = format!(
                        "The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call"
                    );
                    wrong(pointer, message, found);
                }
                calls(value, &below(pointer, name), found);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| calls(value, &item(pointer, index), found));
        }
        _ => {}
    }
}
