//! Inputs: what can happen to an execution.

use std::sync::Arc;

use serde_json::Value;

use super::{FrameId, MapRunLimits, Reentry, SignalAnswer};
use crate::{
    journal::{ErrorAndCause, Signaller},
    step::{Instructions, ResourceChange, StepError},
};

/// One input of the machine.
#[expect(missing_docs, reason = "the variants say what their fields are")]
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The execution begins.
    Start,
    /// The execution begins at a state inside its definition, with the data that another execution recorded for that state.
    StartFrom { path: Vec<Reentry> },
    /// A step answered. Ignored unless `attempt` is the current one of the visit (late and repeated answers).
    Answered { frame: FrameId, visit: u64, attempt: u32, answer: StepAnswer },
    /// A timer fired: do everything that is due at the moment's `now_ms`.
    TimerFired,
    /// A Task was answered from outside. `attempt` is set if the answer names one. `by` is written into the journal.
    Signalled {
        frame: FrameId,
        visit: u64,
        attempt: Option<u32>,
        answer: Result<Value, ErrorAndCause>,
        by: Option<Signaller>,
    },
    /// A Task with that name or path is answered, whether or not it waits yet. Ignored if
    /// `Execution::check_early_signal` refuses it.
    SignalEarly { state: String, answer: SignalAnswer, by: Option<Signaller> },
    /// A person withdraws the answer that is stored for a Task with that name or path. Ignored if none is stored.
    WithdrawSignal { state: String, by: Signaller },
    /// The task cannot be offered, because its activity does not exist. No rule matches this failure.
    NotOffered { frame: FrameId, visit: u64, attempt: u32 },
    /// A worker has fetched the task.
    Fetched { frame: FrameId, visit: u64, attempt: u32, worker: Option<String> },
    /// The holder of the task reports that it is alive.
    Heartbeat { frame: FrameId, visit: u64, attempt: u32 },
    /// UpdateMapRun changes the limits of the running map run with this number.
    UpdateMapRun { run: u64, limits: MapRunLimits },
    /// A person cancels the execution at once: the answers of calls in flight are not waited for.
    Cancel { error: String, cause: String },
    /// A person cancels the execution: no more calls are made, and it ends when those in flight have answered.
    CancelAfterCalls { error: String, cause: String },
    /// The state machine is deleted: the execution fails with this when it enters its next state.
    EndNext { error: String, cause: String },
    /// A person resumes the execution after a pause, or redrives it after a failure; in another `environment` if one is given. `recover` is
    /// set if a process has loaded the execution for this: the turn then includes [`Input::Recover`].
    Resume { environment: Option<Arc<Value>>, recover: bool },
    /// Another execution has ended or paused: poll the Tasks that wait for it.
    AwaitedSettled { execution: String },
    /// A person continues an execution that did not succeed at a state that it entered earlier; in another `environment` if one is given.
    /// Ignored if `check_reentry` refuses the path.
    ResumeFrom { path: Vec<Reentry>, environment: Option<Arc<Value>> },
    /// The runner does not make this call, which the last turn requested, because it stops or cannot act for the execution: the next
    /// process makes it. Ignored unless the call is in flight, and if an earlier process may have made it. `reason` is written into the
    /// journal.
    Withheld { frame: FrameId, visit: u64, attempt: u32, reason: String },
    /// A process loaded the execution from the store: poll again the tasks that were in flight when the previous process ended.
    Recover,
}

impl Input {
    /// Whether this ends the execution, or makes it end, from outside. Such an input evaluates nothing and precedes the inputs that wait.
    pub(crate) fn ends_execution(&self) -> bool {
        matches!(self, Input::Cancel { .. } | Input::CancelAfterCalls { .. } | Input::EndNext { .. })
    }

    /// Whether the input continues an execution that has ended or is paused. Inputs keep their order around such an input: a cancel that is
    /// moved in front of it would be undone by it.
    pub(crate) fn resumes_execution(&self) -> bool {
        matches!(self, Input::Resume { .. } | Input::ResumeFrom { .. })
    }
}

/// The answer of a call to a step.
#[expect(missing_docs, reason = "the variants say what their fields are")]
#[derive(Debug, Clone, PartialEq)]
pub enum StepAnswer {
    /// The step has finished.
    Done { output: Value, changes: Vec<ResourceChange> },
    /// The call with a task token has asked a person this question; the answer ends the Task.
    Asked { output: Value, changes: Vec<ResourceChange>, question: Box<Instructions> },
    /// Poll again at `next_poll_ms` (milliseconds since the Unix epoch). `submitted`: the output of a call that has begun, recorded in the
    /// history once. `execution`: the id of the execution whose end is awaited.
    Pending {
        reason: String,
        next_poll_ms: u64,
        instructions: Option<Instructions>,
        submitted: Option<Value>,
        execution: Option<String>,
    },
    /// The call failed.
    Failed(StepError),
}

#[cfg(test)]
impl StepAnswer {
    /// Not done yet: polled again at this time. Nothing else is reported.
    pub fn creating(next_poll_ms: u64) -> Self {
        let reason = "creating".to_owned();
        StepAnswer::Pending { reason, next_poll_ms, instructions: None, submitted: None, execution: None }
    }
}
