//! Early signals: answers for Tasks that do not wait yet. They are stored with the execution and applied when the Task begins to wait.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    asl::{StateKind, StateMachine},
    journal::{ErrorAndCause, Note, Signaller, StepFailure},
    machine::{Execution, ExecutionStatus, FrameId, FrameRow, FrameState, limits, turn::Turn},
};

/// The most early signals that one execution stores.
pub(crate) const EARLY_SIGNALS_MAX: usize = 16;

/// An answer that was given to a Task before the Task waited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EarlySignal {
    /// The sequence of its SignalKept note; unique within the execution.
    pub number: u64,
    /// The Task's name or path.
    pub state: String,
    /// The answer.
    pub answer: SignalAnswer,
    /// The person who gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Signaller>,
}

/// An answer to a Task from outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignalAnswer {
    /// The Task succeeds with this output.
    Output(Arc<Value>),
    /// The Task fails with this error.
    Failure(ErrorAndCause),
}

impl SignalAnswer {
    fn succeeded(&self) -> bool {
        matches!(self, SignalAnswer::Output(_))
    }

    fn into_result(self) -> Result<Value, ErrorAndCause> {
        match self {
            SignalAnswer::Output(output) => Ok(Arc::unwrap_or_clone(output)),
            SignalAnswer::Failure(failure) => Err(failure),
        }
    }
}

impl From<Result<Value, ErrorAndCause>> for SignalAnswer {
    fn from(answer: Result<Value, ErrorAndCause>) -> Self {
        match answer {
            Ok(output) => SignalAnswer::Output(Arc::new(output)),
            Err(ErrorAndCause { error, cause }) => {
                let StepFailure { error, cause, .. } = StepFailure { error, cause, details: None }.shortened();
                SignalAnswer::Failure(ErrorAndCause { error, cause })
            }
        }
    }
}

/// Changes of the early signals in a turn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EarlySignalChanges {
    /// Signals that were added.
    pub put: Vec<EarlySignal>,
    /// The numbers of signals that were applied, dropped or withdrawn.
    pub deleted: Vec<u64>,
}

impl EarlySignalChanges {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.put.is_empty() && self.deleted.is_empty()
    }
}

/// Why an answer for a state is refused, as a message for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EarlySignalRefusal {
    /// The execution has ended.
    #[error("{id} has ended: no state of it will wait")]
    Ended {
        /// The execution.
        id: String,
    },
    /// No Task has that name or path.
    #[error("the definition of {id} has no Task named '{state}', and none with that path")]
    NoTask {
        /// The execution.
        id: String,
        /// The name or path.
        state: String,
    },
    /// The answer is too large: the cause with which the state would fail.
    #[error("{0}")]
    TooLarge(String),
    /// Several Tasks of that name wait.
    #[error("several states named '{state}' wait in {id}: name one by its path")]
    SeveralWait {
        /// The execution.
        id: String,
        /// The name.
        state: String,
    },
    /// The execution stores another answer for that state.
    #[error("another answer for '{state}' is stored for {id} already")]
    AnotherIsKept {
        /// The execution.
        id: String,
        /// The name or path.
        state: String,
    },
    /// The execution stores the most early signals.
    #[error("{id} keeps {} answers for states that do not wait yet: that is the most", EARLY_SIGNALS_MAX)]
    TooMany {
        /// The execution.
        id: String,
    },
}

impl Execution {
    /// Checks an answer for a state. Returns whether it would be stored because no Task of that state waits yet.
    ///
    /// # Errors
    /// The execution has ended, no Task has that name or path, several Tasks of that name wait, the answer is too large, or the execution
    /// already stores the most early signals.
    pub(crate) fn check_early_signal(&self, state: &str, answer: &SignalAnswer) -> Result<bool, EarlySignalRefusal> {
        let (id, named) = (|| self.header.id.clone(), || state.to_owned());
        if self.header.status != ExecutionStatus::Running {
            return Err(EarlySignalRefusal::Ended { id: id() });
        }
        if !has_task(&self.machine, state) {
            return Err(EarlySignalRefusal::NoTask { id: id(), state: named() });
        }
        if let SignalAnswer::Output(output) = answer
            && let Err(failure) = limits::refuse(state, output)
        {
            return Err(EarlySignalRefusal::TooLarge(failure.cause));
        }
        match self.waiting(state).len() {
            0 => self.check_stored(state, answer).map(|()| true),
            1 => Ok(false),
            _ => Err(EarlySignalRefusal::SeveralWait { id: id(), state: named() }),
        }
    }

