//! Executions at Step Functions: their descriptions, histories and changes.

use aws_sdk_sfn::{
    error::{ProvideErrorMetadata, SdkError},
    types::{ExecutionListItem, ExecutionStatus, HistoryEvent, HistoryEventType, StateMachineType},
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use engine::step::{ErrorClass, StepError};

use super::{NamedArn, StepFunctions};

/// The most events of one page (API Reference, GetExecutionHistory).
const EVENTS_MAX: i32 = 1_000;
/// The most executions of one page (API Reference, ListExecutions).
const EXECUTIONS_MAX: i32 = 1_000;
/// The seconds that a history may name for a Task without a time limit (Developer Guide, `TimeoutSeconds` of a Task: the default).
const WITHOUT_LIMIT: u64 = 99_999_999;

/// An execution.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemoteExecution {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// The ARN of its state machine.
    pub state_machine_arn: String,
    /// The ARN of the version that it runs; `None` if it was not started with one, or the service does not report it.
    pub version: Option<String>,
    /// Step Functions' status, such as `TIMED_OUT`.
    pub status: String,
    /// When it started, in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// When it ended, in milliseconds since the Unix epoch.
    pub stopped_ms: Option<u64>,
    /// Its input as JSON text.
    pub input: Option<String>,
    /// Its output as JSON text.
    pub output: Option<String>,
    /// The error, if it failed.
    pub error: Option<String>,
    /// The cause, if it failed.
    pub cause: Option<String>,
    /// The number of redrives.
    pub redrive_count: u32,
}

/// An event of a history, with the details of its type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemoteEvent {
    /// The id; ids have no gaps and start at 1.
    pub id: u64,
    /// The id of the event that caused this one; 0 for the first.
    pub previous_id: u64,
    /// The time in milliseconds since the Unix epoch.
    pub timestamp_ms: u64,
    /// Its type, such as `TaskStateEntered`.
    pub kind: String,
    /// The name of the state, if the event has one.
    pub name: Option<String>,
    /// The index of a Map's iteration.
    pub index: Option<u64>,
    /// The resource that a Task calls.
    pub resource: Option<String>,
    /// The input, output or parameters as JSON text.
    pub data: Option<String>,
    /// The error name.
    pub error: Option<String>,
    /// The error's cause.
    pub cause: Option<String>,
    /// The number of items of a Map, or the number of redrives.
    pub count: Option<u64>,
    /// The variables that the exit of a state assigned.
    pub assigned_variables: Option<serde_json::Map<String, serde_json::Value>>,
    /// The ARN of the run of a distributed Map that began or continued.
    pub map_run: Option<String>,
    /// The name of an activity's worker.
    pub worker: Option<String>,
    /// `TimeoutSeconds` of a call that is scheduled.
    pub timeout_seconds: Option<u64>,
    /// `HeartbeatSeconds` of a call that is scheduled.
    pub heartbeat_seconds: Option<u64>,
}

/// The types of events that the service's model has.
pub fn event_types() -> &'static [&'static str] {
    HistoryEventType::values()
}

fn milliseconds(time: &aws_smithy_types::DateTime) -> u64 {
    time.to_millis().ok().and_then(|time| u64::try_from(time).ok()).unwrap_or_default()
}

impl StepFunctions {
    /// Describes an execution.
    ///
    /// # Errors
    /// The API's; class `NotFound` if it does not exist.
    pub async fn execution(&self, arn: &str) -> Result<RemoteExecution, StepError> {
        let described = self.client.describe_execution().execution_arn(arn).send().await;
        let described = described.map_err(|error| self.failed_for("states:DescribeExecution", arn, error))?;
        Ok(RemoteExecution {
            arn: described.execution_arn,
            name: described.name.unwrap_or_default(),
            state_machine_arn: described.state_machine_arn,
            version: described.state_machine_version_arn,
            status: described.status.as_str().to_owned(),
            started_ms: milliseconds(&described.start_date),
            stopped_ms: described.stop_date.as_ref().map(milliseconds),
            input: described.input,
            output: described.output,
            error: described.error,
            cause: described.cause,
            redrive_count: described.redrive_count.and_then(|count| u32::try_from(count).ok()).unwrap_or_default(),
        })
    }

