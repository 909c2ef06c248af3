//! The manual of a step in addition to its schemas: what a repeated call does, how long it takes, and an example.

use engine::{
    asl::{STATE_NAME_CHARACTERS_MAX, each_state},
    step::StepDescription,
};
use serde_json::{Map, Value, json};

use crate::runbook::scalar;

/// The number of `$ref`s of a schema that are followed.
const REFERENCES_MAX: usize = 4;

/// The effect of a repeated call of a step: after a crash, a lost answer, a Retry, or in another visit of its state.
const REPEATED: &[(&str, &str)] = &[
    ("approval:request", "Asks once for each visit: a repeated call shows the same question."),
    (
        "process:run",
        "Starts the program again at each attempt. It gets FLOW_IDEMPOTENCY_TOKEN, the same for every attempt of a visit.",
    ),
    (
        "ssh:run",
        "Never starts the program again by itself: where its end is not known the step fails and says so. A Retry rule or flow \
                 resume starts it again.",
    ),
    ("file:write", "Writes the same content again."),
    ("preflight:", "Changes nothing."),
    ("teardown:", "Changes nothing."),
    ("ssh:generateKey", "Keeps a key file that exists."),
    ("aws:lambda:", "Calls the function again: as on AWS, it must bear that."),
    ("aws:http:", "Sends the request again: as on AWS, the server must bear that."),
    ("aws:states:", "Finds the execution that was started under the same name."),
    ("aws:s3:getObject", "Changes nothing."),
    ("aws:s3:listObjectsV2", "Changes nothing."),
    ("aws:s3:putObject", "Writes the same object again."),
    (
        "aws:aws-sdk:s3:putObject",
        "Writes the same object again; a bucket with versions has another version of it then.",
    ),
];

/// The prefixes of the names of steps that change nothing.
const READING: &[&str] = &["wait", "find", "describe", "choose", "check", "read", "get", "use", "list", "head"];
/// The prefixes of the names of steps that remove something.
const REMOVING: &[&str] =
    &["delete", "terminate", "revoke", "detach", "disassociate", "deregister", "disable", "scaleServiceToZero"];

/// The steps outside AWS services that usually take longer than one call.
const TAKES: &[(&str, &str)] = &[
    ("approval:request", "until a person answers, at most TimeoutSeconds (a year without it)"),
    ("process:run", "as long as the program, at most TimeoutSeconds (an hour without it)"),
    ("ssh:run", "as long as the program, at most TimeoutSeconds (an hour without it)"),
    ("wait:", "until it is as wanted, at most TimeoutSeconds (24 hours without it)"),
    ("aws:lambda:", "as long as the function, at most 15 min"),
    ("aws:states:startExecution.sync", "as long as the other execution"),
];

/// The effect of a repeated call of a step.
pub fn repeated(name: &str) -> &'static str {
    if let Some((_, text)) = REPEATED.iter().find(|(prefix, _)| name.starts_with(prefix)) {
        return text;
    }
    let action = name.rsplit(':').next().unwrap_or(name);
    let begins = |words: &[&str]| words.iter().any(|word| action.starts_with(word));
    match name {
        _ if begins(READING) || name.starts_with("wait:") => "Changes nothing.",
        _ if begins(REMOVING) => "What is gone already counts as removed.",
        _ => {
            "Adopts what an earlier call of the same deployment created (found by its token, tags or name); creates it only \
             if none exists."
        }
    }
}

/// The usual time of a step.
pub fn takes(name: &str) -> &'static str {
    let local = || TAKES.iter().find(|(prefix, _)| name.starts_with(prefix)).map(|(_, text)| *text);
    steps::plan::usual_wait(name).or_else(local).unwrap_or("about a second: one call or a few")
}

/// The `Resource` that names a step.
pub fn resource(name: &str) -> String {
    match name.strip_prefix("aws:") {
        Some(integration) => format!("arn:aws:states:::{integration}"),
        None => format!("flow:{name}"),
    }
}

/// The examples of steps whose required arguments alone do not show how they are used.
fn written(name: &str) -> Option<(String, Value)> {
    let (name, state) = match name {
        "approval:request" => (
            "Ask before the deployment",
            json!({
                "Type": "Task",
                "Resource": resource(name),
                "Arguments": {
                    "Prompt": "Deploy to production?",
                    "Choices": ["now", "tonight"],
                    "Fields": {
                        "type": "object",
                        "required": ["ticket"],
                        "properties": { "ticket": { "type": "string", "description": "The ticket of the change" } },
                    },
                },
                "TimeoutSeconds": 86_400,
                "End": true,
            }),
        ),
        "process:run" => (
            "Make the release",
            json!({
                "Type": "Task",
                "Resource": resource(name),
                "Arguments": {
                    "Program": "/usr/bin/make",
                    "Arguments": ["release"],
                    "Folder": "/srv/app",
                    "Environment": { "LEVEL": "production" },
                },
                "TimeoutSeconds": 3600,
                "End": true,
            }),
        ),
        "aws:http:invoke" => (
            "Create an order",
            json!({
                "Type": "Task",
                "Resource": resource(name),
                "Arguments": {
                    "Method": "POST",
                    "ApiEndpoint": "https://api.example.com/orders",
                    "Authentication": { "ConnectionArn": "orders" },
                    "RequestBody": { "item": "{% $states.input.item %}" },
                },
                "TimeoutSeconds": 30,
                "End": true,
            }),
        ),
        _ => return None,
    };
    Some((name.to_owned(), state))
}

