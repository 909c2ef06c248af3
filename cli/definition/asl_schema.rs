//! A JSON Schema of the Amazon States Language for editors, with the arguments of the registered steps.
//! Source: states-language.net/spec.html and the Developer Guide's pages on each type of state.

use engine::step::Registry;
use serde_json::{Map, Value, json};

/// The schema of a definition.
pub fn schema(steps: &Registry) -> Value {
    let mut definitions = Map::new();
    definitions.insert("machine".to_owned(), machine());
    definitions.insert("state".to_owned(), state(steps));
    definitions.insert("retrier".to_owned(), retrier());
    definitions.insert("catcher".to_owned(), catcher());
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A workflow in the Amazon States Language",
        "allOf": [{ "$ref": "#/$defs/machine" }],
        "$defs": definitions,
    })
}

fn machine() -> Value {
    json!({
        "type": "object",
        "required": ["StartAt", "States"],
        "properties": {
            "Comment": { "type": "string" },
            "Anchors": { "description": "Values that the file repeats; no part of the workflow." },
            "QueryLanguage": { "enum": ["JSONPath", "JSONata"], "description": "JSONPath where nothing is said." },
            "Version": { "type": "string" },
            "StartAt": { "type": "string", "description": "The first state." },
            "TimeoutSeconds": { "type": "integer", "minimum": 1 },
            "ProcessorConfig": { "type": "object" },
            "States": { "type": "object", "additionalProperties": { "$ref": "#/$defs/state" } },
        },
        "additionalProperties": false,
    })
}

fn state(steps: &Registry) -> Value {
    let types = ["Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map"];
    let machines = json!({ "type": "array", "items": { "anyOf": [
        { "$ref": "#/$defs/machine" }, { "type": "string", "description": "A file with the branch." },
    ] } });
    let resources: Vec<Value> = steps
        .descriptions()
        .filter(|step| !step.name.starts_with("aws:"))
        .map(|step| json!({ "const": format!("flow:{}", step.name), "description": step.summary }))
        .chain([json!({ "type": "string", "pattern": "^(arn:|\\$\\{)" })])
        .collect();
    let mut properties = json!({
        "Type": { "enum": types },
        "Resource": { "anyOf": resources },
        "Next": { "type": "string" },
        "Default": { "type": "string" },
        "End": { "const": true },
        "Comment": { "type": "string" },
        "QueryLanguage": { "enum": ["JSONPath", "JSONata"] },
        "Retry": { "type": "array", "items": { "$ref": "#/$defs/retrier" } },
        "Catch": { "type": "array", "items": { "$ref": "#/$defs/catcher" } },
        "Choices": { "type": "array", "minItems": 1, "items": { "type": "object", "required": ["Next"] } },
        "Branches": machines,
        "ItemProcessor": { "$ref": "#/$defs/machine" },
        "Iterator": { "$ref": "#/$defs/machine" },
        "Assign": { "type": "object" },
        "Seconds": { "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^\\{%" }] },
    });
    if let Some(properties) = properties.as_object_mut() {
        for name in OTHER_FIELDS {
            properties.insert((*name).to_owned(), json!(true));
        }
    }
    json!({
        "type": "object",
        "required": ["Type"],
        "properties": properties,
        "additionalProperties": false,
        "allOf": arguments(steps),
    })
}

/// Fields of states whose values this schema accepts without restriction.
const OTHER_FIELDS: &[&str] = &[
    "Arguments",
    "Cause",
    "CausePath",
    "Credentials",
    "Error",
    "ErrorPath",
    "HeartbeatSeconds",
    "HeartbeatSecondsPath",
    "InputPath",
    "ItemBatcher",
    "ItemReader",
    "ItemSelector",
    "Items",
    "ItemsPath",
    "Label",
    "MaxConcurrency",
    "MaxConcurrencyPath",
    "Output",
    "OutputPath",
    "Parameters",
    "Result",
    "ResultPath",
    "ResultSelector",
    "ResultWriter",
    "SecondsPath",
    "TimeoutSeconds",
    "TimeoutSecondsPath",
    "Timestamp",
    "TimestampPath",
    "ToleratedFailureCount",
    "ToleratedFailureCountPath",
    "ToleratedFailurePercentage",
    "ToleratedFailurePercentagePath",
];

/// A rule for each step with the names of its arguments, which an editor then offers. The types of values are not
/// restricted, because a value may be an expression.
fn arguments(steps: &Registry) -> Vec<Value> {
    let rule = |step: engine::step::StepDescription| {
        let properties = step.input_schema["properties"].as_object()?;
        let described = properties.iter().map(|(name, schema)| {
            let about = schema["description"].as_str().unwrap_or_default();
            (name.clone(), json!({ "description": about }))
        });
        let names: Map<String, Value> = described.collect();
        let arguments = json!({ "type": ["object", "string"], "properties": names });
        Some(json!({
            "if": { "properties": { "Resource": { "const": format!("flow:{}", step.name) } }, "required": ["Resource"] },
            "then": { "properties": { "Arguments": arguments, "Parameters": arguments } },
        }))
    };
    steps.descriptions().filter(|step| !step.name.starts_with("aws:")).filter_map(rule).collect()
}

fn retrier() -> Value {
    json!({
        "type": "object",
        "required": ["ErrorEquals"],
        "properties": {
            "ErrorEquals": { "type": "array", "minItems": 1, "items": { "type": "string" } },
            "IntervalSeconds": { "type": "integer", "minimum": 1 },
            "MaxAttempts": { "type": "integer", "minimum": 0 },
            "BackoffRate": { "type": "number", "minimum": 1 },
            "MaxDelaySeconds": { "type": "integer", "minimum": 1 },
            "JitterStrategy": { "enum": ["FULL", "NONE"] },
            "Comment": { "type": "string" },
        },
        "additionalProperties": false,
    })
}

fn catcher() -> Value {
    json!({
        "type": "object",
        "required": ["ErrorEquals", "Next"],
        "properties": {
            "ErrorEquals": { "type": "array", "minItems": 1, "items": { "type": "string" } },
            "Next": { "type": "string" },
            "ResultPath": { "type": ["string", "null"] },
            "Assign": { "type": "object" },
            "Output": true,
            "Comment": { "type": "string" },
        },
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::environments;

    #[test]
    fn the_shipped_workflows_fit_and_a_misspelt_field_does_not() {
        let schema = schema(environments::described().unwrap());
        for workflow in workflows::catalogue() {
            let problems = workflows::schema_problems(&schema, &workflow.definition().unwrap());
            assert_eq!(problems, [], "{}", workflow.name);
        }
        let wrong = json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "Ende": true } } });
        assert!(!workflows::schema_problems(&schema, &wrong).is_empty());
        let unknown =
            json!({ "StartAt": "A", "States": { "A": { "Type": "Task", "Resource": "flow:no:step", "End": true } } });
        assert!(!workflows::schema_problems(&schema, &unknown).is_empty());
    }
}
