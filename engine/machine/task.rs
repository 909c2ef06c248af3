//! Task states: the call, its polls and its deadline.

mod awaited;
pub(super) mod early_signal;
mod token_wait;

use std::sync::Arc;

use serde_json::Value;

use super::{
    Command, FrameId, FrameState, Heartbeat, Parked, StepAnswer, StepCall, Waiting,
    failure::retry,
    limits,
    scope::{Extra, shown},
    state::Leaving,
    turn::Turn,
};
use crate::{
    asl::{State, StateKind, Task, Template},
    journal::{ErrorAndCause, HistoryEventDetails, NOT_CALLED, Note, Signaller, StepFailure},
    step::{ChangeAction, ErrorClass, Resource, ResourceChange, StepError, error_names, idempotency_token},
};

/// The time limits of an attempt, in seconds; `None` without a limit.
struct TimeLimits {
    timeout_seconds: Option<u64>,
    heartbeat_seconds: Option<u64>,
}

impl Turn<'_> {
    /// Begins an attempt: evaluates the arguments, sets the deadline and requests the first poll.
    pub fn begin_task(&mut self, id: FrameId, task: &Task) -> Result<(), StepFailure> {
        let arguments = match &task.arguments {
            Some(template) => Arc::new(self.evaluate(id, template, Extra::None)?),
            None => self.effective_input(id)?,
        };
        limits::refuse(&self.frame(id).row.state, &arguments)?;
        let TimeLimits { timeout_seconds, heartbeat_seconds } = self.time_limits(id, task)?;
        let role_arn = self.role_arn(id, task)?;
        let now = self.now_ms();
        let name = self.frame(id).row.state.clone();
        let resource = task.resource.clone();
        let offered = Resource::parse(&resource) == Resource::Activity;
        if self.execution.missing_activities.contains(&resource) {
            return Err(self.missing_activity(id, &resource));
        }
        self.event(
            Some(id),
            HistoryEventDetails::TaskScheduled {
                name: name.clone(),
                resource: resource.clone(),
                parameters: arguments.clone(),
                timeout_seconds,
                heartbeat_seconds,
                role_arn,
            },
        );
        if !offered {
            self.event(Some(id), HistoryEventDetails::TaskStarted { name, resource: resource.clone(), worker: None });
        }
        self.row_mut(id).frame_state = FrameState::Task {
            arguments,
            first_poll_ms: now,
            deadline_ms: timeout_seconds.map(|seconds| now.saturating_add(seconds.saturating_mul(1000))),
            poll: 0,
            poll_started_ms: now,
            next_poll_ms: None,
            waiting: None,
            parked: offered.then_some(Parked::Offered),
            submitted: false,
            heartbeat: heartbeat_seconds.map(|seconds| Heartbeat { seconds, due_ms: None }),
            resource: None,
        };
        if !offered {
            self.poll(id);
        } else if !self.apply_early_signal(id) {
            self.offer(id);
        }
        Ok(())
    }

    /// `RoleArn` of the Task's `Credentials`, for the history. Calls use the credentials of the process.
    fn role_arn(&mut self, id: FrameId, task: &Task) -> Result<Option<Box<str>>, StepFailure> {
        let Some(template) = &task.credentials else { return Ok(None) };
        let credentials = self.evaluate(id, template, Extra::None)?;
        Ok(credentials["RoleArn"].as_str().map(Into::into))
    }

    /// `TimeoutSeconds` and `HeartbeatSeconds`. "HeartbeatSeconds must be smaller than TimeoutSeconds": a definition is refused if its
    /// numbers break this rule, a state fails if the values of its paths or expressions do.
    fn time_limits(&mut self, id: FrameId, task: &Task) -> Result<TimeLimits, StepFailure> {
        let timeout_seconds = self.seconds(id, task.timeout_seconds.as_ref())?;
        let heartbeat_seconds = self.seconds(id, task.heartbeat_seconds.as_ref())?;
        match (timeout_seconds, heartbeat_seconds) {
            (Some(timeout), Some(heartbeat)) if heartbeat >= timeout => {
                let cause = format!(
                    "HeartbeatSeconds must be smaller than TimeoutSeconds, but {heartbeat} is not smaller than {timeout}"
                );
                Err(self.runtime_failure(id, cause))
            }
            _ => Ok(TimeLimits { timeout_seconds, heartbeat_seconds }),
        }
    }

    fn seconds(&mut self, id: FrameId, template: Option<&Template>) -> Result<Option<u64>, StepFailure> {
        let Some(template) = template else { return Ok(None) };
        let value = self.evaluate(id, template, Extra::None)?;
        let seconds =
            value.as_u64().or_else(|| value.as_f64().filter(|s| *s > 0.0 && s.fract() == 0.0).map(|s| s as u64));
        match (seconds.filter(|seconds| (1..=99_999_999).contains(seconds)), template) {
            (Some(seconds), _) => Ok(Some(seconds)),
            (None, Template::Query { query, field }) => {
                let (path, value) = (query.source_in_cause(), shown(&value));
                let cause = format!("The {field} parameter does not reference a positive integer: {path} == {value}");
                Err(self.runtime_failure(id, cause))
            }
            (None, template) => Err(self.unexpected_type(id, template, "integer", &value)),
        }
    }

    /// Requests the next poll of the attempt that a frame is in.
    pub fn poll(&mut self, id: FrameId) {
        let Some(resource) = self.called_resource(id) else { return };
        let now = self.now_ms();
        let created = self.execution.header.created.clone();
        let state_path = self.frame(id).state_path();
        let token = idempotency_token(&self.execution.header.id, &state_path, self.frame(id).row.visit);
        let row = self.row_mut(id);
        let (visit, attempt) = (row.visit, row.attempt);
        let FrameState::Task { arguments, first_poll_ms, deadline_ms, poll, poll_started_ms, next_poll_ms, .. } =
            &mut row.frame_state
        else {
            return;
        };
        *poll += 1;
        *poll_started_ms = now;
        *next_poll_ms = None;
        let call = StepCall {
            frame: id,
            visit,
            attempt,
            poll: *poll,
            state_path,
            resource,
            arguments: arguments.clone(),
            token,
            first_poll_ms: *first_poll_ms,
            deadline_ms: *deadline_ms,
            created,
        };
        self.command(Command::CallStep(Box::new(call)));
    }

    /// Records that the requested poll was not made. The poll is due at once: the next process makes it as if it were requested then. Only
    /// the first poll has an event in the history.
    pub fn withheld(&mut self, id: FrameId, visit: u64, attempt: u32, reason: &str) {
        if !self.execution.can_withhold(id, visit, attempt) {
            return;
        }
        let now = self.now_ms();
        let FrameState::Task { poll, next_poll_ms, .. } = &mut self.row_mut(id).frame_state else { return };
        *poll -= 1;
        *next_poll_ms = Some(now);
        if *poll == 0
            && let Some((name, resource)) = self.name_and_resource(id)
        {
            let failure = ErrorAndCause { error: NOT_CALLED.to_owned(), cause: format!("no call was made: {reason}") };
            self.event(Some(id), HistoryEventDetails::TaskStartFailed { name, resource, failure });
        }
    }

    /// Makes the first call of an attempt, which an earlier process did not make.
    fn make_withheld_call(&mut self, id: FrameId) {
        if let Some((name, resource)) = self.name_and_resource(id) {
            self.event(Some(id), HistoryEventDetails::TaskStarted { name, resource, worker: None });
        }
        self.poll(id);
    }

    /// Notes that a call with an unknown outcome is repeated: its process ended without recording an answer. Writes nothing for
    /// the repeated poll of a Task that already reported that it waits, or for an iteration of a distributed Map, which has no notes.
    pub(super) fn note_called_again(&mut self, id: FrameId) {
        let frame = self.frame(id);
        let is_unknown = matches!(frame.row.frame_state, FrameState::Task { waiting: None, resource: None, .. });
        if !is_unknown || !frame.in_flight() || frame.row.is_in_child_execution {
            return;
        }
        let (state_path, attempt) = (frame.state_path(), frame.row.attempt);
        let reason = format!("attempt {attempt} may have run: its owner ended without recording an answer");
        self.note(Note::CalledAgain { state_path, attempt, reason });
    }

    /// The resource that a frame calls.
    fn called_resource(&self, id: FrameId) -> Option<String> {
        if let FrameState::Task { resource: Some(resource), .. } = &self.frame(id).row.frame_state {
            return Some(resource.clone());
        }
        self.name_and_resource(id).map(|(_, resource)| resource.to_string())
    }

    /// Handles the next poll or the deadline of a Task. If both are due, the machine was off in the meantime: it polls first.
    pub fn task_is_due(&mut self, id: FrameId) {
        let now = self.now_ms();
        match &self.frame(id).row.frame_state {
            FrameState::Task { next_poll_ms: Some(next), poll: 0, .. } if *next <= now => self.make_withheld_call(id),
            FrameState::Task { next_poll_ms: Some(next), .. } if *next <= now => self.poll(id),
            FrameState::Task { .. } => self.task_timed_out(id),
            _ => {}
        }
    }

    fn task_timed_out(&mut self, id: FrameId) {
        let is_missed_heartbeat = self.has_missed_heartbeat(id);
        self.abandon(id);
        self.stop_awaited(id);
        let row = &self.frame(id).row;
        let last_poll = match &row.frame_state {
            FrameState::Task { waiting: Some(waiting), parked: None, .. } => Some(waiting.reason.as_str()),
            _ => None,
        };
        // AWS gives no cause here. Our steps have a reason to report.
        let cause = match last_poll {
            None if !self.is_step(id) => String::new(),
            last_poll => cause_of_time_out(&row.state, last_poll),
        };
        let failure = StepFailure { error: error_names::TIMEOUT.to_owned(), cause, details: None };
        if let Some((name, resource)) = self.name_and_resource(id) {
            let failure = ErrorAndCause { error: failure.error.clone(), cause: failure.cause.clone() };
            self.event(Some(id), HistoryEventDetails::TaskTimedOut { name, resource, failure });
        }
        self.fail_state(id, if is_missed_heartbeat { retry::missed_heartbeat(failure) } else { failure });
    }

    /// Whether a Task that has timed out has missed a heartbeat before its TimeoutSeconds had passed.
    fn has_missed_heartbeat(&self, id: FrameId) -> bool {
        match &self.frame(id).row.frame_state {
            FrameState::Task { parked: Some(_), deadline_ms, heartbeat: Some(heartbeat), .. } => heartbeat
                .due_ms
                .is_some_and(|due_ms| due_ms <= self.now_ms() && deadline_ms.is_none_or(|deadline| due_ms < deadline)),
            _ => false,
        }
    }

    pub(super) fn name_and_resource(&self, id: FrameId) -> Option<(Arc<str>, Arc<str>)> {
        let state = self.state_of(id)?;
        match &state.kind {
            StateKind::Task(task) => Some((state.name.clone(), task.resource.clone())),
            _ => None,
        }
    }

    /// Handles the answer of a call. Late and repeated answers change nothing.
    pub fn answered(&mut self, id: FrameId, visit: u64, attempt: u32, answer: StepAnswer) {
        let current = self.execution.frames.get(id);
        if !current.is_some_and(|f| f.row.visit == visit && f.row.attempt == attempt && f.in_flight()) {
            return;
        }
        if let Err(failure) = self.refuse_unfinished(id, &answer) {
            self.task_failed_as(id, failure);
            return self.run();
        }
        match answer {
            StepAnswer::Done { output, changes } if self.waits_for_token(id) => self.park(id, output, changes, None),
            StepAnswer::Asked { output, changes, question } if self.waits_for_token(id) => {
                self.park(id, output, changes, Some(*question));
            }
            StepAnswer::Asked { output, changes, .. } => self.task_done(id, output, changes),
            StepAnswer::Done { output, changes } => self.task_done(id, output, changes),
            StepAnswer::Pending { reason, next_poll_ms, instructions, submitted, execution } => {
                if let Some(output) = submitted {
                    self.submitted(id, output);
                }
                let polled_ms = self.now_ms();
                self.task_pending(id, next_poll_ms, Waiting { reason, polled_ms, instructions, execution })
            }
            StepAnswer::Failed(error) if error.class == ErrorClass::Credentials => self.pause(id, error),
            StepAnswer::Failed(error) => self.task_failed(id, error),
        }
        self.run();
    }

    /// Fails a call that is not finished if its answer is too large or nested too deep.
    fn refuse_unfinished(&self, id: FrameId, answer: &StepAnswer) -> Result<(), StepFailure> {
        let Some(state) = self.state_of(id) else { return Ok(()) };
        match answer {
            StepAnswer::Done { output, .. } | StepAnswer::Asked { output, .. } if self.waits_for_token(id) => {
                limits::refuse_result(name_of_called(state), output)
            }
            StepAnswer::Pending { submitted: Some(output), .. } => limits::refuse_result(name_of_called(state), output),
            _ => Ok(()),
        }
    }

    /// Handles an answer from outside. An answer after the deadline changes nothing, as on AWS: the task has timed out.
    pub fn signalled(
        &mut self,
        id: FrameId,
        visit: u64,
        attempt: Option<u32>,
        answer: Result<Value, ErrorAndCause>,
        by: Option<Signaller>,
    ) {
        if !self.execution.takes_answer(id, visit, attempt, by.as_ref(), self.now_ms()) {
            return;
        }
        self.abandon(id);
        if let Some(by) = by {
            let state_path = self.frame(id).state_path();
            self.note(Note::Signalled { state_path, by: by.shortened(), succeeded: answer.is_ok() });
        }
        self.answer_from_outside(id, answer);
        self.run();
    }

    /// Ends a Task with an answer from outside.
    pub(super) fn answer_from_outside(&mut self, id: FrameId, answer: Result<Value, ErrorAndCause>) {
        match answer {
            Ok(output) => self.task_done(id, output, Vec::new()),
            Err(ErrorAndCause { error, cause }) => {
                // The failure of a call: `States.ALL` matches it, also if the result of the call was too large.
                let is_limit = error == error_names::DATA_LIMIT_EXCEEDED;
                let details = is_limit.then(|| StepError::named(error.clone(), cause.clone()));
                self.task_failed_as(id, StepFailure { error, cause, details });
            }
        }
    }

    pub(super) fn note_changes(&mut self, id: FrameId, changes: Vec<ResourceChange>) {
        let state_path = self.frame(id).state_path();
        for change in changes {
            let created_id = (change.action == ChangeAction::Created).then(|| change.id.clone());
            self.note(Note::ResourceChanged { state_path: state_path.clone(), change });
            if let Some(id) = created_id {
                let header = self.header_mut();
                Arc::make_mut(&mut header.created).insert(id, header.last_timestamp_ms);
            }
        }
    }

    fn task_done(&mut self, id: FrameId, output: Value, changes: Vec<ResourceChange>) {
        self.note_changes(id, changes);
        if let Some(map) = self.calls_for_map(id) {
            return self.map_answered(id, &map, output);
        }
        let Some(state) = self.state_of(id).cloned() else { return };
        if let Err(failure) = limits::refuse_result(name_of_called(&state), &output) {
            return self.task_failed_as(id, failure);
        }
        let output = Arc::new(output);
        if let Some((name, resource)) = self.name_and_resource(id) {
            self.event(Some(id), HistoryEventDetails::TaskSucceeded { name, resource, output: output.clone() });
        }
        if let Err(failure) = self.leave(id, &state, Leaving::with_result(&state, output)) {
            self.fail_state(id, failure);
        }
    }

    fn task_pending(&mut self, id: FrameId, next_poll: u64, found: Waiting) {
        let now = self.now_ms();
        let (reason, instructions) = (found.reason.clone(), found.instructions.clone());
        let row = self.row_mut(id);
        let state_path = row.state_path();
        let FrameState::Task { deadline_ms, poll, next_poll_ms, waiting, .. } = &mut row.frame_state else { return };
        *next_poll_ms = Some(next_poll);
        let has_changed =
            waiting.as_ref().is_none_or(|last| last.reason != reason || last.instructions != instructions);
        *waiting = Some(Box::new(found));
        let (poll, deadline_ms) = (*poll, *deadline_ms);
        if deadline_ms.is_some_and(|deadline| deadline <= now) {
            return self.task_timed_out(id);
        }
        if has_changed {
            self.note(Note::Waiting { state_path, reason, poll, next_poll_ms: next_poll, deadline_ms, instructions });
        }
        self.apply_early_signal(id);
    }

    fn task_failed(&mut self, id: FrameId, error: StepError) {
        let error = self.named_for_map(id, error);
        // The failure of an integration has AWS's text alone.
        let cause = if error.name.is_some() { error.cause.clone() } else { error.to_string() };
        let failure = StepFailure { error: error.error_name().to_owned(), cause, details: Some(error) };
        self.task_failed_as(id, failure);
    }

    fn task_failed_as(&mut self, id: FrameId, failure: StepFailure) {
        let failure = failure.shortened();
        if self.calls_for_map(id).is_some() {
            self.map_run_failed(id, &failure);
        }
        if let Some((name, resource)) = self.name_and_resource(id) {
            let failure = ErrorAndCause { error: failure.error.clone(), cause: failure.cause.clone() };
            self.event(Some(id), HistoryEventDetails::TaskFailed { name, resource, failure });
        }
        self.fail_state(id, failure);
    }

    fn pause(&mut self, id: FrameId, error: StepError) {
        let failure =
            StepFailure { error: error.class.error_name().to_owned(), cause: error.to_string(), details: Some(error) };
        let state_path = self.frame(id).state_path();
        self.header_mut().paused = true;
        self.row_mut(id).frame_state = FrameState::Paused { failure: Box::new(failure.clone()) };
        self.note(Note::Paused { state_path, failure });
    }
}

/// The name that AWS gives to a call whose result is too large: the ARN of a function or an activity, or the service of an integration.
fn name_of_called(state: &State) -> &str {
    let StateKind::Task(task) = &state.kind else { return &state.name };
    match Resource::parse(&task.resource) {
        Resource::Integration { service, .. } => service,
        Resource::LambdaFunction { .. } | Resource::Activity => &task.resource,
        Resource::Step { .. } | Resource::Unknown => &state.name,
    }
}

/// The cause of `States.Timeout` of a step, with what its last poll reported.
pub fn cause_of_time_out(state: &str, last_poll: Option<&str>) -> String {
    let found = last_poll.map(|reason| format!(" The last poll found: {}.", reason.trim_end_matches('.')));
    format!("The state '{state}' did not end within its TimeoutSeconds.{}", found.unwrap_or_default())
}