/// A state that uses the step: written for it, from a shipped workflow, or else generated from the schema.
pub fn example(step: &StepDescription) -> (String, Value) {
    if let Some(written) = written(&step.name) {
        return written;
    }
    let resource = resource(&step.name);
    let mut shipped = None;
    for workflow in workflows::catalogue() {
        let Ok(definition) = workflow.definition() else { continue };
        each_state(&definition, &mut |state| {
            if shipped.is_none() && state.json["Resource"] == resource.as_str() {
                shipped = Some((state.name.to_owned(), state.json.get("Arguments").cloned()));
            }
        });
    }
    let (name, arguments) = shipped.unwrap_or_else(|| {
        let summary = step.summary.split([',', ':', '.']).next().unwrap_or_default();
        let is_name = (1..=STATE_NAME_CHARACTERS_MAX).contains(&summary.chars().count());
        let name = if is_name { summary.to_owned() } else { step.name.replace(':', " ") };
        (name, Some(sample(&step.input_schema, &step.input_schema, true)))
    });
    let mut state = json!({ "Type": "Task", "Resource": resource });
    if let Some(arguments) = arguments {
        state["Arguments"] = arguments;
    }
    state["End"] = json!(true);
    (name, state)
}

/// A value that fits a schema: the required fields, with words that describe them.
fn sample(schema: &Value, root: &Value, is_top: bool) -> Value {
    let schema = resolved(schema, root);
    if let Some(first) = schema["enum"].get(0).or_else(|| schema.get("const")).or_else(|| schema.get("default")) {
        return first.clone();
    }
    if let Some(choice) = schema["anyOf"].get(0).or_else(|| schema["oneOf"].get(0)) {
        return sample(choice, root, is_top);
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"].get(0)?.as_str()).unwrap_or("object");
    match kind {
        "string" => json!(named_example(schema).unwrap_or("…")),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| json!(1)),
        "boolean" => json!(true),
        "array" => json!([sample(&schema["items"], root, false)]),
        _ => {
            let required =
                |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
            let fields = schema["properties"].as_object().into_iter().flatten();
            let fields = fields.filter(|(name, _)| required(name) || !is_top && schema["required"].is_null());
            fields.map(|(name, field)| (name.clone(), sample(field, root, false))).collect::<Map<_, _>>().into()
        }
    }
}

/// The example in a field's description: what follows "Such as" in backquotes.
fn named_example(schema: &Value) -> Option<&str> {
    let (_, rest) = schema["description"].as_str()?.split_once("Such as `")?;
    rest.split_once('`').map(|(example, _)| example)
}

fn resolved<'s>(mut schema: &'s Value, root: &'s Value) -> &'s Value {
    for _ in 0..REFERENCES_MAX {
        let Some(pointer) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) else { break };
        schema = root.pointer(pointer).unwrap_or(&Value::Null);
    }
    schema
}

/// The fields of a schema: name, type, whether it is required, description.
pub fn fields(schema: &Value) -> Vec<[String; 4]> {
    let top = resolved(schema, schema);
    let required = |name: &str| top["required"].as_array().is_some_and(|names| names.iter().any(|one| one == name));
    let line = |(name, field): (&String, &Value)| {
        let described = field["description"].as_str().or_else(|| resolved(field, schema)["description"].as_str());
        let described = described.unwrap_or_default().lines().collect::<Vec<_>>().join(" ");
        let is_required = if required(name) { "required" } else { "" };
        // Of an optional field null is the same as its absence.
        let or_null = if required(name) && accepts_null(field, schema) { "|null" } else { "" };
        [name.clone(), format!("{}{or_null}", kind(field, schema)), is_required.to_owned(), described]
    };
    top["properties"].as_object().into_iter().flatten().map(line).collect()
}

fn accepts_null(field: &Value, root: &Value) -> bool {
    let field = resolved(field, root);
    let mut choices = ["anyOf", "oneOf"].into_iter().filter_map(|name| field[name].as_array()).flatten();
    let is_null = |kind: &Value| kind == "null";
    is_null(&field["type"])
        || field["type"].as_array().is_some_and(|kinds| kinds.iter().any(is_null))
        || choices.any(|choice| is_null(&choice["type"]))
}

