//! Commands: what the runner carries out once the transition is durable.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{EarlySignalChanges, ExecutionHeader, FrameId, FrameWrite, MapRunChanges, Part};
use crate::{journal::JournalEntry, step::TaskToken};

/// The changes of one input: rows to write in one batch, then commands to carry out.
#[derive(Debug, Default)]
pub struct Transition {
    /// The header, if it changed.
    pub header: Option<Arc<ExecutionHeader>>,
    /// Whether status, `awake` or `next_wake_ms` changed: the wake record, which a new process reads, must be written.
    pub wake_fields_changed: bool,
    /// Frames that changed, in the order of their ids. The top frame always accompanies the header: both are in one record.
    pub frames_put: Vec<FrameWrite>,
    /// Frames that ended, each with those of its parts that are stored in records of their own.
    pub frames_deleted: Vec<(FrameId, Vec<Part>)>,
    /// New journal entries, in order.
    pub entries: Arc<Vec<JournalEntry>>,
    /// Changes of map runs and their child executions.
    pub map_runs: MapRunChanges,
    /// Early signals that were added or removed.
    pub early_signals: EarlySignalChanges,
    /// Commands to carry out after the commit.
    pub commands: Vec<Command>,
}

impl Transition {
    /// Whether nothing needs to be written.
    pub fn is_empty(&self) -> bool {
        self.header.is_none()
            && self.frames_put.is_empty()
            && self.frames_deleted.is_empty()
            && self.entries.is_empty()
            && self.map_runs.is_empty()
            && self.early_signals.is_empty()
    }
}

/// A command of the machine. The runner carries it out only after the transition is durable.
#[expect(missing_docs, reason = "the variants say what their fields are")]
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Poll a step once and answer with [`super::Input::Answered`].
    CallStep(Box<StepCall>),
    /// Offer a task to the workers of an activity.
    Offer(Box<OfferedTask>),
    /// Drop a call in flight, because its visit has ended.
    Abandon { frame: FrameId, visit: u64 },
    /// Stop another execution: the attempt of the Task that waited for its end has ended.
    StopExecution { id: String },
    /// Send [`super::Input::TimerFired`] at this time. Replaces any earlier `WakeAt` of the execution.
    WakeAt { due_ms: u64 },
    /// Nothing is due: cancel any earlier `WakeAt`.
    NoWake,
    /// The execution ended or paused. Nothing happens until an input from outside.
    Settled,
}

/// One call of the step for `resource`. Source of the other fields: [`crate::step::StepContext`].
#[expect(missing_docs, reason = "the fields are those of the context that the step gets")]
#[derive(Debug, Clone, PartialEq)]
pub struct StepCall {
    pub frame: FrameId,
    pub visit: u64,
    pub attempt: u32,
    pub poll: u32,
    pub state_path: String,
    pub resource: String,
    pub arguments: Arc<Value>,
    pub token: String,
    pub first_poll_ms: u64,
    pub deadline_ms: Option<u64>,
    pub created: Arc<BTreeMap<String, u64>>,
}

/// A task for the workers of an activity.
#[derive(Debug, Clone, PartialEq)]
pub struct OfferedTask {
    /// The activity's ARN.
    pub activity: String,
    /// The task token with which a worker answers.
    pub token: TaskToken,
    /// The task's input.
    pub input: Arc<Value>,
}
