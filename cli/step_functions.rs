//! Executions at Step Functions, with the same operations as executions in this machine's store.
//!
//! A command calls `handle.call::<flow::DescribeExecution>(…)` and does not distinguish the engines. Here an operation
//! is answered from DescribeExecution and GetExecutionHistory, folded into the same entries and the same view, or by
//! RedriveExecution, StopExecution and SendTask*. Operations that Step Functions does not support are refused.

mod children;
mod finding;
mod following;
mod history;
mod listing;
mod machine_reference;
mod map_runs;
mod may_ask;
mod pace;
mod questions;
mod token;
mod unanswerable;
mod waiting_states;
mod waits;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use api::{Fault, Operation, StreamOperation, flow, view::View};
use deploy::plan::{ALIAS, DEPLOYMENT_TAG};
use engine::{
    journal::ErrorAndCause,
    machine::{ExecutionHeader, ExecutionStatus},
    step::{ErrorClass, StepError},
};
use futures::stream::BoxStream;
use serde_json::{Value, json};
use steps::step_functions::{Endpoint, NamedArn, RemoteEvent, RemoteExecution, StepFunctions};
use tokio::sync::Mutex;

pub use self::machine_reference::{MachineReference, is_arn};
use self::{history::History, pace::Pace};
use crate::{
    exit::{CliError, Exit, then_repeat},
    proposed::{OPTIONS, STATE_MACHINE},
};

/// The most matches of a prefix that are returned.
const MATCHES_MAX: usize = 10;
/// The calls that are made at once, and a second after those: half of the account's quotas, which all its clients share (Developer
/// Guide, "Service quotas": buckets of 300, 400 and 200 calls, to which 15, 20 and 5 a second are added; for the definitions of state
/// machines and of executions 200 calls, to which 20 and 1 are added). Some regions have less: their refusals are repeated.
const DESCRIBE: (u32, u32) = (150, 7);
const HISTORY: (u32, u32) = (200, 10);
const LIST: (u32, u32) = (100, 2);
const DEFINITION: (u32, u32) = (100, 10);
const DEFINITION_OF: (u32, u32) = (100, 1);
/// The error of StartExecution if the name belongs to an execution that has ended or has another input.
const EXISTS: &str = "ExecutionAlreadyExists";

/// The executions of an account in a region, or of a `flow serve`.
pub struct Executions {
    api: StepFunctions,
    /// The service, for messages.
    service: String,
    describe: Pace,
    history: Pace,
    list: Pace,
    definition: Pace,
    definition_of: Pace,
    /// The executions that were found, by name.
    cached: Mutex<HashMap<String, Arc<Mutex<CachedExecution>>>>,
}

/// The cached data of one execution.
struct CachedExecution {
    arn: String,
    definition: Value,
    history: History,
    /// The sequence of the last entry that was shown. Earlier entries are not shown again.
    shown: u64,
}

impl CachedExecution {
    /// An execution whose history was not read yet.
    fn new(arn: &str, definition: Value) -> Self {
        let history = History::new(&definition);
        CachedExecution { arn: arn.to_owned(), definition, history, shown: 0 }
    }
}

/// A deployed workflow.
pub struct Deployed {
    /// The ARN that executions are started with: the version or the alias that was named; else the alias of deployments, or without
    /// one the state machine.
    pub target: String,
    /// The definitions that executions run: of each version to which the alias routes.
    pub definitions: Vec<Value>,
    /// The ARN of each activity of the account, by name.
    pub activities: BTreeMap<String, String>,
}

/// Converts an error of Step Functions to the same error of the local engine.
pub fn service_error(error: StepError) -> CliError {
    let exit = match error.class {
        ErrorClass::NotFound => Exit::NotFound,
        ErrorClass::Unknown | ErrorClass::Throttled => Exit::Unreachable,
        _ => Exit::Refused,
    };
    let cli = CliError::new(exit, error.to_string());
    match error.hint {
        Some(repair) => cli.hint(then_repeat(&repair)),
        None => cli,
    }
}

