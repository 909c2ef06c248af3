//! The Tasks that wait for an answer with their task token, as questions to people.
//!
//! Step Functions returns a task token only to the receiver of the Task's parameters, and in the recorded parameters. The object
//! that contains the token may have the fields of an approval (`Prompt`, `Choices`, `Fields`, …); its answer is then
//! checked and has the same output as `flow:approval:request` on the local engine.

use std::sync::Arc;

use api::{
    Fault, flow,
    view::{AwaitedHeartbeat, StateStatus, View, Wait, is_or_is_inside},
};
use engine::{
    asl::find_state,
    journal::{EntryContent, HistoryEventDetails as Details, JournalEntry, state_path},
    runner::{Clock, SystemClock},
    step::{Approval, Instructions, Resource, waits_for_token},
};
use futures::future::try_join_all;
use serde_json::Value;
use steps::step_functions::{Receipt, RemoteExecution};

use super::{
    CachedExecution, Executions, header,
    listing::CALLS_AT_ONCE,
    may_ask::{Candidate, Candidates, may_ask},
    service_error, token, unanswerable,
};
use crate::{
    exit::{CliError, Exit},
    ui::next,
};

/// The question of a Task that has none.
const NO_PROMPT: &str = "The task waits for an answer with its token.";
/// The reason why a state that asks a person waits.
const WAITS_FOR_ANSWER: &str = "waits for an answer";
/// The place where an approval of a `flow serve` is answered.
const IN_HOME: &str = "in the home of the server";
/// The reason why no command answers a question that only holders of tokens may answer: Step Functions cannot check who answers.
const ONLY_WITH_TOKENS: &str = "only holders of Tokens may answer it, and Step Functions cannot check a token: \
     name Users or Groups in the definition";

/// A Task whose call was scheduled and has not ended.
struct Scheduled {
    path: String,
    name: Arc<str>,
    parameters: Arc<Value>,
    since_ms: u64,
    /// The end of its `TimeoutSeconds`. A heartbeat of its receiver is in no history, so the end of `HeartbeatSeconds` is not known.
    deadline_ms: Option<u64>,
    heartbeat_seconds: Option<u64>,
}

impl Scheduled {
    /// The task token, and the object with the token; `None` if the Task's parameters do not contain its token.
    fn token<'t>(&'t self, definition: &Value) -> Option<(&'t str, &'t Value)> {
        token::find(token::arguments_of(definition, &self.name)?, &self.parameters)
    }

    /// The question in the object with the task token; `None` if the Task asks none.
    fn question(&self, definition: &Value) -> Option<Instructions> {
        let mut question = self.token(definition).and_then(|(_, beside)| steps::question_in(beside))?;
        if let Some(seconds) = self.heartbeat_seconds {
            let words = format!("{seconds}: without a heartbeat in this time it fails, also before it times out");
            question.values.push(("HeartbeatSeconds".to_owned(), words));
        }
        Some(question)
    }
}

/// A Task that waits for an answer with its token.
struct Asking {
    path: String,
    token: String,
    /// The object or array that contains the token.
    beside: Value,
}

/// The Tasks of an execution that were called and have not ended, in the order of their calls; then those of the child executions of
/// distributed Maps that were read.
fn scheduled(cached: &CachedExecution) -> Vec<Scheduled> {
    let mut all = scheduled_in(cached.history.entries());
    for child in cached.history.map_runs().children() {
        let tasks = scheduled_in(child.history.entries()).into_iter();
        all.extend(tasks.map(|task| Scheduled { path: format!("{}/{}", child.frame, task.path), ..task }));
    }
    all
}

