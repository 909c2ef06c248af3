//! Folds journal entries into a view.

use engine::{
    journal::{ErrorAndCause, HistoryEventDetails, Note, StateType, state_path},
    machine::ExecutionStatus,
};

use super::{StateStatus, StepChange, StoppedPeriod, View, Wait};

impl View {
    pub(super) fn fold_event(&mut self, frame: &str, details: &HistoryEventDetails, at_ms: u64) {
        use HistoryEventDetails as Details;
        let path = |name: &str| state_path(frame, name);
        match details {
            Details::ExecutionStarted { .. } => self.started_ms = at_ms,
            Details::StateEntered { state_type, name, .. } => {
                self.enter(path(name), name, *state_type, at_ms);
            }
            Details::StateExited { name, state_type, .. } => self.exit(&path(name), *state_type, at_ms),
            Details::StateAborted { name, .. } => self.stop(&path(name), at_ms),
            Details::TaskScheduled { name, .. } => self.scheduled(&path(name), at_ms),
            Details::TaskStarted { name, .. } => self.started(&path(name), at_ms),
            Details::TaskStartFailed { name, .. } => self.not_called(&path(name)),
            Details::TaskSubmitted { name, .. } => self.set(&path(name), StateStatus::Parked { deadline_ms: None, heartbeat: None }),
            Details::TaskSucceeded { name, .. } => self.answered(&path(name)),
            Details::ParallelStateStarted { name } => self.abandon_inner_states(&path(name), at_ms),
            Details::MapStateStarted { name, length } => {
                self.abandon_inner_states(&path(name), at_ms);
                self.begin_map(path(name), *length);
            }
            Details::ParallelStateFailed { name, failure } | Details::MapStateFailed { name, failure } => {
                self.fail_enclosing(path(name), failure);
            }
            Details::MapRunStarted { .. } => self.begin_map_run(frame),
            Details::MapStateSucceeded { name } => self.end_map(&path(name)),
            Details::MapIterationSucceeded { .. } => self.end_iteration(frame, true),
            Details::MapIterationFailed { .. } => self.end_iteration(frame, false),
            Details::ExecutionSucceeded { output } => {
                self.output = Some((**output).clone());
                self.end(ExecutionStatus::Succeeded, at_ms, None);
            }
            Details::ExecutionFailed(failure) => self.end(ExecutionStatus::Failed, at_ms, Some(failure)),
            Details::ExecutionTimedOut(failure) => self.end(ExecutionStatus::TimedOut, at_ms, Some(failure)),
            Details::ExecutionAborted(failure) => self.end(ExecutionStatus::Aborted, at_ms, Some(failure)),
            Details::ExecutionRedriven { .. } => self.redrive(at_ms),
            // No `_`: a new kind of event is a compile error. A kind of a later version is `Unknown`.
            Details::EvaluationFailed(_)
            | Details::TaskScheduleFailed { .. }
            | Details::TaskFailed { .. }
            | Details::TaskTimedOut { .. }
            | Details::ParallelStateSucceeded { .. }
            | Details::MapRunRedriven { .. }
            | Details::MapRunSucceeded
            | Details::MapRunFailed(_)
            | Details::MapIterationStarted { .. }
            // It was stopped: it neither succeeded nor failed.
            | Details::MapIterationAborted { .. }
            | Details::Unknown => {}
        }
    }

    fn end(&mut self, status: ExecutionStatus, at_ms: u64, failure: Option<&ErrorAndCause>) {
        let is_own = |path: &String| status == ExecutionStatus::Failed && self.may_end_with(path, failure);
        if !self.unhandled_failure.as_ref().is_some_and(is_own) {
            self.unhandled_failure = None;
        }
        self.status = status;
        self.stopped_ms = Some(at_ms);
        self.failure = failure.cloned();
        self.paused = false;
        for state in self.states.values_mut() {
            if !state.status.is_left() && state.failure().is_none() {
                state.status = StateStatus::Stopped { stopped_ms: at_ms };
            }
        }
    }

    /// Continues after an end. States that had not exited continue: later events update them.
    fn redrive(&mut self, at_ms: u64) {
        self.status = ExecutionStatus::Running;
        if let Some(from_ms) = self.stopped_ms.take() {
            self.stopped_periods.push(StoppedPeriod { from_ms, until_ms: at_ms });
        }
        (self.failure, self.unhandled_failure) = (None, None);
        // The iterations that failed run again.
        self.maps.values_mut().for_each(|map| map.failed = 0);
        for state in self.states.values_mut() {
            if !state.abandoned && matches!(state.status, StateStatus::Stopped { .. } | StateStatus::Failed { .. }) {
                (state.called, state.called_ms, state.answered) = (false, None, false);
                state.status = StateStatus::Running;
            }
        }
    }

