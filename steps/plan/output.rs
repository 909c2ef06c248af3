//! Generates the output of a step that was not called, or whose call was not made.

use serde_json::{Map, Value};

use crate::planned::{KNOWN_AFTER_APPLY, is_unknown};

/// The deepest nesting of a schema that is followed.
const DEPTH_MAX: usize = 16;
/// The fields of an input that do not name a resource.
const NO_NAMES: [&str; 2] = ["deployment", "domain"];

/// An output that a schema allows: a field with the name of an input field has its value, other texts are
/// [`KNOWN_AFTER_APPLY`], and nullable fields are null.
pub(super) fn of_schema(schema: &Value, input: &Value) -> Value {
    of(schema, schema, input, DEPTH_MAX)
}

fn of(root: &Value, schema: &Value, input: &Value, depth: usize) -> Value {
    if depth == 0 {
        return Value::Null;
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let pointed = root.pointer(reference.trim_start_matches('#'));
        return pointed.map_or(Value::Null, |schema| of(root, schema, input, depth - 1));
    }
    if let Some(choices) = schema["anyOf"].as_array().or_else(|| schema["oneOf"].as_array()) {
        let may_be_null = choices.iter().any(|choice| choice["type"] == "null");
        let first = choices.first().filter(|_| !may_be_null);
        return first.map_or(Value::Null, |choice| of(root, choice, input, depth - 1));
    }
    if let Some(first) = schema["enum"].as_array().and_then(|values| values.first()) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("string") => KNOWN_AFTER_APPLY.into(),
        Some("integer" | "number") => 0.into(),
        Some("boolean") => false.into(),
        Some("array") => Value::Array(Vec::new()),
        Some("object") => {
            let fields = schema["properties"].as_object().into_iter().flatten();
            let value = |(name, schema): (&String, &Value)| {
                let value = input.get(name).cloned().unwrap_or_else(|| of(root, schema, &Value::Null, depth - 1));
                (name.clone(), value)
            };
            Value::Object(fields.map(value).collect::<Map<_, _>>())
        }
        // A list of types, such as string and null, or no type.
        _ => Value::Null,
    }
}

/// Replaces every empty text by [`KNOWN_AFTER_APPLY`]: a call that was not made returned nothing.
pub(super) fn without_gaps(output: Value) -> Value {
    match output {
        Value::String(text) if text.is_empty() => KNOWN_AFTER_APPLY.into(),
        Value::Array(items) => items.into_iter().map(without_gaps).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, without_gaps(value))).collect(),
        other => other,
    }
}

/// Replaces the fields of an output that have a new value.
pub(super) fn replace(output: &mut Value, values: Map<String, Value>) {
    for (name, value) in values {
        if let Some(existing) = output.get_mut(&name) {
            *existing = value;
        }
    }
}

/// Whether any text in the value is [`KNOWN_AFTER_APPLY`].
pub(super) fn has_unknown(value: &Value) -> bool {
    match value {
        Value::String(text) => is_unknown(text),
        Value::Array(items) => items.iter().any(has_unknown),
        Value::Object(fields) => fields.values().any(has_unknown),
        _ => false,
    }
}

/// The top-level texts of an input, which may name resources.
pub(super) fn names(input: &Value) -> Vec<&str> {
    let fields = input.as_object().into_iter().flatten();
    fields.filter(|(name, _)| !NO_NAMES.contains(&name.as_str())).filter_map(|(_, value)| value.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_output_has_what_the_input_says_and_says_of_the_rest_that_it_is_unknown() {
        let schema = json!({
            "type": "object",
            "properties": {
                "subnetId": { "type": "string" },
                "cidr": { "type": "string" },
                "port": { "type": "integer" },
                "notAfter": { "type": ["string", "null"] },
                "record": { "$ref": "#/$defs/Record" },
                "healthy": { "type": "boolean" },
                "maybe": { "anyOf": [{ "$ref": "#/$defs/Record" }, { "type": "null" }] },
            },
            "$defs": { "Record": { "type": "object", "properties": { "kind": { "enum": ["A", "B"] } } } },
        });
        assert_eq!(
            of_schema(&schema, &json!({ "cidr": "10.0.0.0/26" })),
            json!({
                "subnetId": KNOWN_AFTER_APPLY, "cidr": "10.0.0.0/26", "port": 0, "notAfter": null,
                "record": { "kind": "A" }, "healthy": false, "maybe": null,
            })
        );
    }

    #[test]
    fn a_schema_that_names_itself_ends() {
        let schema = json!({ "type": "object", "properties": { "next": { "$ref": "#" } } });
        assert!(of_schema(&schema, &Value::Null).is_object());
    }

    #[test]
    fn an_empty_text_is_one_that_the_service_has_not_said() {
        let output = json!({ "vpcId": "", "list": ["", "a"], "n": 1 });
        let filled = without_gaps(output.clone());
        assert_eq!(filled, json!({ "vpcId": KNOWN_AFTER_APPLY, "list": [KNOWN_AFTER_APPLY, "a"], "n": 1 }));
        assert!(has_unknown(&filled) && !has_unknown(&output));
        assert_eq!(names(&json!({ "deployment": "demo", "roleName": "demo-role", "n": 1 })), ["demo-role"]);
    }
}