fn kind(field: &Value, root: &Value) -> String {
    let field = resolved(field, root);
    if let Some(values) = field["enum"].as_array() {
        return values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("|");
    }
    if let Some(choices) = field["anyOf"].as_array().or_else(|| field["oneOf"].as_array()) {
        let kinds: Vec<String> = choices.iter().map(|one| kind(one, root)).filter(|kind| kind != "null").collect();
        return kinds.join("|");
    }
    match &field["type"] {
        Value::String(kind) if kind == "array" => format!("{}[]", kind_of_items(field, root)),
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect::<Vec<_>>().join("|")
        }
        _ => "any".to_owned(),
    }
}

fn kind_of_items(field: &Value, root: &Value) -> String {
    kind(&field["items"], root)
}

/// Formats a value as YAML.
pub fn yaml(value: &Value, indent: usize) -> Vec<String> {
    let pad = " ".repeat(indent);
    let nested = |head: String, value: &Value| match value {
        Value::Object(fields) if !fields.is_empty() => [vec![format!("{pad}{head}")], yaml(value, indent + 2)].concat(),
        Value::Array(items) if !items.is_empty() => [vec![format!("{pad}{head}")], yaml(value, indent + 2)].concat(),
        Value::String(text) => vec![format!("{pad}{head} {}", scalar(text))],
        other => vec![format!("{pad}{head} {other}")],
    };
    match value {
        Value::Object(fields) => {
            fields.iter().flat_map(|(name, value)| nested(format!("{}:", scalar(name)), value)).collect()
        }
        Value::Array(items) => items.iter().flat_map(|item| nested("-".to_owned(), item)).collect(),
        other => vec![format!("{pad}{other}")],
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{checks, environments};

    /// Every step has a manual, and an example that can run.
    #[test]
    fn every_step_has_a_manual_and_an_example_that_can_run() {
        let steps = environments::described().unwrap();
        for step in steps.descriptions() {
            assert!(!repeated(&step.name).is_empty() && !takes(&step.name).is_empty());
            let reads = ["Describe", "List", "Get", "CreateTags"];
            if repeated(&step.name) == "Changes nothing." {
                let changing: Vec<_> = step
                    .actions
                    .iter()
                    .filter(|action| {
                        !reads.iter().any(|read| action.split(':').nth(1).is_some_and(|name| name.starts_with(read)))
                    })
                    .collect();
                assert!(changing.is_empty(), "{} changes something: {changing:?}", step.name);
            }
            let (name, state) = example(&step);
            let text = yaml(&json!({ "StartAt": name, "States": { name: state } }), 0).join("\n");
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("e.asl.yaml");
            std::fs::write(&file, format!("QueryLanguage: JSONata\n{text}\n")).unwrap();
            let definition = workflows::load_definition(&file).unwrap_or_else(|error| unreachable!("{error}\n{text}"));
            let found = checks::problems(&definition, steps);
            let errors: Vec<_> = found.iter().filter(|found| found.severity == engine::asl::Severity::Error).collect();
            assert!(errors.is_empty(), "{}: {errors:?}\n{text}", step.name);
        }
        // The API adds its own integrations, which are not steps of this registry.
        let of_steps = |(prefix, _): &&(&str, &str)| !prefix.starts_with("aws:states:");
        for (prefix, _) in REPEATED.iter().chain(TAKES).filter(of_steps) {
            let meant = |step: &StepDescription| step.name.starts_with(prefix);
            assert!(steps.descriptions().any(|step| meant(&step)), "no step is named {prefix}");
        }
    }

    #[test]
    fn fields_say_their_type_and_whether_they_are_required() {
        let schema = json!({ "type": "object", "required": ["a", "e", "f"], "$defs": { "D": { "enum": ["x", "y"] } },
            "properties": { "e": { "type": ["string", "null"] }, "f": { "anyOf": [{ "$ref": "#/$defs/D" }, { "type": "null" }] },
            "a": { "type": "string", "description": "One\nline." }, "b": { "type": ["integer", "null"] },
            "c": { "type": "array", "items": { "$ref": "#/$defs/D" } }, "d": { "anyOf": [{ "$ref": "#/$defs/D" }, { "type": "null" }] } } });
        let lines: Vec<String> = fields(&schema).iter().map(|field| field.join(",")).collect();
        let required = ["e,string|null,required,", "f,x|y|null,required,", "a,string,required,One line."];
        assert_eq!(lines, [&required[..], &["b,integer,,", "c,x|y[],,", "d,x|y,,"]].concat());
    }
}
