//! Parses one state.

use std::sync::Arc;

use serde_json::Value;

use super::{
    super::{
        Common, Diagnostic, Paths, QueryLanguage, State, StateKind, StateMachine, Task, Template, Wait, check::item,
    },
    Scope, choices,
    fields::Fields,
    machine, map, rules, unknown_language,
};
use crate::query::{NOT_A_TIMESTAMP, parse_timestamp};

/// Parses a state of a machine in `scope`.
pub(super) fn state(
    name: &str,
    value: &Value,
    pointer: &str,
    scope: Scope,
    found: &mut Vec<Diagnostic>,
) -> Option<State> {
    let outer = scope.language;
    let mut fields = Fields::new(value, pointer, outer, found)?;
    let state_type = fields.required_text("Type")?;
    let language = language(&mut fields, outer);
    fields.language = language;
    let comment = fields.text("Comment");
    let kind = kind(&state_type, &mut fields, pointer, scope)?;
    let terminal = matches!(kind, StateKind::Succeed | StateKind::Fail { .. });
    let chooses = matches!(kind, StateKind::Choice { .. });
    let next = if terminal || chooses { None } else { next(&mut fields) };
    let calls = matches!(kind, StateKind::Task(_) | StateKind::Parallel { .. } | StateKind::Map(_));
    let (mut retry, mut catch) = (Vec::new(), Vec::new());
    if calls {
        let (items, at) = (fields.array("Retry"), fields.at("Retry"));
        retry = rules::retry(items, &at, fields.found);
        let (items, at) = (fields.array("Catch"), fields.at("Catch"));
        catch = rules::catch(items, language, &at, fields.base, fields.found);
    }
    let (mut assign, mut output, mut paths) = (None, None, Paths::default());
    if !matches!(kind, StateKind::Fail { .. }) {
        output = fields.jsonata("Output");
        paths = self::paths(&mut fields, calls, calls || matches!(kind, StateKind::Pass { .. }));
        if !terminal {
            assign = fields.assign();
        }
    }
    fields.refuse_others();
    let common = Common { comment, query_language: language, next, assign, output, paths, retry, catch };
    Some(State { name: name.into(), common, kind })
}

/// The language of the state. A JSONata definition may not have JSONPath states (Developer Guide, "Transforming data").
fn language(fields: &mut Fields<'_, '_>, outer: QueryLanguage) -> QueryLanguage {
    match fields.text("QueryLanguage").as_deref() {
        None => outer,
        Some("JSONata") => QueryLanguage::Jsonata,
        Some("JSONPath") => {
            if outer == QueryLanguage::Jsonata {
                let message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine";
                fields.wrong_here(message);
            }
            QueryLanguage::JsonPath
        }
        Some(other) => {
            let location = fields.at("QueryLanguage");
            fields.found.push(unknown_language(&location, other));
            outer
        }
    }
}

fn paths(fields: &mut Fields<'_, '_>, calls: bool, has_result: bool) -> Paths {
    let mut paths = Paths {
        input: fields.selection("InputPath", false),
        output: fields.selection("OutputPath", false),
        ..Paths::default()
    };
    if has_result {
        paths.result = fields.selection("ResultPath", true);
    }
    if calls {
        paths.result_selector = fields.json_path("ResultSelector");
    }
    paths
}

fn next(fields: &mut Fields<'_, '_>) -> Option<String> {
    let next = fields.text("Next");
    let end = fields.boolean("End").unwrap_or(false);
    match (&next, end) {
        (Some(_), true) => fields.wrong("End", "A state has Next or End, not both."),
        (None, false) => fields.missing("End, Next"),
        _ => {}
    }
    next
}

