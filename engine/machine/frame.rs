//! A frame: one line of control. The top level is a frame, and so is each branch of a Parallel and each iteration of a Map.
//!
//! A frame's row holds all that is needed to continue it. Nothing is replayed: the cost of a wake does not depend on the length of the
//! history.

mod frames;
mod part;

use std::{cell::OnceCell, sync::Arc};

pub use frames::Frames;
pub(super) use part::fits;
pub(crate) use part::is_long;
pub use part::{FrameWrite, Part, PartValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Child, MapRun};
use crate::{
    asl::{State, StateMachine},
    journal::{ErrorAndCause, StepFailure, state_path},
    step::{Instructions, error_names},
};

/// The longest a call may take that began after its state's deadline: ten minutes.
const LAST_POLL_MS_MAX: u64 = 600_000;

/// The due time of a frame that only waits for its turn.
pub(super) const AT_ONCE_MS: u64 = 0;

/// A frame's number within its execution, from 1.
pub type FrameId = u64;

/// The frame at the top of an execution.
pub(crate) const TOP_FRAME: FrameId = 1;

/// The stored record of a frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FrameRow {
    /// Its number.
    pub id: FrameId,
    /// The frame whose Parallel or Map it belongs to.
    pub parent: Option<FrameId>,
    /// The index of the branch or iteration in the parent's state.
    pub index: u64,
    /// The path of the frame: the names of the parents' states, such as `VPC and subnets`. `[1]` follows a state that has
    /// several branches or iterations. Empty at the top.
    pub path: Arc<str>,
    /// The state it is in.
    pub state: Arc<str>,
    /// The number of states that it has entered, which is the number of the current visit.
    pub visit: u64,
    /// The state's input.
    pub input: Arc<Value>,
    /// The variables of this scope when the state was entered. The parents' variables are in the parents' rows.
    pub variables: Arc<Map<String, Value>>,
    /// The frame's progress in its state.
    #[serde(rename = "activity")]
    pub frame_state: FrameState,
    /// The number of retries that each rule of `Retry` has used in this visit.
    pub retries: Vec<u32>,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// When the state was entered, in milliseconds since the Unix epoch.
    pub entered_ms: u64,
    /// Id of the StateEntered event, which AWS names in the causes of failures.
    #[serde(default)]
    pub entered_event_id: u64,
    /// Whether it is in an iteration of a distributed Map. Its events then go to the history of that child execution.
    #[serde(rename = "silent", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_in_child_execution: bool,
    /// The item of a Map's iteration, for the context object.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub item: Option<Arc<Value>>,
    /// The map run, if the frame is in a distributed Map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_run: Option<Box<MapRun>>,
    /// The child execution, if the frame is an iteration of a distributed Map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<Box<Child>>,
    /// Id of the last history event in this frame.
    pub last_event_id: u64,
}

/// Reads a value that is present, even if it is JSON null.
fn present<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Arc<Value>>, D::Error> {
    Arc::deserialize(from).map(Some)
}

impl FrameRow {
    /// The path of the state it is in, such as `VPC and subnets/Create VPC`.
    pub fn state_path(&self) -> String {
        state_path(&self.path, &self.state)
    }

    /// The time after which its Task can no longer be answered from outside: the earliest end of its `TimeoutSeconds`, of its
    /// `HeartbeatSeconds` while no call is in flight, and of its execution, which is `deadline_ms`. `None` without any of them.
    pub fn answerable_until_ms(&self, deadline_ms: Option<u64>) -> Option<u64> {
        let beat_ms =
            self.heartbeat_due_ms().filter(|_| matches!(self.frame_state, FrameState::Task { parked: Some(_), .. }));
        [self.times_out_ms(deadline_ms), beat_ms].into_iter().flatten().min()
    }

    /// The end of its Task's `TimeoutSeconds` or of its execution, whose deadline is `deadline_ms`. `None` without any. Unlike these, the
    /// end of `HeartbeatSeconds` moves with each heartbeat.
    pub fn times_out_ms(&self, deadline_ms: Option<u64>) -> Option<u64> {
        let own_ms = match &self.frame_state {
            FrameState::Task { deadline_ms, .. } => *deadline_ms,
            _ => None,
        };
        own_ms.into_iter().chain(deadline_ms).min()
    }