    fn check_stored(&self, state: &str, answer: &SignalAnswer) -> Result<(), EarlySignalRefusal> {
        let (id, kept) = (|| self.header.id.clone(), &self.header.early_signals);
        match kept.iter().find(|signal| signal.state == state) {
            // The same request, repeated.
            Some(signal) if signal.answer == *answer => Ok(()),
            Some(_) => Err(EarlySignalRefusal::AnotherIsKept { id: id(), state: state.to_owned() }),
            None if kept.len() >= EARLY_SIGNALS_MAX => Err(EarlySignalRefusal::TooMany { id: id() }),
            None => Ok(()),
        }
    }

    /// The frames that wait in a Task with this name or path.
    fn waiting(&self, state: &str) -> Vec<FrameId> {
        // A first call that is due and not made yet has returned nothing.
        let waits = |state: &FrameState| match state {
            FrameState::Task { next_poll_ms, parked, waiting, .. } => {
                parked.is_some() || (next_poll_ms.is_some() && waiting.is_some())
            }
            _ => false,
        };
        let frames = self.frames.in_order().map(|frame| &frame.row);
        frames.filter(|row| is_named(row, state) && waits(&row.frame_state)).map(|row| row.id).collect()
    }
}

/// Whether a name or path names the state that a frame is in.
fn is_named(row: &FrameRow, state: &str) -> bool {
    *row.state == *state || row.state_path() == state
}

/// Whether a definition has a Task with this name or path, such as `VPC and subnets[1]/Create VPC`.
fn has_task(machine: &StateMachine, state: &str) -> bool {
    has_task_at(machine, state) || nested_machines(machine).any(|(_, _, inner)| has_task(inner, state))
}

/// Whether the rest of the path names a Task of this machine or of a nested one.
fn has_task_at(machine: &StateMachine, path: &str) -> bool {
    let here = machine.states.get(path).is_some_and(|state| matches!(state.kind, StateKind::Task(_)));
    here || nested_machines(machine).any(|(name, index, inner)| {
        let rest = path.strip_prefix(name).and_then(|rest| match index {
            PathSuffix::Alone => Some(rest),
            PathSuffix::Branch(branch) => rest.strip_prefix(&format!("[{branch}]")),
            PathSuffix::Iteration => {
                let (number, rest) = rest.strip_prefix('[')?.split_once(']')?;
                number.parse::<u64>().ok().map(|_| rest)
            }
        });
        rest.and_then(|rest| rest.strip_prefix('/')).is_some_and(|rest| has_task_at(inner, rest))
    })
}

/// The suffix after a state's name in the path of a child frame.
enum PathSuffix {
    /// No suffix: the only branch of its Parallel.
    Alone,
    Branch(usize),
    Iteration,
}

/// The machines nested in the states of a machine, each with its state's name.
fn nested_machines(machine: &StateMachine) -> impl Iterator<Item = (&str, PathSuffix, &StateMachine)> {
    machine.states.values().flat_map(|state| {
        let inner: Vec<(PathSuffix, &StateMachine)> = match &state.kind {
            StateKind::Parallel { branches, .. } => match branches.as_slice() {
                [branch] => vec![(PathSuffix::Alone, &**branch)],
                branches => {
                    branches.iter().enumerate().map(|(at, branch)| (PathSuffix::Branch(at), &**branch)).collect()
                }
            },
            StateKind::Map(map) => vec![(PathSuffix::Iteration, &*map.processor)],
            _ => Vec::new(),
        };
        inner.into_iter().map(|(index, inner)| (&*state.name, index, inner))
    })
}