    /// As `failed`. An execution that does not exist has the class `NotFound`.
    fn failed_for<E>(&self, action: &str, arn: &str, error: SdkError<E, HttpResponse>) -> StepError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        match error.code() {
            Some("ExecutionDoesNotExist") => {
                StepError::new(ErrorClass::NotFound, format!("there is no execution named '{arn}'"))
            }
            _ => self.failed(action, error),
        }
    }

    /// The definition of an execution as JSON text.
    ///
    /// # Errors
    /// The API's.
    pub async fn definition_of(&self, execution_arn: &str) -> Result<String, StepError> {
        let call = self.client.describe_state_machine_for_execution().execution_arn(execution_arn);
        let described = call.send().await;
        Ok(described
            .map_err(|error| self.failed_for("states:DescribeStateMachineForExecution", execution_arn, error))?
            .definition)
    }

    /// A page of a history, and the token of the next one.
    ///
    /// # Errors
    /// The API's.
    pub async fn history(
        &self,
        arn: &str,
        newest_first: bool,
        token: Option<String>,
    ) -> Result<(Vec<RemoteEvent>, Option<String>), StepError> {
        let call = self.client.get_execution_history().execution_arn(arn).reverse_order(newest_first);
        let page = call.max_results(EVENTS_MAX).set_next_token(token).send().await;
        let page = page.map_err(|error| self.failed_for("states:GetExecutionHistory", arn, error))?;
        Ok((page.events.iter().map(event).collect(), page.next_token))
    }

    /// Starts an execution and returns its ARN.
    ///
    /// # Errors
    /// The API's.
    pub async fn start(&self, state_machine_arn: &str, name: &str, input: &str) -> Result<String, StepError> {
        let call = self.client.start_execution().state_machine_arn(state_machine_arn).name(name).input(input);
        Ok(call.send().await.map_err(|error| self.failed("states:StartExecution", error))?.execution_arn)
    }

    /// Ends an execution as ABORTED.
    ///
    /// # Errors
    /// The API's.
    pub async fn stop(&self, arn: &str, error: &str, cause: &str) -> Result<(), StepError> {
        let call = self.client.stop_execution().execution_arn(arn).error(error).cause(cause);
        call.send().await.map(drop).map_err(|error| self.failed("states:StopExecution", error))
    }

    /// Redrives an execution: it continues at the state that failed.
    ///
    /// # Errors
    /// The API's, for instance after 14 days.
    pub async fn redrive(&self, arn: &str) -> Result<(), StepError> {
        let sent = self.client.redrive_execution().execution_arn(arn).send().await;
        sent.map(drop).map_err(|error| self.failed("states:RedriveExecution", error))
    }

    /// Up to `limit` state machines whose executions can be listed: those of type STANDARD.
    ///
    /// # Errors
    /// The API's.
    pub async fn state_machines(&self, limit: usize) -> Result<Vec<NamedArn>, StepError> {
        let mut pages = self.client.list_state_machines().into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| self.failed("states:ListStateMachines", error))?;
            if item.r#type == StateMachineType::Standard {
                found.push(NamedArn { name: item.name, arn: item.state_machine_arn });
            }
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// A page of the executions of a state machine without their data, newest first, and the token of the next page. It has up to
    /// `limit` executions, at most 1,000. With `running`, it has only those that have not ended.
    ///
    /// # Errors
    /// The API's.
    pub async fn executions(
        &self,
        machine: &str,
        running: bool,
        limit: usize,
        token: Option<String>,
    ) -> Result<(Vec<RemoteExecution>, Option<String>), StepError> {
        let limit = i32::try_from(limit).unwrap_or(EXECUTIONS_MAX).clamp(1, EXECUTIONS_MAX);
        let call = self.client.list_executions().state_machine_arn(machine).max_results(limit);
        let call = call.set_status_filter(running.then_some(ExecutionStatus::Running)).set_next_token(token);
        let page = call.send().await.map_err(|error| self.failed("states:ListExecutions", error))?;
        Ok((page.executions.into_iter().map(listed).collect(), page.next_token))
    }
}

pub(super) fn listed(item: ExecutionListItem) -> RemoteExecution {
    RemoteExecution {
        arn: item.execution_arn,
        name: item.name,
        state_machine_arn: item.state_machine_arn,
        version: item.state_machine_version_arn,
        status: item.status.as_str().to_owned(),
        started_ms: milliseconds(&item.start_date),
        stopped_ms: item.stop_date.as_ref().map(milliseconds),
        redrive_count: item.redrive_count.and_then(|count| u32::try_from(count).ok()).unwrap_or_default(),
        ..RemoteExecution::default()
    }
}

/// Converts an event, with the fields of its details.
fn event(event: &HistoryEvent) -> RemoteEvent {
    let unsigned = |number: i64| u64::try_from(number).unwrap_or_default();
    let mut found = RemoteEvent {
        id: unsigned(event.id),
        previous_id: unsigned(event.previous_event_id),
        timestamp_ms: milliseconds(&event.timestamp),
        kind: event.r#type.as_str().to_owned(),
        ..RemoteEvent::default()
    };
    of_states(event, &mut found);
    of_tasks(event, &mut found);
    of_executions(event, &mut found);
    found
}