fn kind(state_type: &str, fields: &mut Fields<'_, '_>, pointer: &str, scope: Scope) -> Option<StateKind> {
    Some(match state_type {
        "Pass" => StateKind::Pass { result: pass_result(fields), parameters: fields.json_path("Parameters") },
        "Succeed" => StateKind::Succeed,
        "Fail" => StateKind::Fail {
            error: text_or_path(fields, "Error", "ErrorPath"),
            cause: text_or_path(fields, "Cause", "CausePath"),
        },
        "Task" => StateKind::Task(task(fields)?),
        "Choice" => {
            let items = fields.required_array("Choices");
            let at = fields.at("Choices");
            let rules = choices::choices(items, fields.language, &at, fields.base, fields.found);
            StateKind::Choice { rules, default: fields.text("Default") }
        }
        "Wait" => StateKind::Wait(wait(fields)?),
        "Parallel" => {
            let arguments = fields.jsonata("Arguments").or_else(|| fields.json_path("Parameters"));
            StateKind::Parallel { arguments, branches: branches(fields, scope) }
        }
        "Map" => StateKind::Map(map::map(fields, pointer, scope)?),
        other => {
            let types = "Pass, Task, Choice, Wait, Succeed, Fail, Parallel, Map";
            fields.wrong("Type", format!("Type must be one of [{types}], not '{other}'."));
            return None;
        }
    })
}

/// `Result` is literal, even if a name in it ends in `.$`.
fn pass_result(fields: &mut Fields<'_, '_>) -> Option<Value> {
    if fields.language == QueryLanguage::JsonPath { fields.get("Result").cloned() } else { None }
}

fn text_or_path(fields: &mut Fields<'_, '_>, name: &'static str, path: &'static str) -> Option<Template> {
    let text = match fields.language {
        QueryLanguage::Jsonata => fields.template(name),
        QueryLanguage::JsonPath => fields.text(name).map(|text| Template::Literal(Value::String(text))),
    };
    fields.value_or_path((name, text), path)
}

fn task(fields: &mut Fields<'_, '_>) -> Option<Task> {
    let mut task = Task {
        resource: fields.required_text("Resource")?.into(),
        arguments: fields.jsonata("Arguments").or_else(|| fields.json_path("Parameters")),
        timeout_seconds: fields.number_or_path("TimeoutSeconds", "TimeoutSecondsPath", 1..=99_999_999),
        heartbeat_seconds: fields.number_or_path("HeartbeatSeconds", "HeartbeatSecondsPath", 1..=99_999_999),
        credentials: None,
    };
    let at = fields.at("Credentials");
    task.credentials = fields.template("Credentials");
    if let Some(Template::Literal(Value::Object(credentials))) = &task.credentials
        && !credentials.contains_key("RoleArn")
    {
        let message = "The field 'RoleArn' is required but was missing";
        fields.found.push(Diagnostic::error("SCHEMA_VALIDATION_FAILED", &at, message));
    }
    Some(task)
}

fn wait(fields: &mut Fields<'_, '_>) -> Option<Wait> {
    let seconds = fields.number_or_path("Seconds", "SecondsPath", 0..=99_999_999);
    let timestamp = fields.template("Timestamp");
    if let Some(Template::Literal(value)) = &timestamp
        && value.as_str().and_then(parse_timestamp).is_none()
    {
        fields.wrong("Timestamp", NOT_A_TIMESTAMP);
    }
    let timestamp = timestamp.or_else(|| fields.query("TimestampPath"));
    match (seconds, timestamp) {
        (Some(seconds), None) => Some(Wait::Seconds(seconds)),
        (None, Some(timestamp)) => Some(Wait::Timestamp(timestamp)),
        _ => {
            fields.wrong("Seconds", "A Wait has exactly one of Seconds, SecondsPath, Timestamp and TimestampPath.");
            None
        }
    }
}

fn branches(fields: &mut Fields<'_, '_>, scope: Scope) -> Vec<Arc<StateMachine>> {
    let items = fields.required_array("Branches");
    let at = fields.at("Branches");
    let scope = scope.within();
    items
        .iter()
        .enumerate()
        .filter_map(|(index, branch)| machine(branch, &item(&at, index), scope, fields.found))
        .collect()
}