/// The Tasks in the entries of one history that were called and have not ended.
fn scheduled_in(entries: &[JournalEntry]) -> Vec<Scheduled> {
    let mut all: Vec<Scheduled> = Vec::new();
    for entry in entries {
        let EntryContent::Event(event) = &entry.content else { continue };
        match &event.details {
            Details::TaskScheduled { name, parameters, timeout_seconds, heartbeat_seconds, .. } => {
                let path = state_path(&event.frame, name);
                all.retain(|task| task.path != path);
                let (name, parameters, since_ms) = (name.clone(), parameters.clone(), entry.timestamp_ms);
                let end_ms = |seconds: u64| since_ms.saturating_add(seconds.saturating_mul(1_000));
                let deadline_ms = timeout_seconds.map(end_ms);
                let heartbeat_seconds = *heartbeat_seconds;
                all.push(Scheduled { path, name, parameters, since_ms, deadline_ms, heartbeat_seconds });
            }
            Details::StateExited { name, .. }
            | Details::StateAborted { name, .. }
            | Details::TaskSucceeded { name, .. }
            | Details::TaskScheduleFailed { name, .. }
            | Details::TaskFailed { name, .. }
            | Details::TaskTimedOut { name, .. } => {
                let ended = state_path(&event.frame, name);
                all.retain(|task| !is_or_is_inside(&task.path, &ended));
            }
            Details::ExecutionSucceeded { .. }
            | Details::ExecutionFailed(_)
            | Details::ExecutionTimedOut(_)
            | Details::ExecutionAborted(_) => all.clear(),
            _ => {}
        }
    }
    all
}

/// The executions that Tasks of an execution have started and wait for (`.sync`), as commands name them: Step Functions stops them with it.
pub(super) fn awaited_executions(cached: &CachedExecution) -> Vec<String> {
    let waiting = scheduled(cached);
    let mut awaited = Vec::new();
    for entry in cached.history.entries() {
        let EntryContent::Event(event) = &entry.content else { continue };
        let Details::TaskSubmitted { name, resource, output } = &event.details else { continue };
        let Some(arn) = output["ExecutionArn"].as_str().filter(|_| resource.contains("startExecution.sync")) else {
            continue;
        };
        // A later visit of the state has started another one.
        let path = state_path(&event.frame, name);
        if waiting.iter().any(|task| task.path == path && task.since_ms <= entry.timestamp_ms) {
            let child = header(arn, &RemoteExecution::default());
            awaited.push(format!("{}:{}", child.workflow, child.id));
        }
    }
    awaited
}

/// The Task to answer, by its state's name or path. Without a name, the only Task whose token is known.
///
/// # Errors
/// None or several match, only its server's home answers it, or its question is malformed.
fn the_task(cached: &CachedExecution, state: Option<&str>) -> Result<Asking, CliError> {
    let mut all = scheduled(cached);
    let is_approval = |task: &Scheduled| cached.history.is_approval(&task.path);
    let is_answerable = |task: &Scheduled| is_approval(task) || task.token(&cached.definition).is_some();
    let answerable = all.iter().filter(|task| is_answerable(task));
    let waiting: Vec<String> = answerable.map(|task| format!("\"{}\"", task.path)).collect();
    match state {
        Some(state) => all.retain(|task| task.path == state || *task.name == *state),
        None => all.retain(is_answerable),
    }
    if all.len() > 1 {
        let paths: Vec<_> = all.iter().map(|task| format!("\"{}\"", task.path)).collect();
        let message = format!("{} tasks wait: {}; nothing was answered", paths.len(), paths.join(", "));
        return Err(CliError::refused(message).hint("name the state of the task to answer, after the execution"));
    }
    let Some(task) = all.pop() else { return Err(unanswerable::refusal(cached, state, &waiting)) };
    if is_approval(&task) {
        let message =
            format!("\"{}\" asks a person, and only its server's home answers it; nothing was answered", task.path);
        let command = command_in_home(&cached.arn, &task);
        return Err(CliError::refused(message).hint(format!("answer it {IN_HOME}:   {command}")));
    }
    let Some((token, beside)) = task.token(&cached.definition) else { return Err(without_token(cached, &task)) };
    if let Some(approval) = steps::question_in(beside).and_then(|question| question.approval) {
        flow::refuse_malformed(&approval, &task.path)
            .map_err(|fault| CliError::from(fault).hint(next::instead_of_answer(&id_of(cached))))?;
    }
    let (token, beside) = (token.to_owned(), beside.clone());
    Ok(Asking { path: task.path, token, beside })
}

