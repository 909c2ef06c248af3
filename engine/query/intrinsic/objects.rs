//! Functions that parse, write and merge JSON.

use serde_json::Value;

use super::{Answer, InvalidArguments};

/// Parses a string as JSON. On AWS an empty string gives null.
pub(super) fn string_to_json(values: &[Value]) -> Answer {
    let text = values.first().and_then(Value::as_str).ok_or(InvalidArguments)?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text).map_err(|_| InvalidArguments)
}

pub(super) fn json_to_string(values: &[Value]) -> Answer {
    values.first().map(|value| Value::String(value.to_string())).ok_or(InvalidArguments)
}

/// Merges two objects. Only the shallow mode exists; AWS treats a third argument that is no boolean as false.
pub(super) fn json_merge(values: &[Value]) -> Answer {
    let [Value::Object(left), Value::Object(right), deep] = values else { return Err(InvalidArguments) };
    if *deep == Value::Bool(true) {
        return Err(InvalidArguments);
    }
    let mut merged = left.clone();
    for (name, field) in right {
        merged.insert(name.clone(), field.clone());
    }
    Ok(Value::Object(merged))
}
