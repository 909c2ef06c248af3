//! The continuation after a failure: a resume, or only a new execution.

use engine::{
    journal::{ErrorAndCause, StateType, StepFailure},
    machine::ExecutionStatus,
    step::{ErrorClass, StepError, StepRemedy, error_names},
};

use super::{StateStatus, StateView, View, is_inside, is_or_is_inside, paths::PathRange};
use crate::{REFUSED, REJECTED, RUNBOOK_NOT_COMPLETED, rejection::rejection_cause};

/// The remedy for an execution that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// `flow resume` repeats the failed call: the execution continues once the cause is removed.
    Resume,
    /// The error is in the pinned definition or the input: a resume would fail in the same way.
    StartAgain,
    /// The step's error is repaired only by a new run: a resume would fail in the same way.
    RunAgain,
}

/// Errors of the interpreter. They depend on pinned definition and data (Amazon States Language specification,
/// "Predefined Error Codes"; Developer Guide, "Error names").
const OF_THE_DEFINITION: [&str; 8] = [
    error_names::QUERY_EVALUATION_ERROR,
    error_names::PARAMETER_PATH_FAILURE,
    error_names::RESULT_PATH_MATCH_FAILURE,
    error_names::INTRINSIC_FAILURE,
    error_names::NO_CHOICE_MATCHED,
    error_names::BRANCH_FAILED,
    error_names::RUNTIME,
    error_names::DATA_LIMIT_EXCEEDED,
];

impl View {
    /// The remedy after the execution failed, timed out or was aborted.
    pub fn remedy(&self) -> Remedy {
        if self.status != ExecutionStatus::Failed {
            return Remedy::Resume;
        }
        let failed = self.failed_state().and_then(|state| Some((state, state.failure()?)));
        let repeats = match failed {
            Some((state, failure)) => repeats(state, failure),
            None => self.failure.as_ref().is_some_and(|failure| OF_THE_DEFINITION.contains(&failure.error.as_str())),
        };
        match failed {
            _ if repeats => Remedy::StartAgain,
            Some((_, failure)) if asks_for_another_run(failure) => Remedy::RunAgain,
            _ => Remedy::Resume,
        }
    }

    /// The state whose failure ended the execution; `None` if the execution is not FAILED, or if no state's failure ended it. Failures that
    /// a `Retry` or a `Catch` handled, or that a Map tolerates, do not count.
    pub fn failed_state(&self) -> Option<&StateView> {
        let path = self.unhandled_failure.as_ref().filter(|_| self.status == ExecutionStatus::Failed)?;
        self.states.get(path)
    }