/// The id of an execution, as commands take it.
fn id_of(cached: &CachedExecution) -> String {
    header(&cached.arn, &RemoteExecution::default()).id
}

/// The refusal of an answer to a Task whose parameters do not contain a task token: others answer it, or its service does.
fn without_token(cached: &CachedExecution, task: &Scheduled) -> CliError {
    let path = &task.path;
    let resource = find_state(&cached.definition, &task.name).and_then(|state| state["Resource"].as_str());
    let resource = resource.unwrap_or_default();
    if Resource::parse(resource) == Resource::Activity {
        let id = id_of(cached);
        let message = format!("\"{path}\" of {id} is a task of an activity, which only its worker answers");
        return Fault::new(api::IS_OF_ACTIVITY, format!("{message}; nothing was answered")).into();
    }
    if !waits_for_token(resource) {
        let message = format!("\"{path}\" waits for the answer of {resource}, not for one with a task token");
        return CliError::refused(format!("{message}; nothing was answered"));
    }
    let message =
        format!("the arguments of \"{path}\" do not contain its task token, so this command does not have it");
    CliError::refused(format!("{message}; nothing was answered"))
        .hint("whatever received the token answers with   aws stepfunctions send-task-success")
}

/// The command that answers an approval of a `flow serve`. In the server's home, an execution's id differs from its name.
fn command_in_home(arn: &str, task: &Scheduled) -> String {
    let asked = steps::question_in(&task.parameters).and_then(|asked| asked.approval).unwrap_or_default();
    next::approve_elsewhere(arn, &task.path, &asked)
}

/// The question of a Task with a token.
fn question(beside_token: &Value) -> Instructions {
    steps::question_in(beside_token).unwrap_or_else(|| Instructions {
        sentence: NO_PROMPT.to_owned(),
        values: Vec::new(),
        answer: None,
        approval: Some(Box::new(Approval::default())),
    })
}

/// The question of a Task to a person; `None` if it waits for a worker or a service.
fn asks(cached: &CachedExecution, task: &Scheduled) -> Option<Instructions> {
    if cached.history.is_approval(&task.path) {
        let asked = steps::question_in(&task.parameters).unwrap_or_else(|| question(&Value::Null));
        let mut values = asked.values;
        values.push(("to answer".to_owned(), format!("{IN_HOME}:\n{}", command_in_home(&cached.arn, task))));
        // Without the approval: no command of this machine answers it.
        return Some(Instructions { values, answer: None, approval: None, sentence: asked.sentence });
    }
    let (_, beside) = task.token(&cached.definition)?;
    let Some(asked) = steps::question_in(beside) else {
        // `flow signal` answers it.
        return Some(Instructions { approval: None, ..question(beside) });
    };
    if !is_for_tokens_only(&asked) {
        return Some(asked);
    }
    let values = vec![("to answer".to_owned(), ONLY_WITH_TOKENS.to_owned())];
    Some(Instructions { values, answer: None, approval: None, sentence: asked.sentence })
}

/// Whether only holders of tokens may answer: no command is proposed, because Step Functions would refuse it.
fn is_for_tokens_only(asked: &Instructions) -> bool {
    asked.approval.as_ref().is_some_and(|approval| approval.takes_only_tokens())
}

