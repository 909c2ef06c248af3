//! Formal rules of a definition that could run without them. They are checked when a definition is created, not for one that an
//! execution has pinned. Source: Amazon States Language specification; Developer Guide, "Map workflow state".

use serde_json::{Map, Value};

use super::{Diagnostic, below, graph::unknown_resource, item, types};
use crate::{
    asl::{InnerKind, RawMachine, each_machine},
    step::{Pattern, Resource},
};

/// Checks a definition.
pub(super) fn check(definition: &Value, found: &mut Vec<Diagnostic>) {
    if let Some(version) = definition.get("Version")
        && version != "1.0"
    {
        found.push(wrong("/Version", format!("Version must be \"1.0\", not {version}")));
    }
    if definition.get("QueryLanguage").is_some_and(|language| !language.is_string()) {
        found.push(wrong("/QueryLanguage", "QueryLanguage must be a string."));
    }
    each_machine(definition, &mut |machine| {
        inner(machine, found);
        for raw in machine.states() {
            if let Some(fields) = raw.json.as_object() {
                state(fields, &raw.pointer, raw.is_jsonata(), found);
            }
        }
    });
}

fn wrong(location: &str, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error("SCHEMA_VALIDATION_FAILED", location, message)
}

/// Checks the fields of a branch or a processor, which may not have a QueryLanguage.
fn inner(machine: &RawMachine<'_>, found: &mut Vec<Diagnostic>) {
    let Some(kind) = machine.kind else { return };
    if matches!(kind, InnerKind::Processor { .. }) {
        config(machine.json, &machine.pointer, found);
    }
    if machine.json.get("QueryLanguage").is_some() {
        found.push(Diagnostic::unknown_field(&machine.pointer, "QueryLanguage"));
    }
}

fn config(processor: &Value, pointer: &str, found: &mut Vec<Diagnostic>) {
    let Some(config) = processor.get("ProcessorConfig") else { return };
    let at = below(pointer, "ProcessorConfig");
    let Some(config) = config.as_object() else { return found.push(wrong(&at, "This must be an object.")) };
    one_of(config, "Mode", &["INLINE", "DISTRIBUTED"], &at, found);
    one_of(config, "ExecutionType", &["STANDARD", "EXPRESS"], &at, found);
    let distributed = config.get("Mode").is_some_and(|mode| mode == "DISTRIBUTED");
    if distributed && !config.contains_key("ExecutionType") {
        found.push(Diagnostic::missing_fields(&at, vec!["ExecutionType".to_owned()]));
    }
    for field in config.keys().filter(|field| !["Mode", "ExecutionType"].contains(&field.as_str())) {
        found.push(Diagnostic::unknown_field(&at, field));
    }
}

fn one_of(fields: &Map<String, Value>, name: &str, values: &[&str], pointer: &str, found: &mut Vec<Diagnostic>) {
    if let Some(value) = fields.get(name)
        && !value.as_str().is_some_and(|value| values.contains(&value))
    {
        let message = format!("Value is not valid. Allowed values: [{}]", values.join(", "));
        found.push(wrong(&below(pointer, name), message));
    }
}

fn state(fields: &Map<String, Value>, pointer: &str, jsonata: bool, found: &mut Vec<Diagnostic>) {
    if let Some(credentials) = fields.get("Credentials") {
        let at = below(pointer, "Credentials");
        if !credentials.is_object() {
            found.push(wrong(&at, "Credentials must be an object with a RoleArn."));
        } else if credentials.get("RoleArn").is_some_and(|arn| !arn.is_string()) {
            found.push(wrong(&below(&at, "RoleArn"), "RoleArn must be a string."));
        }
    }
    for (field, actions) in [("ItemReader", READER_ACTIONS), ("ResultWriter", WRITER_ACTIONS)] {
        if let Some(value) = fields.get(field) {
            storage(value, actions, &below(pointer, field), jsonata, found);
        }
    }
    let seconds = |name: &str| fields.get(name).and_then(Value::as_u64);
    if let (Some(heartbeat), Some(timeout)) = (seconds("HeartbeatSeconds"), seconds("TimeoutSeconds"))
        && heartbeat >= timeout
    {
        found.push(wrong(&below(pointer, "HeartbeatSeconds"), "HeartbeatSeconds must be smaller than TimeoutSeconds"));
    }
    if let Some(label) = fields.get("Label").and_then(Value::as_str)
        && label.chars().any(is_refused_in_label)
    {
        let message = "Label must not contain white space, control characters or any of ? * < > { } [ ] : ; , \\ | ^ ~ $ # % & ` \" /";
        found.push(wrong(&below(pointer, "Label"), message));
    }
    types::check(fields, pointer, jsonata, found);
    if jsonata {
        let values = fields.iter().filter(|(name, _)| *name != "Comment");
        return values.for_each(|(name, value)| expressions(value, &below(pointer, name), found));
    }
    payload_templates(fields, pointer, &mut |template, pointer| {
        twins(template, pointer, found);
        types::calls(template, pointer, found);
    });
}

