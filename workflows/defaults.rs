//! Adds default values and converts numbers to text, as a schema requires.

use serde_json::{Map, Value};

/// Fills `value` with the schema's `default`s, at every depth.
pub(crate) fn fill(schema: &Value, value: &mut Value) {
    let (Some(properties), Value::Object(object)) = (schema["properties"].as_object(), value) else { return };
    for (name, property) in properties {
        if !object.contains_key(name) {
            let Some(default) = property.get("default") else { continue };
            object.insert(name.clone(), default.clone());
        }
        if let Some(inner) = object.get_mut(name) {
            fill(property, inner);
        }
    }
    sort_as(properties, object);
}

/// Converts whole numbers to text if only text is allowed: `version: 14` means `"14"`.
pub(crate) fn numbers_to_text(schema: &Value, value: &mut Value) {
    match value {
        Value::Number(number) if accepts_text_only(schema) && (number.is_i64() || number.is_u64()) => {
            *value = Value::String(number.to_string());
        }
        Value::Object(object) => {
            for (name, inner) in object {
                let property = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
                numbers_to_text(property, inner);
            }
        }
        _ => {}
    }
}

fn accepts_text_only(schema: &Value) -> bool {
    match &schema["type"] {
        Value::String(name) => name == "string",
        Value::Array(names) => names.iter().all(|name| name == "string" || name == "null") && !names.is_empty(),
        _ => false,
    }
}

fn sort_as(properties: &Map<String, Value>, object: &mut Map<String, Value>) {
    let mut sorted = Map::new();
    for name in properties.keys() {
        if let Some(value) = object.shift_remove(name) {
            sorted.insert(name.clone(), value);
        }
    }
    sorted.append(object);
    *object = sorted;
}