impl Turn<'_> {
    /// Answers the Task with this name or path if it waits, else stores the answer.
    pub fn signal_early(&mut self, state: String, answer: SignalAnswer, by: Option<Signaller>) {
        if self.execution.check_early_signal(&state, &answer).is_err() {
            return;
        }
        if let [id] = self.execution.waiting(&state)[..] {
            let visit = self.frame(id).row.visit;
            return self.signalled(id, visit, None, answer.into_result(), by);
        }
        if self.execution.header.early_signals.iter().any(|signal| signal.state == state) {
            return;
        }
        let by = by.map(Signaller::shortened);
        self.note(Note::SignalKept { state: state.clone(), by: by.clone(), succeeded: answer.succeeded() });
        let signal = EarlySignal { number: self.execution.header.last_sequence, state, answer, by };
        Arc::make_mut(&mut self.header_mut().early_signals).push(signal.clone());
        self.early_signal_stored(signal);
    }

    /// Removes the answer that is stored for a Task with this name or path.
    pub fn withdraw_signal(&mut self, state: &str, by: Signaller) {
        let kept = self.execution.header.early_signals.iter().cloned();
        let (withdrawn, left): (Vec<_>, Vec<_>) = kept.partition(|signal| signal.state == state);
        if withdrawn.is_empty() {
            return;
        }
        self.header_mut().early_signals = Arc::new(left);
        let by = by.shortened();
        for EarlySignal { number, state, by: given_by, .. } in withdrawn {
            self.early_signals_removed([number]);
            self.note(Note::SignalWithdrawn { state, by: by.clone(), given_by });
        }
    }

    /// Applies the stored answer to a Task that has begun to wait. Returns whether one was stored.
    pub(super) fn apply_early_signal(&mut self, id: FrameId) -> bool {
        if self.execution.header.early_signals.is_empty() {
            return false;
        }
        let Some(signal) = self.take_early_signals(id, 1).pop() else { return false };
        let EarlySignal { answer, by, .. } = signal;
        let state_path = self.frame(id).state_path();
        self.note(Note::SignalApplied { state_path, by, succeeded: answer.succeeded() });
        self.answer_from_outside(id, answer.into_result());
        true
    }

    /// Drops the answers for a state that ends.
    pub fn drop_early_signals_of(&mut self, id: FrameId) {
        if !self.execution.header.early_signals.is_empty() {
            let dropped = self.take_early_signals(id, usize::MAX);
            self.note_dropped(dropped, "the state ended without it");
        }
    }

    /// Drops all early signals, because the execution ends.
    pub fn drop_all_early_signals(&mut self) {
        if !self.execution.header.early_signals.is_empty() {
            let dropped = Arc::unwrap_or_clone(std::mem::take(&mut self.header_mut().early_signals));
            self.early_signals_removed(dropped.iter().map(|signal| signal.number));
            self.note_dropped(dropped, "the execution ended");
        }
    }

    fn note_dropped(&mut self, dropped: Vec<EarlySignal>, reason: &str) {
        for EarlySignal { state, by, .. } in dropped {
            self.note(Note::SignalDropped { state, by, reason: reason.to_owned() });
        }
    }

    /// Removes at most `limit` of the answers stored for the Task that a frame is in, the oldest first.
    fn take_early_signals(&mut self, id: FrameId, limit: usize) -> Vec<EarlySignal> {
        let kept = self.execution.header.early_signals.iter();
        let row = &self.frame(id).row;
        let taken: Vec<_> = kept.filter(|signal| is_named(row, &signal.state)).take(limit).cloned().collect();
        let is_task = matches!(self.state_of(id).map(|state| &state.kind), Some(StateKind::Task(_)));
        if taken.is_empty() || !is_task {
            return Vec::new();
        }
        let numbers: Vec<u64> = taken.iter().map(|signal| signal.number).collect();
        Arc::make_mut(&mut self.header_mut().early_signals).retain(|signal| !numbers.contains(&signal.number));
        self.early_signals_removed(numbers);
        taken
    }
}