    /// The time at which the next heartbeat of its Task is due; `None` if none is awaited.
    pub fn heartbeat_due_ms(&self) -> Option<u64> {
        match &self.frame_state {
            FrameState::Task { heartbeat: Some(heartbeat), .. } => heartbeat.due_ms,
            _ => None,
        }
    }

    /// The time at which its Task or its execution timed out; `None` if neither has at `now_ms`. `deadline_ms` is the execution's.
    pub fn timed_out_ms(&self, deadline_ms: Option<u64>, now_ms: u64) -> Option<u64> {
        self.answerable_until_ms(deadline_ms).filter(|due_ms| *due_ms <= now_ms)
    }

    /// Whether its Task is an activity's, so that only a worker can answer it. A worker may have fetched it already.
    pub fn is_for_worker(&self) -> bool {
        self.waits_for_worker() || self.runs_at_worker()
    }

    /// Whether its Task waits until a worker of its activity fetches it.
    pub fn waits_for_worker(&self) -> bool {
        matches!(self.frame_state, FrameState::Task { parked: Some(Parked::Offered), .. })
    }

    /// Whether a worker has fetched the Task. Only a Task that passed its token on in a call has a TaskSubmitted event.
    pub fn runs_at_worker(&self) -> bool {
        matches!(self.frame_state, FrameState::Task { parked: Some(Parked::Token), submitted: false, .. })
    }

    /// Whether its Task waits for its task token, which a call has passed on.
    pub fn waits_for_token(&self) -> bool {
        matches!(self.frame_state, FrameState::Task { parked: Some(Parked::Token), submitted: true, .. })
    }

    /// The instructions for the person on whom its Task waits; `None` if it does not wait for a person.
    pub fn instructions(&self) -> Option<&Instructions> {
        match &self.frame_state {
            FrameState::Task { waiting: Some(waiting), .. } => waiting.instructions.as_ref(),
            _ => None,
        }
    }
}

/// A frame in memory.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The row as the store has it, or will have it after the commit.
    pub row: FrameRow,
    /// The due time that is registered in the execution's timers.
    pub(super) registered_due_ms: Option<u64>,
    /// The long values as the store has them.
    stored_parts: Vec<(Part, PartValue)>,
    /// Whether the store has the frame.
    stored: bool,
    /// Whether it changed in this turn.
    pub(super) changed: bool,
    /// Cache of the state it is in.
    state: OnceCell<Arc<State>>,
    /// Cache of the machine it is in. The parent does not change its state while this frame exists.
    machine: OnceCell<Arc<StateMachine>>,
}

impl Frame {
    /// A frame that the store does not have yet.
    pub(crate) fn from_row(row: FrameRow) -> Self {
        Frame {
            row,
            registered_due_ms: None,
            stored_parts: Vec::new(),
            stored: false,
            changed: false,
            state: OnceCell::new(),
            machine: OnceCell::new(),
        }
    }

    /// A frame that was read from the store.
    pub(super) fn restored(row: FrameRow) -> Self {
        let stored_parts = long_parts(&row);
        Frame { stored_parts, stored: true, ..Frame::from_row(row) }
    }

    /// Moves it into a state. `state` is `None` if the definition has no state of that name.
    pub(super) fn enter(&mut self, name: &str, state: Option<Arc<State>>) {
        self.row.state = state.as_ref().map_or_else(|| name.into(), |state| state.name.clone());
        self.state = state.map_or_else(OnceCell::new, OnceCell::from);
    }