    fn exit(&mut self, path: &str, state_type: StateType, at_ms: u64) {
        match self.states.get_mut(path).map(|state| &mut state.status) {
            // The exit after a caught failure is not a success.
            Some(StateStatus::Caught { stopped_ms, .. }) => *stopped_ms = at_ms,
            Some(status) => *status = StateStatus::Exited { stopped_ms: at_ms },
            None => {}
        }
        if matches!(state_type, StateType::Parallel | StateType::Map) {
            self.abandon_inner_states(path, at_ms);
        }
    }

    /// Records that a call is scheduled: for the first attempt, for a repeated one, or for the one after a redrive.
    fn scheduled(&mut self, path: &str, at_ms: u64) {
        if let Some(state) = self.states.get_mut(path) {
            (state.called, state.called_ms, state.answered) = (true, Some(at_ms), false);
            state.status = StateStatus::Running;
        }
    }

    /// A call is made, or a worker has taken a task that waited for one. A call that an earlier process did not make was scheduled long
    /// before.
    fn started(&mut self, path: &str, at_ms: u64) {
        let Some(state) = self.states.get_mut(path) else { return };
        if matches!(&state.status, StateStatus::Waiting(wait) if wait.for_worker_since_ms().is_some()) {
            state.status = StateStatus::Running;
        } else if !state.called {
            self.scheduled(path, at_ms);
        }
    }

    /// The call that was scheduled was not made.
    pub(super) fn not_called(&mut self, path: &str) {
        if let Some(state) = self.states.get_mut(path) {
            (state.called, state.called_ms) = (false, None);
        }
    }

    fn answered(&mut self, path: &str) {
        if let Some(state) = self.states.get_mut(path) {
            state.answered = true;
            state.status = StateStatus::Running;
        }
    }

    pub(super) fn fold_note(&mut self, note: &Note, at_ms: u64) {
        match note {
            Note::Waiting { state_path, reason, next_poll_ms, deadline_ms, instructions, .. } => {
                let wait = Wait {
                    reason: reason.clone(),
                    polled_ms: at_ms,
                    next_poll_ms: *next_poll_ms,
                    deadline_ms: *deadline_ms,
                    instructions: instructions.clone(),
                };
                self.set(state_path, StateStatus::Waiting(wait));
            }
            Note::RetryScheduled { state_path, attempt, attempts_max, next_attempt_ms, failure } => {
                self.abandon_inner_states(state_path, at_ms);
                let (attempt, attempts_max, next_attempt_ms) = (*attempt, *attempts_max, *next_attempt_ms);
                if let Some(state) = self.states.get_mut(state_path) {
                    (state.attempt, state.attempts_max) = (attempt, attempts_max);
                    state.status =
                        StateStatus::Retrying { attempt, attempts_max, next_attempt_ms, failure: failure.clone() };
                }
            }
            Note::Caught { state_path, failure, .. } => self.catch(state_path, failure, at_ms),
            Note::Signalled { .. }
            | Note::SignalKept { .. }
            | Note::SignalApplied { .. }
            | Note::SignalDropped { .. }
            | Note::SignalWithdrawn { .. }
            | Note::CalledAgain { .. }
            | Note::Unknown => {}
            Note::ResourceChanged { state_path, change } => {
                self.changes.push(StepChange { state_path: state_path.clone(), change: change.clone() });
            }
            Note::Paused { state_path, failure } => {
                self.paused = true;
                self.set(state_path, StateStatus::Paused { failure: failure.clone() });
            }
            Note::Continued { state_path } => {
                self.paused = false;
                self.set(state_path, StateStatus::Running);
            }
            Note::ResumedFrom { state_path } => {
                self.unhandled_failure = None;
                self.remove_from(state_path);
            }
            Note::Failure { state_path, attempt, failure } => {
                self.set(
                    state_path,
                    StateStatus::Failed { stopped_ms: at_ms, attempt: *attempt, failure: failure.clone() },
                );
                self.unhandled_failure = Some(state_path.clone());
            }
        }
    }
}
