//! Enters, executes and leaves states.

mod choice;
mod data;
mod parallel;
mod wait;

use std::sync::Arc;

use serde_json::Value;

use super::{ExecutionStatus, FrameId, FrameState, limits, scope::Extra, turn::Turn};
use crate::{
    asl::{Selection, State, StateKind, Template},
    journal::{HistoryEventDetails, StepFailure},
    step::error_names,
};

impl Turn<'_> {
    /// Moves a frame into a state and queues it for execution.
    pub fn enter(&mut self, id: FrameId, name: &str, input: Arc<Value>) {
        self.move_into(id, name, input);
        self.make_ready(id);
    }

    /// Moves a frame into a state.
    pub(super) fn move_into(&mut self, id: FrameId, name: &str, input: Arc<Value>) {
        let now = self.now_ms();
        self.forget_run(id);
        let state = self.machine_of(id).and_then(|machine| machine.states.get(name).cloned());
        let entered = state.as_ref().map(|state| (state.kind.state_type(), state.name.clone()));
        let rules = state.as_ref().map_or(0, |state| state.common.retry.len());
        let frame = self.frame_mut(id);
        frame.enter(name, state);
        let row = &mut frame.row;
        row.visit += 1;
        row.input = input.clone();
        row.frame_state = FrameState::Entering;
        row.entered_ms = now;
        row.attempt = 1;
        row.retries = vec![0; rules];
        if let Some((state_type, name)) = entered {
            self.event(Some(id), HistoryEventDetails::StateEntered { state_type, name, input });
            let row = self.row_mut(id);
            row.entered_event_id = row.last_event_id;
        }
    }

    /// Resets the counters of `Retry` and the attempt number.
    pub fn reset_retries(&mut self, id: FrameId) {
        let rules = self.state_of(id).map_or(0, |state| state.common.retry.len());
        let row = self.row_mut(id);
        row.attempt = 1;
        row.retries = vec![0; rules];
    }

    /// Executes a state as far as it can without time passing or an answer.
    pub fn execute(&mut self, id: FrameId) {
        let Some(state) = self.state_of(id).cloned() else {
            let name = self.frame(id).row.state.clone();
            let cause = format!("The definition has no state named '{name}'.");
            return self.fail_execution(StepFailure { error: error_names::RUNTIME.to_owned(), cause, details: None });
        };
        let done = match &state.kind {
            StateKind::Pass { result, parameters } => self.pass(id, &state, result.as_ref(), parameters.as_ref()),
            StateKind::Succeed => self.leave_with_input(id, &state),
            StateKind::Fail { error, cause } => self.fail_on_purpose(id, error.as_ref(), cause.as_ref()),
            StateKind::Choice { rules, default } => self.choose(id, &state, rules, default.as_deref()),
            StateKind::Wait(wait) => self.begin_wait(id, wait),
            StateKind::Task(task) => self.begin_task(id, task),
            StateKind::Parallel { arguments, branches } => self.begin_parallel(id, arguments.as_ref(), branches),
            StateKind::Map(map) => self.begin_map(id, map),
        };
        if let Err(failure) = done {
            self.fail_state(id, failure);
        }
    }

    fn pass(
        &mut self,
        id: FrameId,
        state: &State,
        result: Option<&Value>,
        parameters: Option<&Template>,
    ) -> Result<(), StepFailure> {
        let effective = self.effective_input(id)?;
        let result = match (result, parameters) {
            (Some(result), _) => Arc::new(result.clone()),
            (None, Some(template)) => Arc::new(self.evaluate(id, template, Extra::Input(&effective))?),
            (None, None) => effective,
        };
        self.leave(id, state, Leaving { uses_result_path: true, ..Leaving::plain(state, result) })
    }

    /// Leaves a state that has no result.
    pub fn leave_with_input(&mut self, id: FrameId, state: &State) -> Result<(), StepFailure> {
        let effective = self.effective_input(id)?;
        self.leave(id, state, Leaving::plain(state, effective))
    }

    fn fail_on_purpose(
        &mut self,
        id: FrameId,
        error: Option<&Template>,
        cause: Option<&Template>,
    ) -> Result<(), StepFailure> {
        let mut text = |template: Option<&Template>| -> Result<String, StepFailure> {
            let Some(template) = template else { return Ok(String::new()) };
            let value = self.evaluate(id, template, Extra::None)?;
            Ok(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        };
        let failure = StepFailure { error: text(error)?, cause: text(cause)?, details: None };
        Err(failure.shortened())
    }

    /// Leaves a state. `Assign` and `Output` both read the variables as of the state's entry.
    pub fn leave(&mut self, id: FrameId, state: &State, leaving: Leaving<'_>) -> Result<(), StepFailure> {
        let result = &leaving.result;
        let extra = match leaving.result_name {
            ResultName::None => Extra::Input(result),
            ResultName::Result => Extra::Result(result),
            ResultName::ErrorOutput => Extra::ErrorOutput(result),
        };
        let assigned = match leaving.assign.map(|template| self.evaluate(id, template, extra)).transpose()? {
            Some(Value::Object(assigned)) if !assigned.is_empty() => Some(assigned),
            _ => None,
        };
        let output = match leaving.output {
            Some(template) => Arc::new(self.evaluate(id, template, extra)?),
            None => self.output_by_paths(id, state, &leaving)?,
        };
        limits::refuse(&state.name, &output)?;
        if let Some(assigned) = &assigned {
            limits::refuse_variables(&state.name, assigned, &self.frame(id).row.variables)?;
            Arc::make_mut(&mut self.row_mut(id).variables).extend(assigned.clone());
        }
        self.event(
            Some(id),
            HistoryEventDetails::StateExited {
                state_type: state.kind.state_type(),
                name: state.name.clone(),
                output: output.clone(),
                assigned_variables: assigned.map(Box::new),
            },
        );
        self.drop_early_signals_of(id);
        match leaving.next {
            Some(next) => self.enter(id, next, output),
            None => self.frame_ended(id, output),
        }
        Ok(())
    }

    fn frame_ended(&mut self, id: FrameId, output: Arc<Value>) {
        if self.frame(id).row.parent.is_some() {
            return self.child_ended(id, output);
        }
        if let Some(failure) = self.full_history() {
            return self.fail_execution(failure);
        }
        self.drop_all_early_signals();
        self.event(Some(id), HistoryEventDetails::ExecutionSucceeded { output: output.clone() });
        self.header_mut().output = Some(output);
        self.end(ExecutionStatus::Succeeded, None);
    }
}

