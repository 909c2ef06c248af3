//! An execution in memory: header, frames, definition.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{EarlySignal, Frame, FrameId, FrameRow, FrameState, Frames, MapRun, Part, frame::AT_ONCE_MS};
use crate::{asl::StateMachine, journal::ErrorAndCause};

/// The status of an execution, in Step Functions' words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExecutionStatus {
    /// Not ended. The store does not record whether a process drives it at the moment.
    Running,
    /// Ended successfully.
    Succeeded,
    /// Ended with an error.
    Failed,
    /// Ended because `TimeoutSeconds` of the definition passed.
    TimedOut,
    /// Cancelled by a person.
    Aborted,
}

/// The identity of an execution in its context object (Developer Guide, "Accessing execution data from the Context object").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// `Execution.Id`, an ARN.
    pub execution_id: String,
    /// `Execution.Name`.
    pub execution_name: String,
    /// `Execution.RoleArn`.
    pub role_arn: String,
    /// `StateMachine.Id`, an ARN.
    pub state_machine_id: String,
    /// `StateMachine.Name`.
    pub state_machine_name: String,
}

impl Identity {
    /// Whether it is an EXPRESS execution, which cannot be redriven.
    pub(super) fn is_express(&self) -> bool {
        self.execution_id.split(':').nth(5) == Some("express")
    }

    /// The identity of a child execution of this one: another execution, of the state machine that the Map's processor is.
    pub(super) fn of_child(&self, run: &MapRun, index: u64) -> Self {
        let execution_name = run.child_name(index);
        let in_machine = |machine: &str| format!("{machine}/{}", run.label);
        // arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME
        let prefix: Vec<&str> = self.execution_id.splitn(6, ':').take(5).collect();
        let execution_id = match prefix[..] {
            ["arn", ..] if prefix.len() == 5 => run.child_arn(&prefix.join(":"), &self.state_machine_name, index),
            _ => format!("{}/{}:{execution_name}", self.execution_id, run.label),
        };
        Identity {
            execution_id,
            execution_name,
            role_arn: self.role_arn.clone(),
            state_machine_id: in_machine(&self.state_machine_id),
            state_machine_name: in_machine(&self.state_machine_name),
        }
    }

    /// The identity of an execution that no API started.
    pub(super) fn local(id: &str, workflow: &str) -> Self {
        Identity {
            execution_id: id.to_owned(),
            execution_name: id.to_owned(),
            role_arn: String::new(),
            state_machine_id: workflow.to_owned(),
            state_machine_name: workflow.to_owned(),
        }
    }
}

/// Reads what an execution created, and when. Older exports list ids without timestamps; these are read as 0.
fn created<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Arc<BTreeMap<String, u64>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Created {
        When(BTreeMap<String, u64>),
        Long(Vec<String>),
    }
    Ok(Arc::new(match Created::deserialize(from)? {
        Created::When(created) => created,
        Created::Long(created) => created.into_iter().map(|id| (id, 0)).collect(),
    }))
}

