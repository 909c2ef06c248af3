//! What continues an execution after a failure: a resume, or only a new execution.

use engine::{
    journal::{StateType, StepFailure},
    machine::ExecutionStatus,
    step::ErrorClass,
};

use super::{Doing, StateView, View};

/// The remedy for an execution that did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// `flow resume` repeats the failed call: the execution continues once the cause is removed.
    Resume,
    /// The error is in the pinned definition or the input: a resume would fail in the same way.
    StartAgain,
    /// The failure's hint names the remedy, a new run: a resume would fail in the same way.
    RunAgain,
}

/// Errors of the interpreter. They depend on pinned definition and data (Amazon States Language specification,
/// "Predefined Error Codes"; Developer Guide, "Error names").
const OF_THE_DEFINITION: [&str; 8] = [
    "States.QueryEvaluationError",
    "States.ParameterPathFailure",
    "States.ResultPathMatchFailure",
    "States.IntrinsicFailure",
    "States.NoChoiceMatched",
    "States.BranchFailed",
    "States.Runtime",
    "States.DataLimitExceeded",
];

impl View {
    /// The remedy after the execution failed, timed out or was aborted.
    pub fn remedy(&self) -> Remedy {
        if self.status != ExecutionStatus::Failed {
            return Remedy::Resume;
        }
        let mut failed = self.failed().peekable();
        let hopeless = match failed.peek() {
            Some(_) => failed.any(|(state, failure)| repeats(state, failure)),
            None => self.failure.as_ref().is_some_and(|(error, _)| OF_THE_DEFINITION.contains(&error.as_str())),
        };
        if hopeless {
            return Remedy::StartAgain;
        }
        if self.failed().any(|(_, failure)| asks_for_another_run(failure)) { Remedy::RunAgain } else { Remedy::Resume }
    }

    /// The failed states, with their failures.
    pub fn failed(&self) -> impl Iterator<Item = (&StateView, &StepFailure)> {
        self.order.iter().filter_map(|path| self.states.get(path)).filter_map(|state| match &state.doing {
            Doing::Failed { failure, .. } => Some((state, failure)),
            _ => None,
        })
    }
}

/// Whether the failure's hint asks for a new run and not for a resume.
fn asks_for_another_run(failure: &StepFailure) -> bool {
    let hint = failure.details.as_ref().and_then(|details| details.hint.as_deref()).unwrap_or_default();
    let hint = hint.to_lowercase();
    !hint.contains("resume") && ["run again", "flow run"].iter().any(|words| hint.contains(words))
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
        StateType::Task if state.called && failure.error == "States.Runtime" => false,
        StateType::Task | StateType::Parallel | StateType::Map => OF_THE_DEFINITION.contains(&failure.error.as_str()),
    }
}
