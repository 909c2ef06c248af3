//! What is to be done once the transition is durable.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::{EarlySignalChanges, ExecutionHeader, FrameId, FrameWrite, MapRunChanges, Part};
use crate::{journal::Entry, step::TaskToken};

/// Everything one input changed: rows to write in one batch, then commands to carry out.
#[derive(Debug, Default)]
pub struct Transition {
    /// The header, when it changed.
    pub header: Option<Arc<ExecutionHeader>>,
    /// Whether it changed when a new process has to take the execution up: status, `awake`, `next_wake_ms`.
    pub waking_changed: bool,
    /// Frames that changed, in the order of their ids. The top one is always together with the header: they are one record.
    pub frames_put: Vec<FrameWrite>,
    /// Frames that ended, with their values that lie for themselves.
    pub frames_deleted: Vec<(FrameId, Vec<Part>)>,
    /// New journal entries, in order.
    pub entries: Arc<Vec<Entry>>,
    /// What became of map runs and their child executions.
    pub map_runs: MapRunChanges,
    /// Which answers for Tasks that do not wait yet are new, and which are kept no longer.
    pub early_signals: EarlySignalChanges,
    /// What to do after the commit.
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

/// One thing to do. A runner carries it out only after the transition is durable.
#[expect(missing_docs, reason = "the variants say what their fields are")]
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Call a step once and answer with [`super::Input::Answered`].
    Look(Box<Look>),
    /// Offer a task to the workers of an activity.
    Offer(Box<OfferedTask>),
    /// Drop a call in flight: its visit is over.
    Abandon { frame: FrameId, visit: u64 },
    /// Send [`super::Input::TimeCame`] at this time. It takes the place of any earlier `WakeAt` of the execution.
    WakeAt { due_ms: u64 },
    /// Nothing is due: forget any earlier `WakeAt`.
    NoWake,
    /// The execution ended or paused; nothing will happen until an input from outside.
    Rest,
}

/// A call of the step behind `resource`. Source of the other fields: [`crate::step::StepContext`].
#[expect(missing_docs, reason = "the fields are those of the context that the step gets")]
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    pub frame: FrameId,
    pub visit: u64,
    pub attempt: u32,
    pub look: u32,
    pub state_path: String,
    pub resource: String,
    pub arguments: Arc<Value>,
    pub token: String,
    pub first_look_ms: u64,
    pub deadline_ms: Option<u64>,
    pub created: Arc<BTreeMap<String, u64>>,
}

/// A task for the workers of an activity.
#[derive(Debug, Clone, PartialEq)]
pub struct OfferedTask {
    /// The activity's ARN.
    pub activity: String,
    /// What a worker answers with.
    pub token: TaskToken,
    /// The task's input.
    pub input: Arc<Value>,
}
