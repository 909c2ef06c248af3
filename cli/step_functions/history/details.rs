//! Converts the details of AWS's events to the engine's types.

use std::sync::Arc;

use engine::journal::{
    ErrorAndCause, EvaluationFailedEventDetails, HistoryEventDetails as Details, NOT_CALLED, StateType,
};
use serde_json::Value;
use steps::step_functions::RemoteEvent;

use super::EventPosition;

/// Parses JSON; a text that is not JSON becomes a string.
fn json(text: Option<&String>) -> Arc<Value> {
    let Some(text) = text else { return Arc::default() };
    Arc::new(serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())))
}

fn state_type(kind: &str) -> Option<(StateType, &str)> {
    let all = [
        StateType::Pass,
        StateType::Task,
        StateType::Choice,
        StateType::Wait,
        StateType::Succeed,
        StateType::Fail,
        StateType::Parallel,
        StateType::Map,
    ];
    all.into_iter()
        .find_map(|state_type| Some((state_type, kind.strip_prefix(state_type.name())?.strip_prefix("State")?)))
}

/// Converts the details of an event to the engine's types. Types that the engine does not write become unknown.
pub(super) fn details(event: &RemoteEvent, position: &EventPosition) -> Details {
    let name: Arc<str> = position.state.as_str().into();
    let resource: Arc<str> = position.resource.as_str().into();
    let data = || json(event.data.as_ref());
    let failure = || ErrorAndCause {
        error: event.error.clone().unwrap_or_default(),
        cause: event.cause.clone().unwrap_or_default(),
    };
    if let Some((state_type, what)) = state_type(&event.kind) {
        return match what {
            "Entered" => Details::StateEntered { state_type, name, input: data() },
            "Exited" => {
                let assigned_variables = event.assigned_variables.clone().map(Box::new);
                Details::StateExited { state_type, name, output: data(), assigned_variables }
            }
            "Aborted" => Details::StateAborted { state_type, name },
            "Started" if state_type == StateType::Map => {
                Details::MapStateStarted { name, length: event.count.unwrap_or_default() }
            }
            "Started" => Details::ParallelStateStarted { name },
            "Succeeded" if state_type == StateType::Map => Details::MapStateSucceeded { name },
            "Succeeded" => Details::ParallelStateSucceeded { name },
            "Failed" if state_type == StateType::Map => Details::MapStateFailed { name, failure: failure() },
            "Failed" => Details::ParallelStateFailed { name, failure: failure() },
            _ => Details::Unknown,
        };
    }
    if let Some(what) = ["Task", "Activity", "LambdaFunction"].iter().find_map(|call| event.kind.strip_prefix(call)) {
        return of_call(what, event, name, resource);
    }
    let index = event.index.unwrap_or_default();
    match event.kind.as_str() {
        "ExecutionStarted" => Details::ExecutionStarted { input: data() },
        "ExecutionSucceeded" => Details::ExecutionSucceeded { output: data() },
        "ExecutionFailed" => Details::ExecutionFailed(failure()),
        "ExecutionTimedOut" => Details::ExecutionTimedOut(failure()),
        "ExecutionAborted" => Details::ExecutionAborted(failure()),
        "ExecutionRedriven" => Details::ExecutionRedriven { redrive_count: event.count.unwrap_or_default() as u32 },
        "EvaluationFailed" => {
            let ErrorAndCause { error, cause } = failure();
            let state = position.state.clone();
            Details::EvaluationFailed(Box::new(EvaluationFailedEventDetails {
                state,
                location: String::new(),
                error,
                cause,
            }))
        }
        "MapIterationStarted" => Details::MapIterationStarted { name, index },
        "MapIterationSucceeded" => Details::MapIterationSucceeded { name, index },
        "MapIterationFailed" => Details::MapIterationFailed { name, index, failure: failure() },
        "MapIterationAborted" => Details::MapIterationAborted { name, index },
        "MapRunStarted" => Details::MapRunStarted { map_run: map_run(event) },
        "MapRunRedriven" => {
            let redrive_count = event.count.unwrap_or_default() as u32;
            Details::MapRunRedriven { map_run: map_run(event), redrive_count }
        }
        "MapRunSucceeded" => Details::MapRunSucceeded,
        "MapRunAborted" => Details::MapRunAborted,
        "MapRunFailed" => Details::MapRunFailed(failure()),
        _ => Details::Unknown,
    }
}

/// The part of the ARN of an event's map run after the account.
fn map_run(event: &RemoteEvent) -> String {
    let arn = event.map_run.as_deref().unwrap_or_default();
    arn.splitn(6, ':').nth(5).unwrap_or_default().to_owned()
}

/// Converts the details of a call's event. Step Functions distinguishes activities and functions from other calls; the
/// engine does not.
fn of_call(what: &str, event: &RemoteEvent, name: Arc<str>, resource: Arc<str>) -> Details {
    let data = || json(event.data.as_ref());
    let failure = ErrorAndCause {
        error: event.error.clone().unwrap_or_default(),
        cause: event.cause.clone().unwrap_or_default(),
    };
    match what {
        "Scheduled" => Details::TaskScheduled {
            name,
            resource,
            parameters: data(),
            timeout_seconds: event.timeout_seconds,
            heartbeat_seconds: event.heartbeat_seconds,
            role_arn: None,
        },
        "Started" => Details::TaskStarted { name, resource, worker: event.worker.clone() },
        "Submitted" => Details::TaskSubmitted { name, resource, output: data() },
        "Succeeded" => Details::TaskSucceeded { name, resource, output: data() },
        "ScheduleFailed" => Details::TaskScheduleFailed { name, resource, failure },
        "StartFailed" if failure.error == NOT_CALLED => Details::TaskStartFailed { name, resource, failure },
        "TimedOut" => Details::TaskTimedOut { name, resource, failure },
        "Failed" | "StartFailed" | "SubmitFailed" => Details::TaskFailed { name, resource, failure },
        _ => Details::Unknown,
    }
}