/// Marks the states of a complete view that wait for an answer, in a server's home or with their task token: until when, and what they ask
/// of a person.
pub(super) fn mark(cached: &CachedExecution, view: &mut View) {
    for task in scheduled(cached) {
        let Some(state) = view.states.get_mut(&task.path) else { continue };
        if cached.history.is_approval(&task.path) && state.status == StateStatus::Running {
            state.status = StateStatus::Waiting(Wait {
                reason: format!("waits for a person {IN_HOME}"),
                polled_ms: task.since_ms,
                // Nothing polls it.
                next_poll_ms: 0,
                deadline_ms: task.deadline_ms,
                instructions: asks(cached, &task),
            });
            continue;
        }
        if !matches!(state.status, StateStatus::Parked { .. }) {
            continue;
        }
        let deadline_ms = task.deadline_ms;
        state.status = match task.question(&cached.definition) {
            Some(question) => {
                let reason = match is_for_tokens_only(&question) {
                    true => format!("{}: {ONLY_WITH_TOKENS}", question.sentence),
                    false => WAITS_FOR_ANSWER.to_owned(),
                };
                StateStatus::Waiting(Wait {
                    reason,
                    polled_ms: task.since_ms,
                    // Nothing polls it.
                    next_poll_ms: 0,
                    deadline_ms,
                    instructions: Some(question).filter(|question| !is_for_tokens_only(question)),
                })
            }
            None => {
                let heartbeat = task.heartbeat_seconds.map(AwaitedHeartbeat::EverySeconds);
                StateStatus::Parked { deadline_ms, heartbeat }
            }
        };
    }
}

impl Executions {
    /// Refuses an answer for which the Task no longer waits. The history has the reason, unless the Task waits again or the history is
    /// late.
    async fn verify_accepted(
        &self,
        cached: &mut CachedExecution,
        receipt: Receipt,
        path: &str,
    ) -> Result<(), CliError> {
        match receipt {
            Receipt::Accepted => return Ok(()),
            Receipt::Over => self.read(cached).await?,
        }
        if !scheduled(cached).iter().any(|task| task.path == path) {
            return Err(unanswerable::refusal(cached, Some(path), &[]));
        }
        let message =
            format!("\"{path}\" does not wait any more: it was answered, timed out or ended; nothing was answered now");
        Err(CliError::new(Exit::Failed, message))
    }

    /// The Tasks that ask a person, longest wait first, of one execution or of those that run.
    pub(super) async fn person_tasks(
        &self,
        request: flow::ListPersonTasksRequest,
    ) -> Result<flow::ListPersonTasksResponse, CliError> {
        let Candidates { executions, searched } = match request.id {
            Some(id) => {
                let cached = self.of(&id).await?;
                let arn = cached.lock().await.arn.clone();
                Candidates { executions: vec![Candidate { arn, definition: None }], searched: None }
            }
            None => self.candidates().await?,
        };
        let mut tasks = Vec::new();
        for some in executions.chunks(CALLS_AT_ONCE) {
            let reads: Vec<_> = some.iter().map(|candidate| self.person_tasks_of(candidate)).collect();
            tasks.extend(try_join_all(reads).await?.into_iter().flatten());
        }
        tasks.sort_by_key(|task| task.since_ms);
        Ok(flow::ListPersonTasksResponse { tasks, truncated: searched.is_some(), searched })
    }

    /// The Tasks of one execution that ask a person.
    async fn person_tasks_of(&self, candidate: &Candidate) -> Result<Vec<flow::PersonTask>, CliError> {
        let arn = &candidate.arn;
        // Not from the cache, which has one execution of a name: two state machines may each have one.
        let mut cached = match &candidate.definition {
            Some(definition) => CachedExecution::new(arn, (**definition).clone()),
            None => self.open(arn).await?,
        };
        if !may_ask(&cached.definition) {
            return Ok(Vec::new());
        }
        self.read(&mut cached).await?;
        let header = header(arn, &RemoteExecution::default());
        let asking = scheduled(&cached).into_iter().filter_map(|task| Some((asks(&cached, &task)?, task)));
        let tasks = asking.map(|(instructions, task)| flow::PersonTask {
            takes_signal: !cached.history.is_approval(&task.path) && task.question(&cached.definition).is_none(),
            execution: header.id.clone(),
            workflow: header.workflow.clone(),
            state: task.path,
            since_ms: task.since_ms,
            deadline_ms: task.deadline_ms,
            next_poll_ms: None,
            timed_out_ms: None,
            instructions,
        });
        Ok(tasks.collect())
    }

