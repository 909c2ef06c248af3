//! Tasks that are answered from outside: by a worker of an activity, or by the holder of a task token.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    asl::StateKind,
    journal::{HistoryEventDetails, Note, Signaller},
    machine::{
        Command, Execution, Frame, FrameId, FrameState, Heartbeat, Input, OfferedTask, Parked, Waiting, turn::Turn,
    },
    step::{Instructions, Resource, ResourceChange, TaskToken},
};

/// The reason of the wait for the answer to a question.
const WAITS_FOR_ANSWER: &str = "waits for an answer";
/// The time of the next poll of a Task that nothing polls.
const NEVER_POLLED_MS: u64 = 0;

impl Execution {
    /// Whether at a time the task that an input addresses still waits, or the stored answer still exists; true for an input that addresses
    /// neither.
    pub fn awaits(&self, input: &Input, now_ms: u64) -> bool {
        match input {
            Input::Signalled { frame, visit, attempt, by, .. } => {
                self.takes_answer(*frame, *visit, *attempt, by.as_ref(), now_ms)
            }
            Input::Heartbeat { frame, visit, attempt } | Input::Fetched { frame, visit, attempt, .. } => {
                self.is_answerable(*frame, *visit, Some(*attempt), now_ms)
            }
            Input::WithdrawSignal { state, .. } => {
                self.header.early_signals.iter().any(|signal| signal.state == *state)
            }
            _ => true,
        }
    }

    /// Whether a frame is in an attempt of a Task that has not timed out at a time. A deadline is a moment in the store: it passes also
    /// while no process drives the execution.
    fn is_answerable(&self, id: FrameId, visit: u64, attempt: Option<u32>, now_ms: u64) -> bool {
        let timed_out_ms = |frame: &Frame| frame.row.timed_out_ms(self.header.deadline_ms, now_ms);
        self.is_current_task(id, visit, attempt) && self.frames.get(id).and_then(timed_out_ms).is_none()
    }

    /// Whether a frame's Task takes an answer from outside at a time. `by` is the person who answers; `None` for a holder of the task
    /// token. The token of an approval's step was given to nobody, and AnswerApproval checks who answers, and what.
    pub(super) fn takes_answer(
        &self,
        id: FrameId,
        visit: u64,
        attempt: Option<u32>,
        by: Option<&Signaller>,
        now_ms: u64,
    ) -> bool {
        let is_for_person = |frame: &Frame| {
            let asks = frame.row.instructions().is_some_and(|instructions| instructions.approval.is_some());
            asks && !frame.row.waits_for_token()
        };
        let is_for_person = self.frames.get(id).is_some_and(is_for_person);
        self.is_answerable(id, visit, attempt, now_ms) && (by.is_some() || !is_for_person)
    }

    /// Whether a frame is in an attempt of a Task; `None` for any attempt of the visit.
    pub(in crate::machine) fn is_current_task(&self, id: FrameId, visit: u64, attempt: Option<u32>) -> bool {
        self.frames.get(id).is_some_and(|frame| {
            frame.row.visit == visit
                && attempt.is_none_or(|attempt| attempt == frame.row.attempt)
                && matches!(frame.row.frame_state, FrameState::Task { .. })
        })
    }
}