fn internal(error: serde_json::Error) -> CliError {
    CliError::new(Exit::Failed, error.to_string())
}

fn status(word: &str) -> ExecutionStatus {
    match word {
        "SUCCEEDED" => ExecutionStatus::Succeeded,
        "FAILED" => ExecutionStatus::Failed,
        "TIMED_OUT" => ExecutionStatus::TimedOut,
        "ABORTED" => ExecutionStatus::Aborted,
        _ => ExecutionStatus::Running,
    }
}

/// The header of an execution. Fields that only the local engine has are empty.
fn header(arn: &str, remote: &RemoteExecution) -> ExecutionHeader {
    let parts: Vec<&str> = arn.splitn(8, ':').collect();
    let part = |index: usize| parts.get(index).copied().unwrap_or_default();
    let value = |text: &Option<String>| text.as_ref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let failure = remote
        .error
        .as_ref()
        .map(|error| ErrorAndCause { error: error.clone(), cause: remote.cause.clone().unwrap_or_default() });
    ExecutionHeader {
        environment: Arc::new(
            json!({ "engine": "sfn", "region": part(3), "account": part(4), STATE_MACHINE: part(6) }),
        ),
        status: status(&remote.status),
        started_ms: remote.started_ms,
        stopped_ms: remote.stopped_ms,
        output: value(&remote.output).map(Arc::new),
        failure,
        redrive_count: remote.redrive_count,
        next_frame_id: 0,
        ..ExecutionHeader::new(part(7), part(6), Arc::new(value(&remote.input).unwrap_or_default()))
    }
}

/// Takes the times of an execution from its description, as a list has them. A service may give its first and last event other times.
fn take_times(execution: &ExecutionHeader, view: &mut View) {
    view.started_ms = execution.started_ms;
    view.stopped_ms = view.stopped_ms.map(|stopped_ms| execution.stopped_ms.unwrap_or(stopped_ms));
}

/// The ARN of an execution of a state machine. The machine is given by its ARN or by the ARN of its alias.
fn execution_arn(machine: &str, name: &str) -> String {
    let parts: Vec<&str> = machine.split(':').take(7).collect();
    format!("{}:{name}", parts.join(":").replacen(":stateMachine:", ":execution:", 1))
}

impl Executions {
    /// The executions that the API of an endpoint serves.
    pub fn new(api: StepFunctions, endpoint: &Endpoint) -> Arc<Self> {
        let service = match endpoint {
            Endpoint::Url { url, .. } => format!("the server at {url}"),
            Endpoint::Aws { .. } => "AWS Step Functions".to_owned(),
        };
        Arc::new(Executions {
            api,
            service,
            describe: Pace::new(DESCRIBE.0, DESCRIBE.1),
            history: Pace::new(HISTORY.0, HISTORY.1),
            list: Pace::new(LIST.0, LIST.1),
            definition: Pace::new(DEFINITION.0, DEFINITION.1),
            definition_of: Pace::new(DEFINITION_OF.0, DEFINITION_OF.1),
            cached: Mutex::default(),
        })
    }

    /// The service that drives the executions, for messages.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Answers an operation.
    ///
    /// # Errors
    /// Step Functions' error, or it does not support the operation.
    pub async fn answer(&self, operation: &str, request: Value) -> Result<Value, CliError> {
        macro_rules! with {
            ($operation:ident, $method:ident) => {{
                let request = serde_json::from_value(request).map_err(internal)?;
                let response: <flow::$operation as Operation>::Response = self.$method(request).await?;
                serde_json::to_value(response).map_err(internal)
            }};
        }
        match operation {
            <flow::FindExecutions as Operation>::NAME => with!(FindExecutions, find),
            <flow::DescribeExecution as Operation>::NAME => with!(DescribeExecution, describe),
            <flow::GetEntries as Operation>::NAME => with!(GetEntries, entries),
            <flow::ListExecutions as Operation>::NAME => with!(ListExecutions, list),
            <flow::MarkShown as Operation>::NAME => with!(MarkShown, mark_shown),
            <flow::ResumeExecution as Operation>::NAME => with!(ResumeExecution, resume),
            <flow::CancelExecution as Operation>::NAME => with!(CancelExecution, cancel),
            <flow::SignalTask as Operation>::NAME => with!(SignalTask, signal),
            <flow::AnswerApproval as Operation>::NAME => with!(AnswerApproval, answer_question),
            <flow::ListPersonTasks as Operation>::NAME => with!(ListPersonTasks, person_tasks),
            other => Err(CliError::refused(format!("Step Functions has no operation {other}"))),
        }
    }