/// The header record of an execution: its identity, status and counters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionHeader {
    /// Its id, such as `endpoints-aws-7k3f`.
    pub id: String,
    /// The name of the workflow or of its file.
    pub workflow: String,
    /// Its identity in the context object; `None` if no API started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Arc<Identity>>,
    /// The subject it works on, such as `endpoints-aws/shop`. A second running execution on the same subject is refused.
    pub subject: Option<String>,
    /// The source of the definition and the environment that the execution acts in (region, profile), for display: a free-form object.
    pub environment: Arc<Value>,
    /// Whether the environment has changed since the start. If so, the store writes it with the record of each turn.
    #[serde(skip)]
    pub environment_replaced: bool,
    /// The input.
    pub input: Arc<Value>,
    /// Current status.
    pub status: ExecutionStatus,
    /// When it began, in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// When it ended, in milliseconds since the Unix epoch.
    pub stopped_ms: Option<u64>,
    /// The output of an execution that succeeded.
    pub output: Option<Arc<Value>>,
    /// Error and cause, if it failed, timed out or was aborted.
    pub failure: Option<ErrorAndCause>,
    /// When the execution times out (`TimeoutSeconds` of the definition), in milliseconds since the Unix epoch.
    pub deadline_ms: Option<u64>,
    /// The number of redrives.
    pub redrive_count: u32,
    /// When it was last redriven, in milliseconds since the Unix epoch. Earlier versions did not store it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redriven_ms: Option<u64>,
    /// The time between its ends and the redrives that followed them, in milliseconds. Earlier versions did not store it.
    #[serde(rename = "idleMs", default, skip_serializing_if = "is_default")]
    pub stopped_total_ms: u64,
    /// Whether it is paused until `flow resume` (credentials).
    pub paused: bool,
    /// Whether a call is in flight, a task is on offer or another execution is awaited: a new process must load it at once.
    #[serde(default)]
    pub awake: bool,
    /// Whether it is awake although no call is in flight: a worker or another execution must act. Earlier versions did not store it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_waits: bool,
    /// The failure with which it ends when it enters its next state; set when its state machine is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_with: Option<ErrorAndCause>,
    /// The failure with which it is aborted when its calls in flight have answered; set by `flow cancel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancels_with: Option<ErrorAndCause>,
    /// Sequence of the last journal entry.
    pub last_sequence: u64,
    /// Id of the last history event.
    pub last_event_id: u64,
    /// When the last journal entry was made, in milliseconds since the Unix epoch.
    #[serde(default)]
    pub last_timestamp_ms: u64,
    /// The next frame's id.
    pub next_frame_id: u64,
    /// Ids and ARNs of everything it created, and when, in milliseconds since the Unix epoch.
    #[serde(deserialize_with = "created")]
    pub created: Arc<BTreeMap<String, u64>>,
    /// When something is due next, in milliseconds since the Unix epoch.
    pub next_wake_ms: Option<u64>,
    /// Early signals, the oldest first.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub early_signals: Arc<Vec<EarlySignal>>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_empty<T>(all: &Arc<Vec<T>>) -> bool {
    all.is_empty()
}

impl ExecutionHeader {
    /// The header of an execution that has not begun.
    pub fn new(id: &str, workflow: &str, input: Arc<Value>) -> Self {
        ExecutionHeader {
            id: id.to_owned(),
            workflow: workflow.to_owned(),
            identity: None,
            subject: None,
            environment: Arc::default(),
            environment_replaced: false,
            input,
            status: ExecutionStatus::Running,
            started_ms: 0,
            stopped_ms: None,
            output: None,
            failure: None,
            deadline_ms: None,
            redrive_count: 0,
            redriven_ms: None,
            stopped_total_ms: 0,
            paused: false,
            awake: false,
            only_waits: false,
            ends_with: None,
            cancels_with: None,
            last_sequence: 0,
            last_event_id: 0,
            last_timestamp_ms: 0,
            next_frame_id: 1,
            created: Arc::default(),
            next_wake_ms: None,
            early_signals: Arc::default(),
        }
    }

    /// The fields of the wake record, which a new process reads.
    pub(super) fn wake_fields(&self) -> WakeFields {
        WakeFields { status: self.status, awake: self.awake, next_wake_ms: self.next_wake_ms }
    }

    /// The output of an execution that succeeded. JSON null is stored as no output, because serde reads both as `None`.
    pub fn result(&self) -> Option<Arc<Value>> {
        (self.status == ExecutionStatus::Succeeded).then(|| self.output.clone().unwrap_or_default())
    }

    /// For how long it has been active at a time, in milliseconds: without the time between an end and a redrive.
    pub fn active_ms(&self, now_ms: u64) -> u64 {
        let until_ms = self.stopped_ms.unwrap_or(now_ms);
        until_ms.saturating_sub(self.started_ms).saturating_sub(self.stopped_total_ms)
    }

    /// Whether nothing happens until an input from outside: it has ended or is paused.
    pub fn is_quiescent(&self) -> bool {
        self.status != ExecutionStatus::Running || self.paused
    }

    /// Whether a process that recovers it makes no calls, because it is quiescent or a cancel ends it.
    pub fn recovers_without_calls(&self) -> bool {
        self.is_quiescent() || self.cancels_with.is_some()
    }
}

