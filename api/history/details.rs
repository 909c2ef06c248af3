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
    let (kind, field, details) = event_body(details, started);
    event["type"] = kind.into();
    // Some events have no details field at all; others have one even if it is empty.
    if !field.is_empty() {
        event[format!("{field}EventDetails")] = Value::Object(details);
    }
}

/// An event of each kind. The only match on the kind, without `_`: a new kind is a compile error.
fn event_body(details: &Details, started: &StartedExecution) -> EventBody {
    match details {
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
        Details::StateAborted { state_type, .. } => without_details(&format!("{}StateAborted", state_type.name())),
        Details::ParallelStateStarted { .. } => without_details("ParallelStateStarted"),
        Details::ParallelStateSucceeded { .. } => without_details("ParallelStateSucceeded"),
        Details::ParallelStateFailed { .. } => without_details("ParallelStateFailed"),
        Details::MapRunStarted { map_run } => plain("MapRunStarted", map_run_arn(map_run, started)),
        Details::MapRunRedriven { map_run, redrive_count } => {
            let mut body = map_run_arn(map_run, started);
            body.insert("redriveCount".to_owned(), json!(redrive_count));
            plain("MapRunRedriven", body)
        }
        Details::MapRunSucceeded => without_details("MapRunSucceeded"),
        Details::MapRunFailed(failure) => plain("MapRunFailed", failed(failure)),
        Details::MapRunAborted => without_details("MapRunAborted"),
        Details::MapStateStarted { length, .. } => plain("MapStateStarted", fields([("length", json!(length))])),
        Details::MapStateSucceeded { .. } => without_details("MapStateSucceeded"),
        Details::MapStateFailed { .. } => without_details("MapStateFailed"),
        Details::MapIterationStarted { name, index } => iteration("MapIterationStarted", name, *index),
        Details::MapIterationSucceeded { name, index } => iteration("MapIterationSucceeded", name, *index),
        Details::MapIterationFailed { name, index, .. } => iteration("MapIterationFailed", name, *index),
        Details::MapIterationAborted { name, index } => iteration("MapIterationAborted", name, *index),
        Details::TaskScheduled { resource, parameters, timeout_seconds, heartbeat_seconds, role_arn, .. } => {
            let limits = [("timeoutInSeconds", *timeout_seconds), ("heartbeatInSeconds", *heartbeat_seconds)];
            task_scheduled(resource, parameters, limits, role_arn.as_deref(), started.region())
        }
        Details::TaskStarted { resource, worker, .. } => {
            let body = worker.iter().map(|worker| ("workerName".to_owned(), json!(worker))).collect();
            task("Started", resource, body)
        }
        Details::TaskSucceeded { resource, output, .. } => task("Succeeded", resource, data("output", output)),
        Details::TaskStartFailed { resource, failure, .. } => task("StartFailed", resource, failed(failure)),
        Details::TaskScheduleFailed { resource, failure, .. } => task("ScheduleFailed", resource, failed(failure)),
        Details::TaskFailed { resource, failure, .. } => task("Failed", resource, failed(failure)),
        Details::TaskTimedOut { resource, failure, .. } => task("TimedOut", resource, failed(failure)),
        Details::TaskSubmitted { resource, output, .. } => task("Submitted", resource, data("output", output)),
        // An event of a later version.
        Details::Unknown => without_details("Unknown"),
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

/// An event without a details field.
fn without_details(kind: &str) -> EventBody {
    (kind.to_owned(), String::new(), Map::new())
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

/// An event of an iteration of a Map.
fn iteration(kind: &str, name: &str, index: u64) -> EventBody {
    plain(kind, fields([("name", json!(name)), ("index", json!(index))]))
}

/// The ARN of a map run of the execution; `map_run` is its part after the account.
fn map_run_arn(map_run: &str, started: &StartedExecution) -> Map<String, Value> {
    fields([("mapRunArn", json!(started.arn_beside(map_run)))])
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

/// An event of a Task's call. `suffix` is its type without the prefix that the resource decides.
fn task(suffix: &str, resource: &str, more: Map<String, Value>) -> EventBody {
    let (prefix, mut body) = called(resource);
    body.extend(more);
    plain(&format!("{prefix}{suffix}"), body)
}

fn task_scheduled(
    resource: &str,
    parameters: &Value,
    limits: [(&str, Option<u64>); 2],
    role_arn: Option<&str>,
    region: &str,
) -> EventBody {
    let (prefix, mut body) = called(resource);
    if prefix == "Task" {
        body.insert("region".to_owned(), region.into());
        body.insert("parameters".to_owned(), parameters.to_string().into());
    } else {
        body.insert("resource".to_owned(), resource.into());
        body.extend(data("input", parameters));
    }
    body.extend(limits.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value?)))));
    if let Some(role_arn) = role_arn {
        body.insert("taskCredentials".to_owned(), json!({ "roleArn": role_arn }));
    }
    plain(&format!("{prefix}Scheduled"), body)
}
