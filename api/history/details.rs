//! Converts each event's type and details (API Reference, HistoryEvent).

use engine::{
    journal::{ErrorAndCause, EvaluationFailedEventDetails, HistoryEventDetails as Details},
    step::Resource,
};
use serde_json::{Map, Value, json};

use crate::records::StartedExecution;

/// The fields that hold execution data.
const DATA: &[&str] = &[
    "input",
    "inputDetails",
    "output",
    "outputDetails",
    "parameters",
    "assignedVariables",
    "assignedVariablesDetails",
];

/// Removes execution data from an event (`includeExecutionData: false`).
pub(super) fn without_data(event: &mut Value) {
    let Value::Object(event) = event else { return };
    for details in event.values_mut().filter_map(Value::as_object_mut) {
        details.retain(|name, _| !DATA.contains(&name.as_str()));
    }
}

/// Writes an event's type and details into it.
pub(super) fn event_fields(details: &Details, started: &StartedExecution, event: &mut Value) {
    let (kind, field, details) = match details {
        Details::ExecutionStarted { .. } => execution_started(started),
        Details::ExecutionSucceeded { output } => plain("ExecutionSucceeded", data("output", output)),
        Details::ExecutionFailed(failure) => plain("ExecutionFailed", failed(failure)),
        Details::ExecutionTimedOut(failure) => plain("ExecutionTimedOut", failed(failure)),
        Details::ExecutionAborted(failure) => plain("ExecutionAborted", failed(failure)),
        Details::ExecutionRedriven { redrive_count } => {
            plain("ExecutionRedriven", fields([("redriveCount", json!(redrive_count))]))
        }
        Details::EvaluationFailed(failed) => evaluation_failed(failed),
        Details::StateEntered { state_type, name, input } => {
            let body = with_name(name, data("input", input));
            (format!("{}StateEntered", state_type.name()), "stateEntered".to_owned(), body)
        }
        Details::StateExited { state_type, name, output, assigned_variables } => {
            let body = with_assigned(with_name(name, data("output", output)), assigned_variables.as_deref());
            (format!("{}StateExited", state_type.name()), "stateExited".to_owned(), body)
        }
        // No `_`: a new kind of event is a compile error.
        Details::ParallelStateStarted { .. }
        | Details::ParallelStateSucceeded { .. }
        | Details::ParallelStateFailed { .. }
        | Details::StateAborted { .. }
        | Details::MapRunStarted { .. }
        | Details::MapRunRedriven { .. }
        | Details::MapRunSucceeded
        | Details::MapRunFailed(_)
        | Details::MapRunAborted
        | Details::MapStateStarted { .. }
        | Details::MapStateSucceeded { .. }
        | Details::MapStateFailed { .. }
        | Details::MapIterationStarted { .. }
        | Details::MapIterationSucceeded { .. }
        | Details::MapIterationFailed { .. }
        | Details::MapIterationAborted { .. } => composite(details, started),
        Details::TaskScheduled { .. }
        | Details::TaskStarted { .. }
        | Details::TaskSucceeded { .. }
        | Details::TaskStartFailed { .. }
        | Details::TaskScheduleFailed { .. }
        | Details::TaskFailed { .. }
        | Details::TaskTimedOut { .. }
        | Details::TaskSubmitted { .. } => task(details, started),
        Details::Unknown => unknown(),
    };
    event["type"] = kind.into();
    // Some events have no details field at all; others have one even if it is empty.
    if !field.is_empty() {
        event[format!("{field}EventDetails")] = Value::Object(details);
    }
}

/// An event's type, the prefix of its details field (empty if it has none), and its details.
type EventBody = (String, String, Map<String, Value>);

fn evaluation_failed(failed: &EvaluationFailedEventDetails) -> EventBody {
    let EvaluationFailedEventDetails { state, location, error, cause } = failed;
    let mut body = fields([("state", json!(state)), ("error", json!(error)), ("cause", json!(cause))]);
    if !location.is_empty() {
        body.insert("location".to_owned(), json!(location));
    }
    plain("EvaluationFailed", body)
}

/// Adds the variables that a state assigned.
fn with_assigned(mut body: Map<String, Value>, variables: Option<&Map<String, Value>>) -> Map<String, Value> {
    if let Some(variables) = variables {
        let texts: Map<String, Value> =
            variables.iter().map(|(name, value)| (name.clone(), value.to_string().into())).collect();
        body.insert("assignedVariables".to_owned(), Value::Object(texts));
        body.insert("assignedVariablesDetails".to_owned(), json!({ "truncated": false }));
    }
    body
}

/// An event of a later version.
fn unknown() -> EventBody {
    ("Unknown".to_owned(), String::new(), Map::new())
}

/// An event whose details field is named after its type.
fn plain(kind: &str, details: Map<String, Value>) -> EventBody {
    (kind.to_owned(), lower(kind), details)
}