    /// The state it is in.
    pub(super) fn state<'m>(&self, machine: impl FnOnce() -> Option<&'m StateMachine>) -> Option<&Arc<State>> {
        if self.state.get().is_none() {
            let state = machine()?.states.get(&*self.row.state)?.clone();
            return Some(self.state.get_or_init(|| state));
        }
        self.state.get()
    }

    /// The machine it is in.
    pub(super) fn machine(&self, find: impl FnOnce() -> Option<Arc<StateMachine>>) -> Option<&Arc<StateMachine>> {
        if self.machine.get().is_none() {
            let machine = find()?;
            return Some(self.machine.get_or_init(|| machine));
        }
        self.machine.get()
    }

    /// The write that brings the store up to date. The frame counts as stored afterwards.
    pub(super) fn write(&mut self) -> FrameWrite {
        self.stored = true;
        let long = long_parts(&self.row);
        let is_stored =
            |(part, value): &&(Part, PartValue)| self.stored_parts.iter().any(|(p, v)| p == part && v.is(value));
        let changed = long.iter().filter(|new| !is_stored(new)).map(|(part, _)| *part).collect();
        let own_records = long.iter().map(|(part, _)| *part).collect();
        let earlier = std::mem::replace(&mut self.stored_parts, long);
        let is_gone = |(part, _): &(Part, PartValue)| !self.stored_parts.iter().any(|(p, _)| p == part);
        let removed = earlier.iter().filter(|old| is_gone(old)).map(|(part, _)| *part).collect();
        FrameWrite { row: self.row.clone(), own_records, changed, removed }
    }

    /// The parts that are stored in records of their own; `None` if the store does not have the frame.
    pub(super) fn stored_parts(&self) -> Option<Vec<Part>> {
        self.stored.then(|| self.stored_parts.iter().map(|(part, _)| *part).collect())
    }

    /// The execution whose end its Task waits for.
    pub(super) fn awaited(&self) -> Option<&str> {
        match &self.row.frame_state {
            FrameState::Task { next_poll_ms: Some(_), waiting: Some(waiting), .. } => waiting.execution.as_deref(),
            _ => None,
        }
    }

    /// The execution that its Task has started and whose end it waits for, also while a poll is in flight.
    pub(super) fn started_execution(&self) -> Option<&str> {
        match &self.row.frame_state {
            FrameState::Task { waiting: Some(waiting), .. } => waiting.execution.as_deref(),
            _ => None,
        }
    }

    /// Whether a new process must offer its task to workers again.
    pub(super) fn is_offered(&self) -> bool {
        self.row.waits_for_worker()
    }

    /// The earliest time at which the frame must act, in milliseconds since the Unix epoch.
    pub(super) fn due_ms(&self) -> Option<u64> {
        match &self.row.frame_state {
            FrameState::Entering => Some(AT_ONCE_MS),
            FrameState::Waiting { due_ms } | FrameState::Backoff { due_ms, .. } => Some(*due_ms),
            FrameState::Task { next_poll_ms: Some(next), deadline_ms, .. } => {
                Some(deadline_ms.map_or(*next, |d| d.min(*next)))
            }
            FrameState::Task { parked: Some(_), deadline_ms, heartbeat, .. } => {
                let beat = heartbeat.as_ref().and_then(|heartbeat| heartbeat.due_ms);
                deadline_ms.iter().copied().chain(beat).min()
            }
            // A call that began after the deadline (the machine was off) is the last one. Its answer decides, if it arrives in time.
            FrameState::Task { next_poll_ms: None, deadline_ms, poll_started_ms, .. } => {
                let last_poll_due_ms = poll_started_ms.saturating_add(LAST_POLL_MS_MAX);
                deadline_ms.map(|deadline| if *poll_started_ms < deadline { deadline } else { last_poll_due_ms })
            }
            _ => None,
        }
    }

    /// Whether a call is in flight.
    pub(super) fn in_flight(&self) -> bool {
        matches!(self.row.frame_state, FrameState::Task { next_poll_ms: None, parked: None, .. })
    }

    /// The path of the state it is in, such as `VPC and subnets/Create VPC`.
    pub fn state_path(&self) -> String {
        self.row.state_path()
    }
}

fn long_parts(row: &FrameRow) -> Vec<(Part, PartValue)> {
    let parts = Part::ALL.into_iter().filter_map(|part| Some((part, row.part(part)?)));
    parts.filter(|(_, value)| value.is_long()).collect()
}