/// An execution in a runner's memory.
#[derive(Debug, Clone)]
pub struct Execution {
    /// The header record.
    pub header: ExecutionHeader,
    /// The pinned definition.
    pub machine: Arc<StateMachine>,
    /// The frames by id. Frame 1 is the top level; a branch or an iteration is a child of its parent's frame.
    pub frames: Frames,
    /// A context object that replaces the execution's own, to test a single state; never stored.
    pub context: Option<Arc<Value>>,
    /// The children of each frame by index, derived from the frames.
    pub(super) children: BTreeMap<FrameId, BTreeSet<(u64, FrameId)>>,
    /// The due times of the frames, derived from the frames.
    pub(super) timers: BTreeSet<(u64, FrameId)>,
    /// Frames with a call in flight, derived from the frames.
    in_flight: BTreeSet<FrameId>,
    /// Frames whose task is on offer to workers, derived from the frames.
    offered: BTreeSet<FrameId>,
    /// Frames that wait for the end of another execution, derived from the frames.
    awaiting: BTreeSet<FrameId>,
    /// The definition's activities that do not exist. A Task of one fails when it is entered. Never stored.
    pub missing_activities: BTreeSet<Arc<str>>,
    /// The cost limit of the next turn; never stored.
    pub(super) turn_cost_max: Option<u64>,
    /// Whether the last turn ended early because it reached its cost limit; never stored.
    pub(super) turn_was_cut_short: bool,
    /// Whether the next turns begin no Task; never stored.
    pub(super) begins_no_tasks: bool,
}

/// The fields of the wake record, which a new process reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WakeFields {
    status: ExecutionStatus,
    awake: bool,
    next_wake_ms: Option<u64>,
}

/// The part of the wake record from which a new process decides whether to load the execution.
pub(super) struct WakeState {
    /// Whether it must load it at once.
    pub awake: bool,
    /// Whether the execution then only waits: no call is in flight.
    pub only_waits: bool,
}

impl Execution {
    /// An execution that has not begun. The first input is [`super::Input::Start`].
    pub fn new(id: &str, workflow: &str, machine: Arc<StateMachine>, input: Value) -> Self {
        Execution::without_frames(ExecutionHeader::new(id, workflow, Arc::new(input)), machine)
    }

    fn without_frames(header: ExecutionHeader, machine: Arc<StateMachine>) -> Self {
        Execution {
            header,
            machine,
            frames: Frames::default(),
            context: None,
            children: BTreeMap::new(),
            timers: BTreeSet::new(),
            in_flight: BTreeSet::new(),
            offered: BTreeSet::new(),
            awaiting: BTreeSet::new(),
            missing_activities: BTreeSet::new(),
            turn_cost_max: None,
            turn_was_cut_short: false,
            begins_no_tasks: false,
        }
    }

    /// Restores an execution from the store's records.
    pub fn restore(header: ExecutionHeader, machine: Arc<StateMachine>, rows: Vec<FrameRow>) -> Self {
        let mut execution = Execution::without_frames(header, machine);
        for row in rows {
            let id = row.id;
            execution.insert(Frame::restored(row));
            execution.register(id);
        }
        execution
    }

    /// Counts the time until each awaited heartbeat from `from_ms` at the earliest: before that no process could receive one.
    pub(crate) fn count_heartbeats_from(&mut self, from_ms: u64) {
        let beats = |frame: &&Frame| matches!(frame.row.frame_state, FrameState::Task { heartbeat: Some(_), .. });
        let ids: Vec<FrameId> = self.frames.in_order().filter(beats).map(|frame| frame.row.id).collect();
        for id in ids {
            let Some(frame) = self.frames.get_mut(id) else { continue };
            if let FrameState::Task { heartbeat: Some(heartbeat), .. } = &mut frame.row.frame_state {
                heartbeat.count_from(from_ms);
            }
            self.register(id);
        }
    }

    /// Sets a cost limit for each of the next turns, in events, below the limit of every turn.
    pub(crate) fn limit_turn(&mut self, cost_max: Option<u64>) {
        self.turn_cost_max = cost_max;
    }

    /// Sets whether the next turns begin no Task, because their process makes no new calls. The process that drives the execution next
    /// calls the Task at once. The history has no TaskScheduled event until the call is made.
    pub(crate) fn begin_no_tasks(&mut self, begins_no_tasks: bool) {
        self.begins_no_tasks = begins_no_tasks;
    }

    /// Whether the last turn ended early because it reached its cost limit.
    pub(crate) fn turn_was_cut_short(&self) -> bool {
        self.turn_was_cut_short
    }

