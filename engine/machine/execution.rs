//! An execution in memory: header, frames, definition.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{EarlySignal, Frame, FrameId, FrameRow, Frames, Part, frame::AT_ONCE_MS};
use crate::{asl::StateMachine, journal::ErrorAndCause};

/// Step Functions' words for how an execution stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExecutionStatus {
    /// Not ended; whether a process drives it right now is not in the store.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended with an error.
    Failed,
    /// Ended because `TimeoutSeconds` of the definition passed.
    TimedOut,
    /// Cancelled by a person.
    Aborted,
}

/// Who an execution is in its context object (Developer Guide, "Accessing execution data from the Context object").
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

    /// Of an execution that no API started.
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

/// What was created, and when. What was exported before that was kept says only what: it was long ago.
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

/// The row that says what an execution is and how it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionHeader {
    /// Such as `endpoints-aws-7k3f`.
    pub id: String,
    /// The workflow's name, or the file's.
    pub workflow: String,
    /// What the context object says it is, where an API started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Arc<Identity>>,
    /// What it works on, such as `endpoints-aws/shop`; two running executions on one subject are refused.
    pub subject: Option<String>,
    /// What the definition was pinned from, and where it acts (region, profile), for display: a free object.
    pub environment: Arc<Value>,
    /// Whether the environment is another one than at the start: then the store has it with the record of each turn.
    #[serde(skip)]
    pub environment_replaced: bool,
    /// The input.
    pub input: Arc<Value>,
    /// How it stands.
    pub status: ExecutionStatus,
    /// When it began, in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// When it ended.
    pub stopped_ms: Option<u64>,
    /// The output of an execution that succeeded.
    pub output: Option<Arc<Value>>,
    /// Error and cause of one that did not.
    pub failure: Option<ErrorAndCause>,
    /// When the whole execution gives up.
    pub deadline_ms: Option<u64>,
    /// How often it was resumed after a failure.
    pub redrive_count: u32,
    /// When it was last resumed after a failure, in milliseconds since the Unix epoch; earlier versions did not store it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redriven_ms: Option<u64>,
    /// Whether it stands still until `flow resume` (credentials).
    pub paused: bool,
    /// Whether something of it is in flight or on offer, so that a new process has to take it up at once.
    #[serde(default)]
    pub awake: bool,
    /// What it fails with when it enters its next state; set when its state machine is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_with: Option<ErrorAndCause>,
    /// What it is aborted with when its calls in flight have answered; set by `flow cancel`.
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
    /// Answers for Tasks that do not wait yet, the oldest first.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub early_signals: Arc<Vec<EarlySignal>>,
}

fn is_empty<T>(all: &Arc<Vec<T>>) -> bool {
    all.is_empty()
}

impl ExecutionHeader {
    /// What a new process has to know of it.
    pub(super) fn waking(&self) -> (ExecutionStatus, bool, Option<u64>) {
        (self.status, self.awake, self.next_wake_ms)
    }

    /// The output of an execution that succeeded. A record without one has JSON null: serde reads both alike.
    pub fn result(&self) -> Option<Arc<Value>> {
        (self.status == ExecutionStatus::Succeeded).then(|| self.output.clone().unwrap_or_default())
    }

    /// Whether nothing will happen until an input from outside: it has ended, or stands still.
    pub fn rests(&self) -> bool {
        self.status != ExecutionStatus::Running || self.paused
    }
}

/// An execution that a runner has in memory.
#[derive(Debug, Clone)]
pub struct Execution {
    /// The header row.
    pub header: ExecutionHeader,
    /// The pinned definition.
    pub machine: Arc<StateMachine>,
    /// The frames by id: frame 1 is the top level; a branch or an iteration is a frame below its parent.
    pub frames: Frames,
    /// The context object instead of the execution's own, to try a state out with; never stored.
    pub context: Option<Arc<Value>>,
    /// The children of each frame by index, derived from the frames.
    pub(super) children: BTreeMap<FrameId, BTreeSet<(u64, FrameId)>>,
    /// What is due when, derived from the frames.
    pub(super) timers: BTreeSet<(u64, FrameId)>,
    /// Frames with a look in flight, derived from the frames.
    in_flight: BTreeSet<FrameId>,
    /// Frames on offer to a worker, derived from the frames.
    offered: BTreeSet<FrameId>,
    /// The frames that wait for the end of another execution.
    awaiting: BTreeSet<FrameId>,
    /// The activities of the definition that do not exist: a Task of one fails as it is entered. Never stored.
    pub missing_activities: BTreeSet<Arc<str>>,
    /// What the next turn may cost; never stored.
    pub(super) turn_cost_max: Option<u64>,
    /// Whether the last turn ended before everything was done because of its cost; never stored.
    pub(super) turn_was_cut_short: bool,
}