impl Turn<'_> {
    /// Whether the Task that a frame is in waits for its task token.
    pub(super) fn waits_for_token(&self, id: FrameId) -> bool {
        matches!(self.state_of(id).map(|state| &state.kind), Some(StateKind::Task(task)) if task.waits_for_token())
    }

    /// Whether the Task that a frame is in calls one of our steps.
    pub(super) fn is_step(&self, id: FrameId) -> bool {
        let Some(StateKind::Task(task)) = self.state_of(id).map(|state| &state.kind) else { return false };
        matches!(Resource::parse(&task.resource), Resource::Step { .. })
    }

    fn is_current_task(&self, id: FrameId, visit: u64, attempt: Option<u32>) -> bool {
        self.execution.is_current_task(id, visit, attempt)
    }

    /// Offers a task to the workers of its activity.
    pub(super) fn offer(&mut self, id: FrameId) {
        let Some(state) = self.state_of(id).cloned() else { return };
        let StateKind::Task(task) = &state.kind else { return };
        let row = &self.frame(id).row;
        let FrameState::Task { arguments, .. } = &row.frame_state else { return };
        let execution = self.execution.header.id.clone();
        let token = TaskToken { execution, frame: id, visit: row.visit, attempt: row.attempt };
        let offered = OfferedTask { activity: task.resource.to_string(), token, input: arguments.clone() };
        self.command(Command::Offer(Box::new(offered)));
    }

    /// Offers again the tasks that no worker had fetched when the previous process ended.
    pub fn offer_again(&mut self) {
        let offered = |state: &FrameState| matches!(state, FrameState::Task { parked: Some(Parked::Offered), .. });
        let frames = self.execution.frames.in_order().filter(|frame| offered(&frame.row.frame_state));
        let ids: Vec<_> = frames.map(|frame| frame.row.id).collect();
        ids.into_iter().for_each(|id| self.offer(id));
    }

    /// Fails a task that cannot be offered, because its activity does not exist.
    pub fn not_offered(&mut self, id: FrameId, visit: u64, attempt: u32) {
        if !self.is_current_task(id, visit, Some(attempt)) {
            return;
        }
        let FrameState::Task { parked: Some(Parked::Offered), .. } = self.frame(id).row.frame_state else { return };
        let Some((_, activity)) = self.name_and_resource(id) else { return };
        let failure = self.missing_activity(id, &activity);
        self.fail_state(id, failure);
        self.run();
    }

    /// Marks a task as fetched by a worker, which now has the task token, and starts its heartbeat. A task that has timed out is not
    /// fetched.
    pub fn fetched(&mut self, id: FrameId, visit: u64, attempt: u32, worker: Option<String>) {
        let now = self.now_ms();
        if !self.execution.is_answerable(id, visit, Some(attempt), now) {
            return;
        }
        let FrameState::Task { parked, heartbeat, .. } = &mut self.row_mut(id).frame_state else { return };
        if *parked != Some(Parked::Offered) {
            return;
        }
        *parked = Some(Parked::Token);
        beat(heartbeat, now);
        if let Some((name, resource)) = self.name_and_resource(id) {
            self.event(Some(id), HistoryEventDetails::TaskStarted { name, resource, worker });
        }
    }

    /// Waits for the task token after the call that carries it has been made. A question is for a person, whose answer is checked, so that no
    /// early signal answers it.
    pub(super) fn park(
        &mut self,
        id: FrameId,
        output: Value,
        changes: Vec<ResourceChange>,
        question: Option<Instructions>,
    ) {
        self.note_changes(id, changes);
        self.submitted(id, output);
        let now = self.now_ms();
        let FrameState::Task { parked, heartbeat, .. } = &mut self.row_mut(id).frame_state else { return };
        *parked = Some(Parked::Token);
        beat(heartbeat, now);
        match question {
            Some(question) => self.ask(id, question),
            None => {
                self.apply_early_signal(id);
            }
        }
    }

    /// Records the question that a Task with a task token asks a person.
    fn ask(&mut self, id: FrameId, question: Instructions) {
        let (polled_ms, reason) = (self.now_ms(), WAITS_FOR_ANSWER.to_owned());
        let row = self.row_mut(id);
        let state_path = row.state_path();
        let FrameState::Task { waiting, poll, deadline_ms, .. } = &mut row.frame_state else { return };
        let (poll, deadline_ms, instructions) = (*poll, *deadline_ms, Some(question));
        let asked = Waiting { reason: reason.clone(), polled_ms, instructions: instructions.clone(), execution: None };
        *waiting = Some(Box::new(asked));
        self.note(Note::Waiting { state_path, reason, poll, next_poll_ms: NEVER_POLLED_MS, deadline_ms, instructions });
    }

    /// Writes once, as TaskSubmitted, that the call has begun.
    pub(super) fn submitted(&mut self, id: FrameId, output: Value) {
        let FrameState::Task { submitted, .. } = &mut self.row_mut(id).frame_state else { return };
        if std::mem::replace(submitted, true) {
            return;
        }
        if let Some((name, resource)) = self.name_and_resource(id) {
            self.event(Some(id), HistoryEventDetails::TaskSubmitted { name, resource, output: Arc::new(output) });
        }
    }

    /// Handles a heartbeat from the holder of the task. A late heartbeat changes nothing: the task has timed out.
    pub fn heartbeat(&mut self, id: FrameId, visit: u64, attempt: u32) {
        let now = self.now_ms();
        if !self.execution.is_answerable(id, visit, Some(attempt), now) {
            return;
        }
        if let FrameState::Task { heartbeat, .. } = &mut self.row_mut(id).frame_state {
            beat(heartbeat, now);
        }
    }
}

fn beat(heartbeat: &mut Option<Heartbeat>, now_ms: u64) {
    if let Some(heartbeat) = heartbeat {
        heartbeat.beat(now_ms);
    }
}
