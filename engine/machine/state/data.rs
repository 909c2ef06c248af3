//! Data flow of a JSONPath state: `InputPath` selects, `ResultSelector` and `ResultPath` insert the result, `OutputPath` selects again.
//! Source: Step Functions Developer Guide, "Processing input and output in Step Functions".

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Leaving, ResultName};
use crate::{
    asl::{ScopeReferences, Selection, State, insert_at_result_path, select},
    journal::StepFailure,
    machine::{FrameId, scope::Extra, turn::Turn},
    query::Budget,
};

impl Turn<'_> {
    /// The effective input of a state: its input, or what `InputPath` selects from it.
    pub fn effective_input(&mut self, id: FrameId) -> Result<Arc<Value>, StepFailure> {
        let input = self.frame(id).row.input.clone();
        match self.state_of(id) {
            None => Ok(input),
            Some(state) if matches!(state.common.paths.input, Selection::Whole) => Ok(input),
            Some(state) => {
                let state = state.clone();
                self.selected(id, &state.common.paths.input, input)
            }
        }
    }

    fn selected(&mut self, id: FrameId, selection: &Selection, value: Arc<Value>) -> Result<Arc<Value>, StepFailure> {
        match selection {
            Selection::Whole => Ok(value),
            Selection::Nothing => Ok(Arc::new(json!({}))),
            Selection::Path(path) => {
                let references = ScopeReferences::of_path(path);
                let budget = Budget::new(self.evaluator);
                let found =
                    self.with_scope(id, &value, Extra::None, true, references, |scope, _| select(path, scope, &budget));
                self.charge_work(budget.work_units());
                found.map(Arc::new).map_err(|failure| self.evaluation_failed(id, failure))
            }
        }
    }

    /// The output of a state that has no `Output` field.
    pub fn output_by_paths(
        &mut self,
        id: FrameId,
        state: &State,
        leaving: &Leaving<'_>,
    ) -> Result<Arc<Value>, StepFailure> {
        let paths = &state.common.paths;
        let mut value = leaving.result.clone();
        if leaving.uses_result_path {
            if let (Some(template), ResultName::Result) = (&paths.result_selector, leaving.result_name) {
                value = Arc::new(self.evaluate(id, template, Extra::Input(&value))?);
            }
            // `ResultPath` inserts the result into the raw input, not into what `InputPath` selected.
            let input = &self.frame(id).row.input;
            value = match leaving.catch_result_path.unwrap_or(&paths.result) {
                Selection::Whole => value,
                Selection::Nothing => input.clone(),
                Selection::Path(path) => {
                    let placed = insert_at_result_path(path, input, (*value).clone());
                    Arc::new(placed.map_err(|failure| self.evaluation_failed(id, failure))?)
                }
            };
        }
        // A caught error reaches the handler through ResultPath only; OutputPath does not apply.
        if leaving.catch_result_path.is_some() { Ok(value) } else { self.selected(id, &paths.output, value) }
    }
}