/// The exit of a state: result, next state and the fields that apply.
#[derive(Clone)]
pub(super) struct Leaving<'s> {
    /// The output, unless `output` sets another one.
    pub result: Arc<Value>,
    /// The next state; `None` ends the frame.
    pub next: Option<&'s str>,
    pub assign: Option<&'s Template>,
    pub output: Option<&'s Template>,
    pub result_name: ResultName,
    /// Whether `ResultPath` inserts the result into the input (JSONPath).
    pub uses_result_path: bool,
    /// `ResultPath` of the `Catch` rule that matched, in place of the state's `ResultPath`.
    pub catch_result_path: Option<&'s Selection>,
}

/// The name of `result` in `$states`.
#[derive(Clone, Copy)]
pub(super) enum ResultName {
    None,
    Result,
    ErrorOutput,
}

impl<'s> Leaving<'s> {
    /// Leaves by `Next`, `Assign` and `Output` of the state, without a result.
    pub fn plain(state: &'s State, result: Arc<Value>) -> Self {
        let common = &state.common;
        Leaving {
            result,
            next: common.next.as_deref(),
            assign: common.assign.as_ref(),
            output: common.output.as_ref(),
            result_name: ResultName::None,
            uses_result_path: false,
            catch_result_path: None,
        }
    }

    /// Leaves in the same way, with `$states.result`.
    pub fn with_result(state: &'s State, result: Arc<Value>) -> Self {
        Leaving { result_name: ResultName::Result, uses_result_path: true, ..Leaving::plain(state, result) }
    }
}