/// Visits every payload template of a JSONPath state. Source: Developer Guide, the field tables of each state.
fn payload_templates(fields: &Map<String, Value>, pointer: &str, visit: &mut impl FnMut(&Value, &str)) {
    for name in ["Parameters", "ResultSelector", "ItemSelector", "Assign", "Credentials"] {
        if let Some(template) = fields.get(name) {
            visit(template, &below(pointer, name));
        }
    }
    for (name, inner) in [("ItemBatcher", "BatchInput"), ("ItemReader", "Parameters"), ("ResultWriter", "Parameters")] {
        if let Some(template) = fields.get(name).and_then(|outer| outer.get(inner)) {
            visit(template, &below(&below(pointer, name), inner));
        }
    }
    for name in ["Choices", "Catch"] {
        let rules = fields.get(name).and_then(Value::as_array).into_iter().flatten();
        for (index, rule) in rules.enumerate() {
            if let Some(template) = rule.get("Assign") {
                visit(template, &below(&item(&below(pointer, name), index), "Assign"));
            }
        }
    }
}

/// The S3 actions of an ItemReader. Source: Developer Guide, "ItemReader (Map)".
const READER_ACTIONS: &[&str] = &["getObject", "listObjectsV2"];
/// The S3 actions of a ResultWriter. Source: Developer Guide, "ResultWriter (Map)".
const WRITER_ACTIONS: &[&str] = &["putObject"];

/// Checks that a reader or a writer names one of these S3 actions or a step, and has arguments.
fn storage(value: &Value, actions: &[&str], pointer: &str, jsonata: bool, found: &mut Vec<Diagnostic>) {
    let Some(resource) = value.get("Resource").and_then(Value::as_str) else { return };
    if resource.starts_with("flow:") {
        return;
    }
    let is_known = match Resource::parse(resource) {
        Resource::Integration { service: "s3", action, pattern: Pattern::RequestResponse, .. } => {
            actions.contains(&action)
        }
        _ => false,
    };
    if !is_known {
        found.push(unknown_resource(resource, &below(pointer, "Resource")));
    }
    let arguments = if jsonata { "Arguments" } else { "Parameters" };
    if value.get(arguments).is_none() {
        found.push(Diagnostic::missing_fields(pointer, vec![arguments.to_owned()]));
    }
}

/// Whether a label may not contain a character. Source: Developer Guide, "Using Map state in Distributed mode", `Label`.
fn is_refused_in_label(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "?*<>{}[]:;,\\|^~$#%&`\"/".contains(c)
}

/// Reports strings that begin an expression and do not end it.
fn expressions(value: &Value, pointer: &str, found: &mut Vec<Diagnostic>) {
    match value {
        Value::String(text) if text.starts_with("{%") && !text.ends_with("%}") => {
            let message = match text.trim_end().ends_with("%}") {
                true => {
                    "The expression does not end with '%}' but with white space; a block of YAML without a last line break is |- or >-."
                }
                false => "The expression does not end with '%}'",
            };
            found.push(Diagnostic::error("INVALID_JSONATA_EXPRESSION", pointer, message));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| expressions(value, &item(pointer, index), found));
        }
        // Nested states are checked as states.
        Value::Object(fields) if !fields.contains_key("States") => {
            fields.iter().for_each(|(name, value)| expressions(value, &below(pointer, name), found));
        }
        _ => {}
    }
}

/// Reports an object with both `x` and `x.$`, which would set the same field.
fn twins(template: &Value, pointer: &str, found: &mut Vec<Diagnostic>) {
    match template {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name.strip_suffix(".$").is_some_and(|plain| fields.contains_key(plain)) {
                    found.push(wrong(pointer, format!("The field '{name}' also exists without '.$'")));
                }
                twins(value, &below(pointer, name), found);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| twins(value, &item(pointer, index), found));
        }
        _ => {}
    }
}