/// A frame's progress in its state. Rare and long fields are boxed: most frames are small, and an execution may have thousands.
#[expect(missing_docs, reason = "the variants say what their fields are")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "doing", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum FrameState {
    /// About to execute its state: in this turn, or in the next one if this turn has reached its cost limit.
    Entering,
    /// In a Wait until `due_ms`.
    Waiting { due_ms: u64 },
    /// In a Task: a call is in flight, or the next poll is due at `next_poll_ms`.
    Task {
        arguments: Arc<Value>,
        #[serde(rename = "firstLookMs")]
        first_poll_ms: u64,
        deadline_ms: Option<u64>,
        #[serde(rename = "look")]
        poll: u32,
        #[serde(rename = "lookStartedMs")]
        poll_started_ms: u64,
        #[serde(rename = "nextLookMs")]
        next_poll_ms: Option<u64>,
        waiting: Option<Box<Waiting>>,
        /// Set when nothing is called and an answer from outside is awaited.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parked: Option<Parked>,
        /// Whether the history has the TaskSubmitted event.
        #[serde(default)]
        submitted: bool,
        /// `HeartbeatSeconds`, and when the next heartbeat is due.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heartbeat: Option<Heartbeat>,
        /// The resource that is called, if it is not the Task's `Resource` but a Map's reader or writer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        resource: Option<String>,
    },
    /// Waits until `due_ms` to repeat a failed attempt.
    Backoff { due_ms: u64, failure: Box<StepFailure> },
    /// In a Parallel: `running` branches have not ended.
    Parallel { running: u64 },
    /// In a Map: `items` in order, the next one to start, how many run, how many failed and how many may fail.
    Map {
        items: Arc<Vec<Value>>,
        next: u64,
        running: u64,
        failed: u64,
        max_concurrency: u64,
        #[serde(default)]
        tolerated: Tolerated,
    },
    /// The branch or iteration succeeded. Its output is kept until its siblings have ended.
    Ended { output: Arc<Value> },
    /// Paused until `flow resume` (credentials).
    Paused { failure: Box<StepFailure> },
    /// Failed for good; kept so that a redrive continues here.
    Failed { failure: Box<StepFailure> },
    /// Stopped because the execution failed elsewhere or was cancelled; a redrive continues here.
    Stopped,
}

/// The party that must answer a Task without a call of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Parked {
    /// A worker of the activity, which has not fetched the task yet.
    Offered,
    /// The holder of its task token: the receiver of the call that carried it, or the worker that has fetched the task of an activity.
    Token,
}

/// `HeartbeatSeconds` of a Task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat {
    /// The longest time between two heartbeats, in seconds.
    pub seconds: u64,
    /// When the next heartbeat is due; `None` until a worker has fetched the task.
    pub due_ms: Option<u64>,
}

impl Heartbeat {
    /// Begins the time until the next heartbeat anew.
    pub(super) fn beat(&mut self, now_ms: u64) {
        self.due_ms = Some(self.due_after(now_ms));
    }

    /// Counts the time until the next heartbeat, if one is awaited, from `from_ms` at the earliest.
    pub(super) fn count_from(&mut self, from_ms: u64) {
        let earliest_ms = self.due_after(from_ms);
        self.due_ms = self.due_ms.map(|due_ms| due_ms.max(earliest_ms));
    }

    fn due_after(&self, from_ms: u64) -> u64 {
        from_ms.saturating_add(self.seconds.saturating_mul(1_000))
    }
}

/// The number of iterations of a distributed Map that may fail before the Map fails.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Tolerated {
    /// `ToleratedFailureCount`.
    pub count: Option<u64>,
    /// `ToleratedFailurePercentage`, 0 to 100.
    pub percentage: Option<f64>,
}

impl Tolerated {
    /// Whether a limit is set.
    pub fn is_set(&self) -> bool {
        self.count.is_some() || self.percentage.is_some()
    }

    /// Whether `failed` failures of `items` items exceed what is tolerated.
    pub fn is_exceeded(&self, failed: u64, items: usize) -> bool {
        let percentage = failed as f64 * 100.0 / items.max(1) as f64;
        match (self.count, self.percentage) {
            (None, None) => failed > 0,
            (count, most) => count.is_some_and(|count| failed > count) || most.is_some_and(|most| percentage > most),
        }
    }

    /// The failure of a Map of which more iterations failed than are tolerated.
    pub fn exceeded() -> ErrorAndCause {
        ErrorAndCause {
            error: error_names::EXCEED_TOLERATED_FAILURE_THRESHOLD.to_owned(),
            cause: "The specified tolerated failure threshold was exceeded".to_owned(),
        }
    }
}

/// The result of the last poll of a waiting Task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// The reason for the wait: one short phrase.
    pub reason: String,
    /// When the poll that reported this answered, in milliseconds since the Unix epoch.
    #[serde(rename = "lookedMs")]
    pub polled_ms: u64,
    /// The instructions for a person.
    pub instructions: Option<Instructions>,
    /// The id of the execution whose end it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
}
