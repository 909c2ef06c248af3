//! Choice: the first rule that matches decides the next state.

use serde_json::Value;

use super::Leaving;
use crate::{
    asl::{ChoiceRule, Condition, EvaluationFailure, ScopeReferences, State, Template},
    journal::StepFailure,
    machine::{FrameId, scope::Extra, turn::Turn},
    query::Budget,
    step::error_names,
};

impl Turn<'_> {
    /// Leaves by the first rule that matches, else by `Default`.
    pub fn choose(
        &mut self,
        id: FrameId,
        state: &State,
        rules: &[ChoiceRule],
        default: Option<&str>,
    ) -> Result<(), StepFailure> {
        let input = self.effective_input(id)?;
        for rule in rules {
            if self.fits(id, &rule.condition, &input)? {
                let leaving = Leaving {
                    next: Some(&rule.next),
                    assign: rule.assign.as_ref(),
                    output: rule.output.as_ref(),
                    ..Leaving::plain(state, input)
                };
                return self.leave(id, state, leaving);
            }
        }
        let Some(default) = default else {
            let cause = "Failed to transition out of the state. The state does not point to a next state.".to_owned();
            let failure = EvaluationFailure { location: None, error: error_names::NO_CHOICE_MATCHED, cause };
            return Err(self.evaluation_failed(id, failure));
        };
        self.leave(id, state, Leaving { next: Some(default), ..Leaving::plain(state, input) })
    }

    fn fits(&mut self, id: FrameId, condition: &Condition, input: &Value) -> Result<bool, StepFailure> {
        match condition {
            Condition::Expression(template) => match self.evaluate(id, template, Extra::None)? {
                Value::Bool(fits) => Ok(fits),
                other => Err(self.unexpected_type(id, template, "boolean", &other)),
            },
            Condition::And(conditions) => {
                for condition in conditions {
                    if !self.fits(id, condition, input)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Condition::Or(conditions) => {
                for condition in conditions {
                    if self.fits(id, condition, input)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Condition::Not(condition) => Ok(!self.fits(id, condition, input)?),
            Condition::Comparison(comparison) => {
                self.check_evaluation_time(id)?;
                let references = comparison
                    .paths()
                    .into_iter()
                    .map(ScopeReferences::of_path)
                    .fold(ScopeReferences::default(), ScopeReferences::and);
                let budget = Budget::new(self.evaluator);
                let holds = self.with_scope(id, input, Extra::None, true, references, |scope, _| {
                    comparison.holds_within(&scope.roots(), &budget)
                });
                self.charge_work(budget.work_units());
                holds.map_err(|error| self.runtime_failure(id, error.message))
            }
        }
    }

    /// The failure for a JSONata expression whose result has the wrong type.
    pub fn unexpected_type(&mut self, id: FrameId, template: &Template, expected: &str, value: &Value) -> StepFailure {
        let (source, field) = match template {
            Template::Expression { expression, pointer } => (expression.source(), pointer.trim_start_matches('/')),
            _ => ("", ""),
        };
        let actual = type_name(value);
        let cause = format!(
            "The JSONata expression '{source}' specified for the field '{field}' returned an unexpected result type. \
             Expected '{expected}', but was '{actual}' for value: {value}"
        );
        let location = Some(field.to_owned());
        self.evaluation_failed(id, EvaluationFailure { location, error: error_names::QUERY_EVALUATION_ERROR, cause })
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