    /// Whether the workflow refused its input or its environment.
    pub fn was_refused(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.error == REFUSED)
    }

    /// The Fail state that ended the execution; `None` if none did.
    pub fn ended_by_fail(&self) -> Option<&StateView> {
        self.failed_state().filter(|state| state.state_type == StateType::Fail)
    }

    /// The path of the state at which an execution that a Fail state ended can continue: the last state that makes a call and was entered
    /// before the Fail. A state without a call would lead to the same end. A state in one of several branches or in an iteration cannot be
    /// entered alone: then this is the path of the Parallel or Map.
    pub fn state_before_fail(&self) -> Option<&str> {
        let fail = self.ended_by_fail()?;
        if let Some(rejected) = self.rejected_before_fail() {
            return Some(rejected);
        }
        let calls = |state: &&StateView| {
            let may_call = matches!(state.state_type, StateType::Task | StateType::Parallel | StateType::Map);
            may_call && !is_inside(&fail.path, &state.path)
        };
        let entered = self.order.iter().filter_map(|path| self.states.get(path));
        Some(self.entered_alone(entered.filter(calls).max_by_key(|state| state.entered_ms)?))
    }

    /// The path of the rejected step after which a runbook ended with [`RUNBOOK_NOT_COMPLETED`]: the steps for that case are done,
    /// and the runbook continues where it was rejected.
    pub fn rejected_before_fail(&self) -> Option<&str> {
        self.failure.as_ref().filter(|failure| failure.error == RUNBOOK_NOT_COMPLETED)?;
        let (rejected, _) = self.ending_rejection()?;
        Some(self.entered_alone(rejected))
    }

    /// Whether the rejection of a state by a user ended the execution: the state's failure did, or a runbook ended after the steps for that
    /// case.
    pub fn was_ended_by_rejection(&self, state_path: &str, user: &str) -> bool {
        let is_by_user = |cause: &str| cause.starts_with(&format!("{} ", rejection_cause(state_path, user)));
        self.ending_rejection().is_some_and(|(state, cause)| state.path == state_path && is_by_user(cause))
    }

    /// The state whose rejection ended the execution, and the cause of its failure. In a runbook that ends with a Fail state, it is the
    /// state whose failure was caught last: a runbook that caught another failure later did not end because of the rejection.
    fn ending_rejection(&self) -> Option<(&StateView, &str)> {
        let (state, failure) = match self.failure.as_ref()?.error.as_str() {
            REJECTED => self.failed_state().and_then(|state| Some((state, state.failure()?))),
            RUNBOOK_NOT_COMPLETED => self.caught_last(),
            _ => None,
        }?;
        (failure.error == REJECTED).then_some((state, failure.cause.as_str()))
    }

    /// The Task whose failure was caught last.
    fn caught_last(&self) -> Option<(&StateView, &StepFailure)> {
        let caught = self.states.values().filter_map(|state| match &state.status {
            StateStatus::Caught { failure, .. } if state.state_type == StateType::Task => Some((state, failure)),
            _ => None,
        });
        caught.max_by_key(|(state, _)| state.status.stopped_ms())
    }

    /// The path at which an execution can enter a state again: the state's, or that of the Parallel or Map around it.
    fn entered_alone<'v>(&'v self, state: &'v StateView) -> &'v str {
        let path = state.path.as_str();
        let outer = path.split_once('[').map_or(path, |(outer, _)| outer);
        if self.states.contains_key(outer) { outer } else { path }
    }

    /// The failed states, with their failures.
    pub fn failed(&self) -> impl Iterator<Item = (&StateView, &StepFailure)> {
        let states = self.order.iter().filter_map(|path| self.states.get(path));
        states.filter_map(|state| Some((state, state.failure()?)))
    }

    /// Records that a Parallel or a Map fails. Its failure is that of a state inside it if both have the same error. A Map that tolerates
    /// some failures fails with a different error.
    pub(super) fn fail_enclosing(&mut self, path: String, failure: &ErrorAndCause) {
        let is_inner = |failed: &String| is_inside(failed, &path) && self.may_end_with(failed, Some(failure));
        if !self.unhandled_failure.as_ref().is_some_and(is_inner) {
            self.unhandled_failure = Some(path);
        }
    }

    /// Whether the failure of a state can be that of the states outside it, or of the execution.
    pub(super) fn may_end_with(&self, path: &str, outer: Option<&ErrorAndCause>) -> bool {
        let (Some(state), Some(outer)) = (self.states.get(path), outer) else { return false };
        match state.failure() {
            Some(failure) => failure.error == outer.error,
            None => matches!(state.state_type, StateType::Parallel | StateType::Map),
        }
    }

    /// The states inside a state.
    fn states_inside(&mut self, path: &str) -> impl Iterator<Item = &mut StateView> {
        let beginning = self.states.range_mut::<str, _>(PathRange::beginning_with(path));
        beginning.filter(move |(inner, _)| is_inside(inner, path)).map(|(_, state)| state)
    }

    /// Called when a `Retry` or `Catch` handles the failure of a state, or the state exits or starts again: the states inside it are
    /// abandoned.
    pub(super) fn abandon_inner_states(&mut self, path: &str, at_ms: u64) {
        let is_handled = |failed: &String| is_or_is_inside(failed, path);
        if self.unhandled_failure.as_ref().is_some_and(is_handled) {
            self.unhandled_failure = None;
        }
        for state in self.states_inside(path) {
            if matches!(state.status, StateStatus::Exited { .. } | StateStatus::Caught { .. }) {
                continue;
            }
            state.abandoned = true;
            if !matches!(state.status, StateStatus::Stopped { .. }) {
                state.status = StateStatus::Stopped { stopped_ms: at_ms };
            }
        }
    }

    /// A `Catch` of a state handles its failure. The states inside it that failed keep their failures.
    pub(super) fn catch(&mut self, path: &str, failure: &StepFailure, at_ms: u64) {
        for state in self.states_inside(path) {
            if let StateStatus::Failed { stopped_ms, attempt, failure } = &state.status {
                state.status =
                    StateStatus::Caught { stopped_ms: *stopped_ms, attempt: *attempt, failure: failure.clone() };
            }
        }
        self.abandon_inner_states(path, at_ms);
        if let Some(state) = self.states.get_mut(path) {
            state.status = StateStatus::Caught { stopped_ms: at_ms, attempt: state.attempt, failure: failure.clone() };
        }
    }

    /// A state is aborted because another one failed. The state that failed keeps its failure.
    pub(super) fn stop(&mut self, path: &str, at_ms: u64) {
        if self.states.get(path).is_some_and(|state| !state.status.is_left() && state.failure().is_none()) {
            self.set(path, StateStatus::Stopped { stopped_ms: at_ms });
        }
    }
}

