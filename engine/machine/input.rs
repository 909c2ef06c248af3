//! What can happen to an execution.

use std::sync::Arc;

use serde_json::Value;

use super::{FrameId, MapRunLimits, Reentry, SignalAnswer};
use crate::{
    journal::Signaller,
    step::{Effect, Instructions, StepError},
};

/// One thing that happened.
#[expect(missing_docs, reason = "the variants say what their fields are")]
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The execution begins.
    Start,
    /// The execution begins at a state inside its definition, with what another execution recorded of it.
    StartFrom { path: Vec<Reentry> },
    /// A step answered. Ignored unless `attempt` is the current one of the visit (late and doubled answers).
    Answered { frame: FrameId, visit: u64, attempt: u32, answer: StepAnswer },
    /// Time has come to `now_ms` of the moment: everything due is done.
    TimeCame,
    /// A Task was answered from outside; for an `attempt` where the answer names one. `by` is written into the journal.
    Signalled {
        frame: FrameId,
        visit: u64,
        attempt: Option<u32>,
        answer: Result<Value, (String, String)>,
        by: Option<Signaller>,
    },
    /// A Task of that name or path is answered, which need not wait yet. Ignored where
    /// [`super::Execution::check_early_signal`] refuses it.
    SignalEarly { state: String, answer: SignalAnswer, by: Option<Signaller> },
    /// The task cannot be offered: its activity does not exist. Nothing catches that.
    NotOffered { frame: FrameId, visit: u64, attempt: u32, cause: String },
    /// A worker has fetched the task.
    Fetched { frame: FrameId, visit: u64, attempt: u32, worker: Option<String> },
    /// Whoever has the task is still alive.
    Heartbeat { frame: FrameId, visit: u64, attempt: u32 },
    /// Somebody sets a running map run, by its number, to other limits.
    UpdateMapRun { run: u64, limits: MapRunLimits },
    /// A person asks to stop at once: the answers of calls in flight are not waited for.
    Cancel { error: String, cause: String },
    /// A person asks to stop: no more calls are made, and the execution ends when those in flight have answered.
    CancelWhenIdle { error: String, cause: String },
    /// Its state machine is deleted: it fails with this when it enters its next state.
    EndNext { error: String, cause: String },
    /// A person asks to continue after a pause, or after a failure (redrive); in another `environment` where one is given. With
    /// `recover`, a process has loaded the execution for this: as [`Input::Recover`] in the same turn.
    Resume { environment: Option<Arc<Value>>, recover: bool },
    /// Another execution has ended or paused: a Task that waits for it is called at once.
    AwaitedRested { execution: String },
    /// A person asks to continue an execution that did not succeed at a state that it has entered before; in another `environment`
    /// where one is given. Ignored where [`super::check_reentry`] refuses the path.
    ResumeFrom { path: Vec<Reentry>, environment: Option<Arc<Value>> },
    /// A process took the execution up from the store: tasks in flight when the last one died are to be looked at again.
    Recover,
}

/// What a look said.
#[expect(missing_docs, reason = "the variants say what their fields are")]
#[derive(Debug, Clone, PartialEq)]
pub enum StepAnswer {
    /// The step is finished.
    Done { output: Value, effects: Vec<Effect> },
    /// Look again at `next_look_ms` (milliseconds since the Unix epoch).
    /// `submitted`: what was called has begun, and answered this; the history records it once. `execution`: the one whose end is waited for.
    Pending {
        reason: String,
        next_look_ms: u64,
        instructions: Option<Instructions>,
        submitted: Option<Value>,
        execution: Option<String>,
    },
    /// The look failed.
    Failed(StepError),
}