impl Execution {
    /// An execution that has not begun: give it [`super::Input::Start`].
    pub fn new(id: &str, workflow: &str, machine: Arc<StateMachine>, input: Value) -> Self {
        let header = ExecutionHeader {
            id: id.to_owned(),
            workflow: workflow.to_owned(),
            identity: None,
            subject: None,
            environment: Arc::default(),
            environment_replaced: false,
            input: Arc::new(input),
            status: ExecutionStatus::Running,
            started_ms: 0,
            stopped_ms: None,
            output: None,
            failure: None,
            deadline_ms: None,
            redrive_count: 0,
            redriven_ms: None,
            paused: false,
            awake: false,
            ends_with: None,
            cancels_with: None,
            last_sequence: 0,
            last_event_id: 0,
            last_timestamp_ms: 0,
            next_frame_id: 1,
            created: Arc::default(),
            next_wake_ms: None,
            early_signals: Arc::default(),
        };
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
        }
    }

    /// An execution as the store has it.
    pub fn restore(header: ExecutionHeader, machine: Arc<StateMachine>, rows: Vec<FrameRow>) -> Self {
        let mut execution = Execution {
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
        };
        for row in rows {
            let id = row.id;
            execution.insert(Frame::restored(row));
            execution.arm(id);
        }
        execution
    }

    /// Limits what each of the next turns may cost, in events, below the limit of every turn.
    pub fn limit_turn(&mut self, cost_max: Option<u64>) {
        self.turn_cost_max = cost_max;
    }

    /// Whether the last turn reached the limit of its cost.
    pub fn turn_was_cut_short(&self) -> bool {
        self.turn_was_cut_short
    }

    /// Whether a look of any frame is in flight: then its answer is still to come.
    pub fn in_flight(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Whether the last turn left something to do to the next, which must be given [`super::Input::TimeCame`] at once.
    pub fn has_more_to_do(&self) -> bool {
        self.header.next_wake_ms == Some(AT_ONCE_MS)
    }

    /// Whether a new process has to take it up at once.
    pub(super) fn is_awake(&self) -> bool {
        self.in_flight() || !self.offered.is_empty() || !self.awaiting.is_empty()
    }

    /// The frames with a look in flight.
    pub(super) fn looked_at(&self) -> Vec<FrameId> {
        self.in_flight.union(&self.awaiting).copied().collect()
    }

    /// The frames that wait for the end of an execution.
    pub(super) fn awaiting(&self, execution: &str) -> Vec<FrameId> {
        let awaits = |id: &FrameId| self.frames.get(*id).and_then(Frame::awaited) == Some(execution);
        self.awaiting.iter().copied().filter(awaits).collect()
    }

    /// Whether it waits for the end of another execution.
    pub fn awaits_executions(&self) -> bool {
        !self.awaiting.is_empty()
    }

    pub(super) fn arm(&mut self, id: FrameId) {
        let Some(frame) = self.frames.get_mut(id) else { return };
        mark(&mut self.in_flight, id, frame.in_flight());
        mark(&mut self.offered, id, frame.is_offered());
        mark(&mut self.awaiting, id, frame.awaited().is_some());
        let due = frame.due_ms();
        if due == frame.armed_ms {
            return;
        }
        if let Some(old) = frame.armed_ms.take() {
            self.timers.remove(&(old, id));
        }
        if let Some(due) = due {
            self.timers.insert((due, id));
        }
        frame.armed_ms = due;
    }

    pub(super) fn insert(&mut self, frame: Frame) {
        let row = &frame.row;
        if let Some(parent) = row.parent {
            self.children.entry(parent).or_default().insert((row.index, row.id));
        }
        self.frames.insert(frame);
    }

    /// Removes a frame; answers which of its values lie for themselves, where the store has it.
    pub(super) fn remove(&mut self, id: FrameId) -> Option<Vec<Part>> {
        let frame = self.frames.remove(id)?;
        self.in_flight.remove(&id);
        self.offered.remove(&id);
        self.awaiting.remove(&id);
        if let Some(old) = frame.armed_ms {
            self.timers.remove(&(old, id));
        }
        if let Some(siblings) = frame.row.parent.and_then(|parent| self.children.get_mut(&parent)) {
            siblings.remove(&(frame.row.index, id));
        }
        self.children.remove(&id);
        frame.kept_parts()
    }
}

fn mark(frames: &mut BTreeSet<FrameId>, id: FrameId, belongs: bool) {
    if belongs {
        frames.insert(id);
    } else {
        frames.remove(&id);
    }
}