    /// Whether any frame has a call in flight.
    pub fn in_flight(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// The frames with a call in flight.
    pub fn frames_in_flight(&self) -> &BTreeSet<FrameId> {
        &self.in_flight
    }

    /// Whether the call of an attempt is in flight.
    pub fn is_calling(&self, frame: FrameId, visit: u64, attempt: u32) -> bool {
        self.in_flight.contains(&frame) && self.is_current_task(frame, visit, Some(attempt))
    }

    /// Whether [`super::Input::Withheld`] may record that a call was not made. It may not for a repeated poll without an answer: an earlier
    /// process, which has ended, may have made the call.
    pub fn can_withhold(&self, frame: FrameId, visit: u64, attempt: u32) -> bool {
        let is_known = |frame_state: &FrameState| match frame_state {
            FrameState::Task { poll, waiting, .. } => *poll == 1 || waiting.is_some(),
            _ => false,
        };
        self.is_calling(frame, visit, attempt)
            && self.frames.get(frame).is_some_and(|frame| is_known(&frame.row.frame_state))
    }

    /// Whether the last turn left work for the next one, which needs [`super::Input::TimerFired`] at once.
    pub fn has_more_to_do(&self) -> bool {
        self.header.next_wake_ms == Some(AT_ONCE_MS)
    }

    /// The wake state that follows from the frames.
    pub(super) fn wake_state(&self) -> WakeState {
        let running = self.header.status == ExecutionStatus::Running;
        let waits = !self.offered.is_empty() || !self.awaiting.is_empty();
        WakeState { awake: running && (self.in_flight() || waits), only_waits: running && waits && !self.in_flight() }
    }

    /// The frames with a call in flight or waiting for another execution: a new process polls them again.
    pub(super) fn to_poll(&self) -> Vec<FrameId> {
        self.in_flight.union(&self.awaiting).copied().collect()
    }

    /// The frames that wait for the end of this execution.
    pub(super) fn awaiting(&self, execution: &str) -> Vec<FrameId> {
        let awaits = |id: &FrameId| self.frames.get(*id).and_then(Frame::awaited) == Some(execution);
        self.awaiting.iter().copied().filter(awaits).collect()
    }

    /// Whether it waits for the end of another execution.
    pub(crate) fn awaits_executions(&self) -> bool {
        !self.awaiting.is_empty()
    }

    /// Registers a frame: its due time, and whether its call is in flight, its task is on offer or it waits for another execution.
    pub(super) fn register(&mut self, id: FrameId) {
        let Some(frame) = self.frames.get_mut(id) else { return };
        mark(&mut self.in_flight, id, frame.in_flight());
        mark(&mut self.offered, id, frame.is_offered());
        mark(&mut self.awaiting, id, frame.awaited().is_some());
        let due = frame.due_ms();
        if due == frame.registered_due_ms {
            return;
        }
        if let Some(old) = frame.registered_due_ms.take() {
            self.timers.remove(&(old, id));
        }
        if let Some(due) = due {
            self.timers.insert((due, id));
        }
        frame.registered_due_ms = due;
    }

    pub(super) fn insert(&mut self, frame: Frame) {
        let row = &frame.row;
        if let Some(parent) = row.parent {
            self.children.entry(parent).or_default().insert((row.index, row.id));
        }
        self.frames.insert(frame);
    }

    /// Removes a frame. Returns those of its parts that are stored in records of their own, if the store has the frame.
    pub(super) fn remove(&mut self, id: FrameId) -> Option<Vec<Part>> {
        let frame = self.frames.remove(id)?;
        self.in_flight.remove(&id);
        self.offered.remove(&id);
        self.awaiting.remove(&id);
        if let Some(old) = frame.registered_due_ms {
            self.timers.remove(&(old, id));
        }
        if let Some(siblings) = frame.row.parent.and_then(|parent| self.children.get_mut(&parent)) {
            siblings.remove(&(frame.row.index, id));
        }
        self.children.remove(&id);
        frame.stored_parts()
    }
}

fn mark(frames: &mut BTreeSet<FrameId>, id: FrameId, belongs: bool) {
    if belongs {
        frames.insert(id);
    } else {
        frames.remove(&id);
    }
}