fn of_states(event: &HistoryEvent, found: &mut RemoteEvent) {
    if let Some(details) = &event.state_entered_event_details {
        (found.name, found.data) = (Some(details.name.clone()), details.input.clone());
    }
    if let Some(details) = &event.state_exited_event_details {
        (found.name, found.data) = (Some(details.name.clone()), details.output.clone());
        // A value that the service has cut is no JSON, and is left out.
        let value = |(name, text): (&String, &String)| Some((name.clone(), serde_json::from_str(text).ok()?));
        found.assigned_variables =
            details.assigned_variables.as_ref().map(|assigned| assigned.iter().filter_map(value).collect());
    }
    if let Some(details) = &event.map_state_started_event_details {
        found.count = u64::try_from(details.length).ok();
    }
    let iterations = [
        &event.map_iteration_started_event_details,
        &event.map_iteration_succeeded_event_details,
        &event.map_iteration_failed_event_details,
        &event.map_iteration_aborted_event_details,
    ];
    if let Some(details) = iterations.into_iter().flatten().next() {
        (found.name, found.index) = (details.name.clone(), u64::try_from(details.index).ok());
    }
}

/// A time limit; `None` for that of a Task without one.
fn seconds(limit: Option<i64>) -> Option<u64> {
    limit.and_then(|seconds| u64::try_from(seconds).ok()).filter(|seconds| *seconds < WITHOUT_LIMIT)
}

/// Copies the fields that several types of details have in common.
macro_rules! copy {
    ($event:ident, $found:ident, $($details:ident: $($field:ident = $from:ident),*;)*) => {
        $(if let Some(details) = &$event.$details {
            $($found.$field = copy!(@ details, $from);)*
        })*
    };
    (@ $details:ident, resource) => { Some($details.resource.clone()) };
    (@ $details:ident, parameters) => { Some($details.parameters.clone()) };
    (@ $details:ident, timeout_in_seconds) => { seconds($details.timeout_in_seconds) };
    (@ $details:ident, heartbeat_in_seconds) => { seconds($details.heartbeat_in_seconds) };
    (@ $details:ident, $from:ident) => { $details.$from.clone() };
}

fn of_tasks(event: &HistoryEvent, found: &mut RemoteEvent) {
    copy!(event, found,
        activity_scheduled_event_details: resource = resource, data = input,
            timeout_seconds = timeout_in_seconds, heartbeat_seconds = heartbeat_in_seconds;
        activity_started_event_details: worker = worker_name;
        activity_succeeded_event_details: data = output;
        activity_failed_event_details: error = error, cause = cause;
        activity_schedule_failed_event_details: error = error, cause = cause;
        activity_timed_out_event_details: error = error, cause = cause;
        task_scheduled_event_details: resource = resource, data = parameters,
            timeout_seconds = timeout_in_seconds, heartbeat_seconds = heartbeat_in_seconds;
        task_started_event_details: resource = resource;
        task_submitted_event_details: resource = resource, data = output;
        task_succeeded_event_details: resource = resource, data = output;
        task_failed_event_details: resource = resource, error = error, cause = cause;
        task_start_failed_event_details: resource = resource, error = error, cause = cause;
        task_submit_failed_event_details: resource = resource, error = error, cause = cause;
        task_timed_out_event_details: resource = resource, error = error, cause = cause;
        lambda_function_scheduled_event_details: resource = resource, data = input, timeout_seconds = timeout_in_seconds;
        lambda_function_succeeded_event_details: data = output;
        lambda_function_failed_event_details: error = error, cause = cause;
        lambda_function_schedule_failed_event_details: error = error, cause = cause;
        lambda_function_start_failed_event_details: error = error, cause = cause;
        lambda_function_timed_out_event_details: error = error, cause = cause;
    );
}

fn of_executions(event: &HistoryEvent, found: &mut RemoteEvent) {
    copy!(event, found,
        execution_started_event_details: data = input;
        execution_succeeded_event_details: data = output;
        execution_failed_event_details: error = error, cause = cause;
        execution_aborted_event_details: error = error, cause = cause;
        execution_timed_out_event_details: error = error, cause = cause;
        map_run_started_event_details: map_run = map_run_arn;
        map_run_redriven_event_details: map_run = map_run_arn;
        map_run_failed_event_details: error = error, cause = cause;
        evaluation_failed_event_details: error = error, cause = cause;
    );
    if let Some(details) = &event.evaluation_failed_event_details {
        // Its previous event may be the one before its state was entered.
        found.name = Some(details.state.clone());
    }
    let of_execution = event.execution_redriven_event_details.as_ref().and_then(|details| details.redrive_count);
    let of_map_run = event.map_run_redriven_event_details.as_ref().and_then(|details| details.redrive_count);
    if let Some(count) = of_execution.or(of_map_run) {
        found.count = u64::try_from(count).ok();
    }
}