fn lower(kind: &str) -> String {
    let mut letters = kind.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Data is JSON text with a flag that says whether it was truncated. Flow never truncates it.
fn data(name: &str, value: &Value) -> Map<String, Value> {
    fields([(name, value.to_string().into()), (&format!("{name}Details"), json!({ "truncated": false }))])
}

fn with_name(name: &str, mut details: Map<String, Value>) -> Map<String, Value> {
    details.insert("name".to_owned(), name.into());
    details
}

/// Error and cause. AWS omits a field that the definition does not set.
fn failed(failure: &ErrorAndCause) -> Map<String, Value> {
    let both = [("error", &failure.error), ("cause", &failure.cause)];
    let body = both.into_iter().filter(|(_, text)| !text.is_empty());
    body.map(|(name, text)| (name.to_owned(), json!(text))).collect()
}

fn execution_started(started: &StartedExecution) -> EventBody {
    let mut body = fields([
        ("input", started.input.clone().into()),
        ("inputDetails", json!({ "truncated": false })),
        ("roleArn", started.role_arn.clone().into()),
    ]);
    body.retain(|_, value| !value.is_null());
    plain("ExecutionStarted", body)
}

fn composite(details: &Details, started: &StartedExecution) -> EventBody {
    let iteration = |kind: &str, name: &str, index: u64| {
        (kind.to_owned(), lower(kind), fields([("name", json!(name)), ("index", json!(index))]))
    };
    let bare = |kind: &str| (kind.to_owned(), String::new(), Map::new());
    match details {
        Details::ParallelStateStarted { .. } => bare("ParallelStateStarted"),
        Details::ParallelStateSucceeded { .. } => bare("ParallelStateSucceeded"),
        Details::ParallelStateFailed { .. } => bare("ParallelStateFailed"),
        Details::StateAborted { state_type, .. } => bare(&format!("{}StateAborted", state_type.name())),
        Details::MapRunStarted { map_run } => {
            let arn = started.arn_beside(map_run);
            plain("MapRunStarted", fields([("mapRunArn", json!(arn))]))
        }
        Details::MapRunRedriven { map_run, redrive_count } => {
            let arn = started.arn_beside(map_run);
            plain("MapRunRedriven", fields([("mapRunArn", json!(arn)), ("redriveCount", json!(redrive_count))]))
        }
        Details::MapRunSucceeded => bare("MapRunSucceeded"),
        Details::MapRunFailed(failure) => plain("MapRunFailed", failed(failure)),
        Details::MapRunAborted => bare("MapRunAborted"),
        Details::MapStateStarted { length, .. } => plain("MapStateStarted", fields([("length", json!(length))])),
        Details::MapStateSucceeded { .. } => bare("MapStateSucceeded"),
        Details::MapStateFailed { .. } => bare("MapStateFailed"),
        Details::MapIterationStarted { name, index } => iteration("MapIterationStarted", name, *index),
        Details::MapIterationSucceeded { name, index } => iteration("MapIterationSucceeded", name, *index),
        Details::MapIterationFailed { name, index, .. } => iteration("MapIterationFailed", name, *index),
        Details::MapIterationAborted { name, index } => iteration("MapIterationAborted", name, *index),
        // `event_fields` decides which kinds come here.
        _ => unknown(),
    }
}

/// The prefix of a Task's events, and the fields that name its resource.
fn called(resource: &str) -> (&'static str, Map<String, Value>) {
    match Resource::parse(resource) {
        Resource::LambdaFunction { .. } => ("LambdaFunction", Map::new()),
        Resource::Activity => ("Activity", Map::new()),
        Resource::Integration { service, action_with_pattern, .. } => {
            ("Task", fields([("resourceType", json!(service)), ("resource", json!(action_with_pattern))]))
        }
        Resource::Step { service, action } => {
            ("Task", fields([("resourceType", format!("flow:{service}").into()), ("resource", json!(action))]))
        }
        Resource::Unknown => ("Task", fields([("resourceType", json!("")), ("resource", json!(resource))])),
    }
}

fn task(details: &Details, started: &StartedExecution) -> EventBody {
    let (suffix, resource, more) = match details {
        Details::TaskScheduled { resource, parameters, timeout_seconds, heartbeat_seconds, role_arn, .. } => {
            let limits = [("timeoutInSeconds", *timeout_seconds), ("heartbeatInSeconds", *heartbeat_seconds)];
            let (kind, field, mut body) = task_scheduled(resource, parameters, limits, started.region());
            if let Some(role_arn) = role_arn {
                body.insert("taskCredentials".to_owned(), json!({ "roleArn": role_arn }));
            }
            return (kind, field, body);
        }
        Details::TaskStarted { resource, worker, .. } => {
            let body = worker.iter().map(|worker| ("workerName".to_owned(), json!(worker))).collect();
            ("Started", resource, body)
        }
        Details::TaskSucceeded { resource, output, .. } => ("Succeeded", resource, data("output", output)),
        Details::TaskStartFailed { resource, failure, .. } => ("StartFailed", resource, failed(failure)),
        Details::TaskScheduleFailed { resource, failure, .. } => ("ScheduleFailed", resource, failed(failure)),
        Details::TaskFailed { resource, failure, .. } => ("Failed", resource, failed(failure)),
        Details::TaskTimedOut { resource, failure, .. } => ("TimedOut", resource, failed(failure)),
        Details::TaskSubmitted { resource, output, .. } => ("Submitted", resource, data("output", output)),
        // `event_fields` decides which kinds come here.
        _ => return unknown(),
    };
    let (prefix, mut body) = called(resource);
    body.extend(more);
    let kind = format!("{prefix}{suffix}");
    let field = lower(&kind);
    (kind, field, body)
}

fn task_scheduled(resource: &str, parameters: &Value, limits: [(&str, Option<u64>); 2], region: &str) -> EventBody {
    let (prefix, mut body) = called(resource);
    if prefix == "Task" {
        body.insert("region".to_owned(), region.into());
        body.insert("parameters".to_owned(), parameters.to_string().into());
    } else {
        body.insert("resource".to_owned(), resource.into());
        body.extend(data("input", parameters));
    }
    body.extend(limits.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))));
    let kind = format!("{prefix}Scheduled");
    let field = lower(&kind);
    (kind, field, body)
}