    /// The schema of the fields of the question to answer; `None` if it has none.
    ///
    /// # Errors
    /// The errors of answering the question.
    pub async fn schema_of_question(&self, id: &str, state: Option<&str>) -> Result<Option<Value>, CliError> {
        let cached = self.of(id).await?;
        let mut cached = cached.lock().await;
        self.read(&mut cached).await?;
        let task = the_task(&cached, state)?;
        Ok(question(&task.beside).approval.and_then(|approval| approval.fields))
    }

    /// Answers a question: as [`flow::AnswerApproval`] on the local engine, by SendTaskSuccess or SendTaskFailure.
    pub(super) async fn answer_question(
        &self,
        request: flow::AnswerApprovalRequest,
    ) -> Result<flow::AnswerApprovalResponse, CliError> {
        let flow::AnswerApprovalRequest { id, state, decision, by, groups } = request;
        let cached = self.of(&id).await?;
        let mut cached = cached.lock().await;
        self.read(&mut cached).await?;
        let Asking { path, token, beside } = the_task(&cached, state.as_deref())?;
        let approval = question(&beside).approval.unwrap_or_default();
        let problems_of = |schema: &Value, value: &Value| -> Vec<String> {
            workflows::schema_problems(schema, value).iter().map(ToString::to_string).collect()
        };
        let answer = flow::ApprovalAnswer {
            decision,
            by: &by,
            proof: flow::Proof::Groups(&groups),
            now_ms: SystemClock::default().now_ms(),
        };
        let receipt = match flow::outcome_of(&approval, &path, answer, problems_of)? {
            Ok(output) => self.api.task_succeeded(&token, &output.to_string()).await,
            Err(failure) => self.api.task_failed(&token, &failure.error, &failure.cause).await,
        };
        self.verify_accepted(&mut cached, receipt.map_err(service_error)?, &path).await?;
        Ok(flow::AnswerApprovalResponse { state: path, user: by.user })
    }

    /// Answers a Task that waits with its token.
    pub(super) async fn signal(
        &self,
        request: flow::SignalTaskRequest,
    ) -> Result<<flow::SignalTask as api::Operation>::Response, CliError> {
        let flow::SignalTaskRequest { id, state, outcome, by, early } = request;
        let keeps_none = || {
            CliError::refused(
                "--early and --withdraw are for this machine's engine: Step Functions takes an answer only while its task waits",
            )
        };
        if early {
            return Err(keeps_none());
        }
        if by.comment.is_some() {
            let message = "Step Functions records no comment with an answer; nothing was answered";
            return Err(CliError::refused(message).hint("answer without --comment; --cause is recorded with a failure"));
        }
        let cached = self.of(&id).await?;
        let mut cached = cached.lock().await;
        self.read(&mut cached).await?;
        let Asking { path, token, beside } = the_task(&cached, Some(&state))?;
        if steps::question_in(&beside).is_some() {
            let message =
                format!("\"{path}\" of {id} is an approval, which a signal does not answer; nothing was answered");
            return Err(Fault::new(api::IS_APPROVAL, message).into());
        }
        let receipt = match outcome {
            flow::TaskOutcome::Success(output) => self.api.task_succeeded(&token, &output).await,
            flow::TaskOutcome::Failure { error, cause } => self.api.task_failed(&token, &error, &cause).await,
            flow::TaskOutcome::Withdraw => return Err(keeps_none()),
        };
        self.verify_accepted(&mut cached, receipt.map_err(service_error)?, &path).await?;
        Ok(Default::default())
    }
}

#[cfg(test)]
mod tests;
