//! Parallel: a frame for each branch.

use std::sync::Arc;

use serde_json::Value;

use super::Leaving;
use crate::{
    asl::{State, StateKind, StateMachine, Template},
    journal::{HistoryEventDetails, StepFailure},
    machine::{FrameId, FrameState, limits, scope::Extra, turn::Turn},
};

impl Turn<'_> {
    /// Starts all branches.
    pub fn begin_parallel(
        &mut self,
        id: FrameId,
        arguments: Option<&Template>,
        branches: &[Arc<StateMachine>],
    ) -> Result<(), StepFailure> {
        let input = match arguments {
            Some(template) => Arc::new(self.evaluate(id, template, Extra::None)?),
            None => self.effective_input(id)?,
        };
        let name = self.frame(id).row.state.clone();
        limits::refuse(&name, &input)?;
        self.event(Some(id), HistoryEventDetails::ParallelStateStarted { name });
        self.row_mut(id).frame_state = FrameState::Parallel { running: branches.len() as u64 };
        let path = self.frame(id).state_path();
        for (index, branch) in branches.iter().enumerate() {
            let path = if branches.len() == 1 { path.clone() } else { format!("{path}[{index}]") };
            let child = self.new_frame(Some(id), index as u64, path.into(), None);
            self.enter(child, &branch.start_at, input.clone());
        }
        Ok(())
    }

    /// Handles a branch or an iteration that succeeded.
    pub fn child_ended(&mut self, id: FrameId, output: Arc<Value>) {
        let no_data = self.execution.frames.no_data();
        let row = self.row_mut(id);
        row.frame_state = FrameState::Ended { output: output.clone() };
        (row.input, row.variables) = no_data;
        let Some(parent) = row.parent else { return };
        self.child_succeeded(id, &output);
        let Some(state) = self.state_of(parent).cloned() else { return };
        match &state.kind {
            StateKind::Parallel { .. } => {
                self.continue_from(parent, id);
                self.branch_ended(parent, &state)
            }
            StateKind::Map(map) => self.iteration_ended(parent, id, &state, map),
            _ => {}
        }
    }

    fn branch_ended(&mut self, parent: FrameId, state: &State) {
        let FrameState::Parallel { running } = &mut self.row_mut(parent).frame_state else { return };
        *running -= 1;
        if *running > 0 {
            return;
        }
        let result = self.outputs_of_children(parent);
        self.event_beside(parent, HistoryEventDetails::ParallelStateSucceeded { name: state.name.clone() });
        self.leave_composite(parent, state, result);
    }

    /// The outputs of all children, in order.
    pub fn outputs_of_children(&self, parent: FrameId) -> Value {
        // A tolerated failure has no output.
        let output = |id: FrameId| match &self.frame(id).row.frame_state {
            FrameState::Ended { output } => Some((**output).clone()),
            _ => None,
        };
        self.children(parent).into_iter().filter_map(output).collect()
    }

    /// Leaves a Parallel or Map with its result and removes its children.
    pub fn leave_composite(&mut self, id: FrameId, state: &State, result: Value) {
        self.delete_children(id);
        if let Err(failure) = self.leave(id, state, Leaving::with_result(state, Arc::new(result))) {
            self.fail_state(id, failure);
        }
    }
}
