//! One state.

use std::sync::Arc;

use serde_json::Value;

use super::{
    super::{Common, Diagnostic, Map, QueryLanguage, State, StateKind, StateMachine, Task, Wait, check::below},
    fields::Fields,
    machine, rules,
};

/// Parses a state; `language` is the one of the level above.
pub(super) fn state(
    name: &str,
    value: &Value,
    pointer: &str,
    language: &str,
    depth: usize,
    found: &mut Vec<Diagnostic>,
) -> Option<State> {
    let mut fields = Fields::new(value, pointer, found)?;
    let state_type = fields.required_text("Type")?;
    let own = fields.text("QueryLanguage");
    let language = own.as_deref().unwrap_or(language);
    if language != "JSONata" {
        let message = format!("QueryLanguage {language} is not supported yet; set \"QueryLanguage\": \"JSONata\".");
        fields.wrong("QueryLanguage", message);
    }
    let comment = fields.text("Comment");
    let kind = kind(&state_type, &mut fields, pointer, language, depth)?;
    let terminal = matches!(kind, StateKind::Succeed | StateKind::Fail { .. });
    let chooses = matches!(kind, StateKind::Choice { .. });
    let next = if terminal || chooses { None } else { next(&mut fields) };
    let retries = matches!(kind, StateKind::Task(_) | StateKind::Parallel { .. } | StateKind::Map(_));
    let (mut retry, mut catch) = (Vec::new(), Vec::new());
    if retries {
        let items = fields.array("Retry");
        let at = fields.at("Retry");
        retry = rules::retry(items, &at, fields.found);
        let items = fields.array("Catch");
        let at = fields.at("Catch");
        catch = rules::catch(items, &at, fields.found);
    }
    let mut assign = Default::default();
    let mut output = None;
    if !matches!(kind, StateKind::Fail { .. }) {
        output = fields.template("Output");
        if !terminal {
            assign = fields.assign();
        }
    }
    fields.refuse_others();
    let common = Common { comment, query_language: QueryLanguage::Jsonata, next, assign, output, retry, catch };
    Some(State { name: name.to_owned(), common, kind })
}

fn next(fields: &mut Fields<'_, '_>) -> Option<String> {
    let next = fields.text("Next");
    let end = fields.boolean("End").unwrap_or(false);
    match (&next, end) {
        (Some(_), true) => fields.wrong("End", "A state has Next or End, not both."),
        (None, false) => fields.wrong("Next", "A state needs Next, or End: true."),
        _ => {}
    }
    next
}

fn kind(
    state_type: &str,
    fields: &mut Fields<'_, '_>,
    pointer: &str,
    language: &str,
    depth: usize,
) -> Option<StateKind> {
    Some(match state_type {
        "Pass" => StateKind::Pass,
        "Succeed" => StateKind::Succeed,
        "Fail" => StateKind::Fail { error: fields.template("Error"), cause: fields.template("Cause") },
        "Task" => StateKind::Task(Task {
            resource: fields.required_text("Resource")?,
            arguments: fields.template("Arguments"),
            timeout_seconds: fields.number_or_expression("TimeoutSeconds", 1, 99_999_999),
            heartbeat_seconds: fields.number_or_expression("HeartbeatSeconds", 1, 99_999_999),
        }),
        "Choice" => {
            let items = fields.required_array("Choices");
            let at = fields.at("Choices");
            let rules = rules::choices(items, &at, fields.found);
            StateKind::Choice { rules, default: fields.text("Default") }
        }
        "Wait" => StateKind::Wait(wait(fields)?),
        "Parallel" => {
            let arguments = fields.template("Arguments");
            StateKind::Parallel { arguments, branches: branches(fields, language, depth) }
        }
        "Map" => StateKind::Map(map(fields, pointer, language, depth)?),
        other => {
            let types = "Pass, Task, Choice, Wait, Succeed, Fail, Parallel, Map";
            fields.wrong("Type", format!("Type must be one of {types}, not '{other}'."));
            return None;
        }
    })
}

fn wait(fields: &mut Fields<'_, '_>) -> Option<Wait> {
    let seconds = fields.number_or_expression("Seconds", 0, 99_999_999);
    let timestamp = fields.template("Timestamp");
    match (seconds, timestamp) {
        (Some(seconds), None) => Some(Wait::Seconds(seconds)),
        (None, Some(timestamp)) => Some(Wait::Timestamp(timestamp)),
        _ => {
            fields.wrong("Seconds", "A Wait has exactly one of Seconds and Timestamp.");
            None
        }
    }
}

fn branches(fields: &mut Fields<'_, '_>, language: &str, depth: usize) -> Vec<Arc<StateMachine>> {
    let items = fields.required_array("Branches");
    let at = fields.at("Branches");
    items
        .iter()
        .enumerate()
        .filter_map(|(index, branch)| {
            machine(branch, &below(&at, &index.to_string()), language, depth + 1, fields.found)
        })
        .collect()
}

fn map(fields: &mut Fields<'_, '_>, pointer: &str, language: &str, depth: usize) -> Option<Map> {
    let items = fields.template("Items");
    let item_selector = fields.template("ItemSelector");
    let max_concurrency = fields.number_or_expression("MaxConcurrency", 0, 99_999_999);
    let tolerated_failure_count = fields.template("ToleratedFailureCount");
    let tolerated_failure_percentage = fields.template("ToleratedFailurePercentage");
    let Some(processor) = fields.get("ItemProcessor") else {
        fields.wrong("ItemProcessor", "A Map needs an ItemProcessor.");
        return None;
    };
    if processor.pointer("/ProcessorConfig/Mode").and_then(Value::as_str) == Some("DISTRIBUTED") {
        fields.wrong("ItemProcessor", "A distributed Map is not supported yet; use Mode INLINE.");
    }
    let processor = machine(processor, &below(pointer, "ItemProcessor"), language, depth + 1, fields.found)?;
    Some(Map {
        items,
        item_selector,
        max_concurrency,
        tolerated_failure_count,
        tolerated_failure_percentage,
        processor,
    })
}