impl StateView {
    /// Its failure, if it failed, and no `Retry` and no `Catch` has handled it.
    pub fn failure(&self) -> Option<&StepFailure> {
        match &self.status {
            StateStatus::Failed { failure, .. } => Some(failure),
            _ => None,
        }
    }
}

/// The serialized form of a view: the error and the cause as a pair.
pub(super) mod as_pair {
    use engine::journal::ErrorAndCause;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(failure: &Option<ErrorAndCause>, serializer: S) -> Result<S::Ok, S::Error> {
        failure.as_ref().map(|ErrorAndCause { error, cause }| (error, cause)).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ErrorAndCause>, D::Error> {
        let pair = Option::<(String, String)>::deserialize(deserializer)?;
        Ok(pair.map(|(error, cause)| ErrorAndCause { error, cause }))
    }
}

/// Whether the Task failed before its call because its activity does not exist: a resume continues once it is created. The failures of
/// earlier versions and of Step Functions have only the cause, with the sentence that Step Functions writes.
fn names_missing_activity(failure: &StepFailure) -> bool {
    let StepFailure { error, cause, details } = failure;
    match details {
        Some(details) => details.is_missing_activity(),
        None => {
            error == error_names::RUNTIME && cause.contains(" The activity arn:") && cause.ends_with(" does not exist.")
        }
    }
}

/// Whether only a new run helps after a step's error. The errors of earlier versions have no remedy: their hint
/// is searched.
fn asks_for_another_run(failure: &StepFailure) -> bool {
    let Some(StepError { remedy, hint, .. }) = &failure.details else { return false };
    match remedy {
        Some(remedy) => *remedy == StepRemedy::NewExecution,
        None => {
            let hint = hint.as_deref().unwrap_or_default().to_lowercase();
            !hint.contains("resume") && ["run again", "flow run"].iter().any(|words| hint.contains(words))
        }
    }
}

/// Whether a state would fail again in the same way: its result depends on nothing outside the execution.
fn repeats(state: &StateView, failure: &StepFailure) -> bool {
    if let Some(details) = &failure.details {
        return details.class == ErrorClass::Invalid && details.code.is_none();
    }
    match state.state_type {
        // These states call nothing, so the same input fails again.
        StateType::Fail | StateType::Pass | StateType::Choice | StateType::Succeed | StateType::Wait => true,
        // A new call may return data that the following expressions accept.
        StateType::Task if state.answered => false,
        // The call was scheduled: a missing resource of it, such as an activity, can be created.
        StateType::Task if state.called && failure.error == error_names::RUNTIME => false,
        StateType::Task if names_missing_activity(failure) => false,
        StateType::Task | StateType::Parallel | StateType::Map => OF_THE_DEFINITION.contains(&failure.error.as_str()),
    }
}