    /// Streams the items of an operation.
    pub fn items(self: &Arc<Self>, operation: &str, request: Value) -> BoxStream<'static, Result<Value, CliError>> {
        match operation {
            <flow::FollowExecution as StreamOperation>::NAME => following::follow(self.clone(), request),
            // Programs run on the workers' machines and print there.
            _ => Box::pin(futures::stream::empty()),
        }
    }

    async fn remote(&self, arn: &str) -> Result<RemoteExecution, CliError> {
        self.paced(&self.describe, || self.api.execution(arn)).await
    }

    /// Makes a call once the service's quota allows it. A `flow serve` has none.
    async fn paced<T, F>(&self, pace: &Pace, make: impl Fn() -> F) -> Result<T, CliError>
    where
        F: Future<Output = Result<T, StepError>>,
    {
        pace.call(!self.api.answered_as_flow_serve(), make).await.map_err(service_error)
    }

    /// The deployed state machine that is named; `None` if it, its version or its alias does not exist.
    ///
    /// # Errors
    /// Step Functions' error.
    pub async fn deployed(&self, wanted: &MachineReference) -> Result<Option<Deployed>, CliError> {
        let machine = self.api.state_machine_arn(&wanted.name).await.map_err(service_error)?;
        let Some(machine) = machine.filter(|machine| wanted.may_be(machine)) else { return Ok(None) };
        let qualified = format!("{machine}:{}", wanted.qualifier.as_deref().unwrap_or(ALIAS));
        let (target, versions) = match wanted.has_version() {
            true => (qualified.clone(), vec![qualified]),
            false => match self.api.alias(&qualified).await.map_err(service_error)? {
                Some(versions) => (qualified, versions),
                None if wanted.qualifier.is_some() => return Ok(None),
                None => {
                    self.refuse_incomplete(&machine, &wanted.name).await?;
                    (machine.clone(), vec![machine])
                }
            },
        };
        let mut definitions = Vec::new();
        for version in versions {
            let text = match self.api.state_machine(&version).await {
                Ok(found) => found.definition,
                Err(error) if error.class == ErrorClass::NotFound && wanted.has_version() => return Ok(None),
                Err(error) => return Err(service_error(error)),
            };
            definitions.push(serde_json::from_str(&text).map_err(internal)?);
        }
        let activities = self.api.activities().await.map_err(service_error)?.into_iter();
        let activities = activities.map(|NamedArn { name, arn }| (name, arn)).collect();
        Ok(Some(Deployed { target, definitions, activities }))
    }

    /// Refuses a state machine of a deployment without its alias: a removal has deleted the alias first, so that nothing starts while it
    /// deletes the rest, or a deployment has not made it yet.
    async fn refuse_incomplete(&self, machine: &str, name: &str) -> Result<(), CliError> {
        // Who may not read the tags may start what others have made.
        let tags = self.api.tags(machine).await.unwrap_or_default();
        if !tags.contains_key(DEPLOYMENT_TAG) {
            return Ok(());
        }
        let message = format!("{name} has no alias {ALIAS}: it is being deployed or removed; nothing was started");
        Err(CliError::refused(message).hint(format!("flow deploy FILE{OPTIONS}   completes its deployment")))
    }

    /// Starts an execution of a deployed workflow. The same name, definition and input find the existing execution; returns its
    /// status if it has ended.
    ///
    /// # Errors
    /// Step Functions' error, or an execution of this name has another definition or input.
    pub async fn start(
        &self,
        deployed: &Deployed,
        id: &str,
        input: &Value,
    ) -> Result<Option<ExecutionStatus>, CliError> {
        match self.api.start(&deployed.target, id, &input.to_string()).await {
            Ok(arn) => self.keep(&arn).await.map(|_| None),
            Err(error) if error.code.as_deref() == Some(EXISTS) => self.existing(deployed, id, input).await.map(Some),
            Err(error) => Err(service_error(error)),
        }
    }

    /// The status of the existing execution with this name.
    ///
    /// # Errors
    /// It has another definition or input.
    async fn existing(&self, deployed: &Deployed, id: &str, input: &Value) -> Result<ExecutionStatus, CliError> {
        let arn = execution_arn(&deployed.target, id);
        let existing = header(&arn, &self.remote(&arn).await?);
        let cached = self.keep(&arn).await?;
        let same_definition = deployed.definitions.contains(&cached.lock().await.definition);
        let other = match (*existing.input == *input, same_definition) {
            (true, true) => return Ok(existing.status),
            (false, _) => "input",
            (true, false) => "definition",
        };
        let message = format!("an execution named '{id}' exists already, with another {other}");
        Err(Fault::execution_exists(id, message).into())
    }

    /// Adds the execution of an ARN to the cache, by its name.
    async fn keep(&self, arn: &str) -> Result<Arc<Mutex<CachedExecution>>, CliError> {
        let id = header(arn, &RemoteExecution::default()).id;
        let mut cached = self.cached.lock().await;
        if let Some(found) = cached.get(&id) {
            return Ok(found.clone());
        }
        let found = Arc::new(Mutex::new(self.open(arn).await?));
        cached.insert(id, found.clone());
        Ok(found)
    }

    /// The data of an execution before its history is read.
    async fn open(&self, arn: &str) -> Result<CachedExecution, CliError> {
        let text = self.paced(&self.definition_of, || self.api.definition_of(arn)).await?;
        Ok(CachedExecution::new(arn, serde_json::from_str(&text).map_err(internal)?))
    }

    async fn of(&self, id: &str) -> Result<Arc<Mutex<CachedExecution>>, CliError> {
        let found = self.cached.lock().await.get(id).cloned();
        found.ok_or_else(|| CliError::not_found(format!("there is no execution named '{id}'")))
    }

    /// Reads the events that follow the cached ones, and the runs of distributed Maps that are in progress.
    async fn read(&self, cached: &mut CachedExecution) -> Result<(), CliError> {
        let events = self.new_events(&cached.arn, cached.history.last_id()).await?;
        self.add_events(cached, &events).await;
        self.read_map_runs(cached).await;
        Ok(())
    }

    /// The events of an execution's history after the one with this id, oldest first. There may be earlier ones among them.
    async fn new_events(&self, arn: &str, last_id: u64) -> Result<Vec<RemoteEvent>, CliError> {
        // Newest first: a poll of a long history then reads one page instead of all.
        let newest_first = last_id > 0;
        let (mut all, mut token) = (Vec::new(), None);
        loop {
            let page = || self.api.history(arn, newest_first, token.clone());
            let (events, next) = self.paced(&self.history, page).await?;
            let reached = newest_first && events.iter().any(|event| event.id <= last_id);
            all.extend(events);
            if reached || next.is_none() {
                break;
            }
            token = next;
        }
        all.sort_by_key(|event| event.id);
        Ok(all)
    }

    async fn describe(
        &self,
        request: flow::DescribeExecutionRequest,
    ) -> Result<flow::DescribeExecutionResponse, CliError> {
        let cached = self.of(&request.id).await?;
        let mut cached = cached.lock().await;
        let remote = self.remote(&cached.arn).await?;
        self.read(&mut cached).await?;
        let mut execution = header(&cached.arn, &remote);
        execution.last_sequence = cached.history.last_sequence();
        execution.last_event_id = cached.history.last_id();
        let mut view = View::new(&execution, &cached.definition);
        let last = if request.as_shown { cached.shown } else { u64::MAX };
        cached.history.entries().iter().take_while(|entry| entry.sequence <= last).for_each(|entry| view.fold(entry));
        take_times(&execution, &mut view);
        if !request.as_shown {
            waiting_states::mark(&cached, &mut view);
        }
        Ok(flow::DescribeExecutionResponse {
            // AWS drives it.
            driven: execution.status == ExecutionStatus::Running,
            execution,
            frames: Vec::new(),
            definition: cached.definition.clone(),
            view,
        })
    }

    async fn entries(&self, request: flow::EntriesRequest) -> Result<flow::EntriesResponse, CliError> {
        let cached = self.of(&request.id).await?;
        let mut cached = cached.lock().await;
        if request.from_sequence > cached.history.last_sequence() || cached.history.last_id() == 0 {
            self.read(&mut cached).await?;
        }
        let entries = cached.history.entries().iter().filter(|entry| entry.sequence >= request.from_sequence);
        Ok(flow::EntriesResponse { entries: entries.cloned().collect() })
    }

    async fn mark_shown(&self, request: flow::MarkShownRequest) -> Result<flow::Empty, CliError> {
        self.of(&request.id).await?.lock().await.shown = request.sequence;
        Ok(flow::Empty {})
    }

    /// Redrives a failed execution. A running one continues by itself. Earlier events are not shown again.
    async fn resume(&self, request: flow::ResumeRequest) -> Result<flow::ResumeResponse, CliError> {
        let cached = self.of(&request.id).await?;
        let mut cached = cached.lock().await;
        self.read(&mut cached).await?;
        cached.shown = cached.history.last_sequence();
        if self.remote(&cached.arn).await?.status != "RUNNING" {
            self.api.redrive(&cached.arn).await.map_err(service_error)?;
        }
        Ok(flow::ResumeResponse::default())
    }

    async fn cancel(&self, request: flow::CancelExecutionRequest) -> Result<flow::CancelExecutionResponse, CliError> {
        let cached = self.of(&request.id).await?;
        let mut cached = cached.lock().await;
        let arn = cached.arn.clone();
        let before = status(&self.remote(&arn).await?.status);
        if before != ExecutionStatus::Running {
            return Ok(flow::CancelExecutionResponse::ended(before));
        }
        // Only for the report: an error does not prevent the cancel.
        let awaited = self.read(&mut cached).await.map(|()| questions::awaited_executions(&cached)).unwrap_or_default();
        self.api.stop(&arn, &request.error, &request.cause).await.map_err(service_error)?;
        Ok(flow::CancelExecutionResponse { ended_before: None, in_flight: Vec::new(), waits: false, awaited })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_took_as_long_on_every_screen() {
        let described = |stopped_ms| RemoteExecution { started_ms: 1_000, stopped_ms, ..RemoteExecution::default() };
        let took_ms = |events_ended_ms, stopped_ms| {
            let execution = header("arn:a:b:c:d:execution:m:e", &described(stopped_ms));
            let mut view = View::new(&execution, &json!({ "StartAt": "A", "States": {} }));
            (view.started_ms, view.stopped_ms) = (5_000, events_ended_ms);
            take_times(&execution, &mut view);
            view.took_ms(30_000)
        };
        assert_eq!(took_ms(Some(22_000), Some(22_500)), 21_500);
        assert_eq!(took_ms(None, None), 29_000, "it runs");
        assert_eq!(took_ms(Some(22_000), None), 21_000, "it ended after it was described");
    }

    #[test]
    fn an_execution_is_named_after_the_state_machine_of_an_alias() {
        let machine = "arn:aws:states:us-east-1:111111111111:stateMachine:job";
        for target in [machine, &format!("{machine}:deployed")] {
            assert_eq!(execution_arn(target, "j1"), "arn:aws:states:us-east-1:111111111111:execution:job:j1");
        }
    }
}
