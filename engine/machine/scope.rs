//! The scope of an expression: `$states`, `$`, `$$` and the variables of its frame and the frames above.
//! Source: Step Functions Developer Guide, "Transforming data with JSONata" and "Accessing execution data from the Context object".

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{FrameId, Identity, limits, map::context_of_item, turn::Turn};
use crate::{
    asl::{EvaluationFailure, ScopeReferences, StateKind, Template, TemplateData, evaluate_within},
    journal::{EvaluationFailedEventDetails, HistoryEventDetails, StepFailure},
    query::Budget,
    step::{StepError, TaskToken, error_names},
};

/// The beginning of a cause, before the state's name. This text and the next two are AWS's.
const IN_STATE: &str = "An error occurred while executing the state '";
/// The text between the state's name and the id of the event that entered it.
const ENTERED_AT: &str = "' (entered at the event id #";
/// The text after the id.
const AFTER_EVENT: &str = "). ";

/// The cause of a failed evaluation. The machine adds the state and the event.
pub fn cause_without_state(cause: &str) -> &str {
    let named = cause.strip_prefix(IN_STATE).and_then(|rest| rest.split_once(ENTERED_AT));
    named.and_then(|(_, rest)| rest.split_once(AFTER_EVENT)).map_or(cause, |(_, alone)| alone)
}

/// The value in an expression's scope besides the state's input and the context.
#[derive(Clone, Copy)]
pub(super) enum Extra<'v> {
    /// No value: `$` is the effective input.
    None,
    /// `$states.result`; `$` is the result.
    Result(&'v Value),
    /// `$states.errorOutput`; `$` is the error.
    ErrorOutput(&'v Value),
    /// No value in JSONata; `$` is this one.
    Input(&'v Value),
}

/// A time in milliseconds since the Unix epoch in AWS's format, such as `2026-11-23T08:00:00.000Z`.
pub(super) fn timestamp(epoch_ms: u64) -> String {
    i64::try_from(epoch_ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(String::new, |time| format!("{time:.3}"))
}

/// A value as AWS shows it in a message: a string without quotes.
pub(super) fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Turn<'_> {
    /// Evaluates a template in a frame. A literal needs no scope.
    pub fn evaluate(&mut self, id: FrameId, template: &Template, extra: Extra<'_>) -> Result<Value, StepFailure> {
        if let Template::Literal(value) = template {
            return Ok(value.clone());
        }
        let paths = matches!(template, Template::Payload(_) | Template::Query { .. });
        let effective = match extra {
            Extra::None if paths => self.effective_input(id)?,
            _ => self.frame(id).row.input.clone(),
        };
        let input = match extra {
            Extra::Result(value) | Extra::ErrorOutput(value) | Extra::Input(value) => value,
            Extra::None => &effective,
        };
        let references = template.references();
        self.check_evaluation_time(id)?;
        let budget = Budget::new(self.evaluator);
        let evaluated = self.with_scope(id, input, extra, paths, references, |scope, turn| {
            evaluate_within(template, scope, turn.moment, &budget)
        });
        self.charge_work(budget.work_units());
        let value = evaluated.map_err(|failure| self.evaluation_failed(id, failure))?;
        limits::refuse_deep(&self.frame(id).row.state, &value)?;
        Ok(value)
    }

    /// Calls a function with the scope of a frame's expression; `$states` is built only if the expression is not a path.
    pub fn with_scope<T>(
        &self,
        id: FrameId,
        input: &Value,
        extra: Extra<'_>,
        paths: bool,
        references: ScopeReferences,
        evaluate: impl FnOnce(&TemplateData<'_>, &Self) -> T,
    ) -> T {
        let context = if references.context { self.context(id, references.execution_input) } else { Value::Null };
        let states = if paths { Value::Null } else { self.states(id, extra, references, &context) };
        let scopes = self.variables(id);
        let scopes: Vec<&Map<String, Value>> = scopes.iter().map(|scope| &**scope).collect();
        evaluate(&TemplateData { states: &states, input, context: &context, variables: &scopes }, self)
    }

    /// The failure of a state whose expression failed. A JSONata failure also writes EvaluationFailed.
    pub fn evaluation_failed(&mut self, id: FrameId, failure: EvaluationFailure) -> StepFailure {
        let row = &self.frame(id).row;
        // An iteration that has not entered a state yet fails its Map.
        let named = if row.state.is_empty() { row.parent.unwrap_or(id) } else { id };
        let row = &self.frame(named).row;
        let (state, entered) = (row.state.clone(), row.entered_event_id);
        let cause = format!("{IN_STATE}{state}{ENTERED_AT}{entered}{AFTER_EVENT}{}", failure.cause);
        let StepFailure { error, cause, .. } =
            StepFailure { error: failure.error.to_owned(), cause, details: None }.shortened();
        if error == error_names::QUERY_EVALUATION_ERROR {
            let location = failure.location.unwrap_or_default();
            let (error, cause) = (error.clone(), cause.clone());
            let details = EvaluationFailedEventDetails { state: state.to_string(), location, error, cause };
            self.follow_event_before_entry(named, entered);
            self.event(Some(named), HistoryEventDetails::EvaluationFailed(Box::new(details)));
        }
        StepFailure { error, cause, details: None }
    }

    /// A Map evaluates its items when it is entered: the failure follows the event that the StateEntered event follows (recorded).
    fn follow_event_before_entry(&mut self, id: FrameId, entered_event_id: u64) {
        let is_map = matches!(self.state_of(id).map(|state| &state.kind), Some(StateKind::Map(_)));
        if is_map
            && self.frame(id).row.last_event_id == entered_event_id
            && let Some(before) = self.followed_by(entered_event_id)
        {
            self.row_mut(id).last_event_id = before;
        }
    }

    /// A `States.Runtime` failure of a state.
    pub fn runtime_failure(&mut self, id: FrameId, cause: impl Into<String>) -> StepFailure {
        self.evaluation_failed(
            id,
            EvaluationFailure { location: None, error: error_names::RUNTIME, cause: cause.into() },
        )
    }

    /// The failure of a Task whose activity does not exist. Its details have a code: a resume continues once the activity is created.
    pub fn missing_activity(&mut self, id: FrameId, activity: &str) -> StepFailure {
        let details = StepError::missing_activity(activity);
        let failure = self.runtime_failure(id, details.cause.clone());
        StepFailure { details: Some(details), ..failure }
    }

    /// The variables of a frame and of the frames above, innermost first. States inside a distributed Map do not see those of
    /// the outer scopes. Source: Developer Guide, "Passing data between states with variables".
    fn variables(&self, id: FrameId) -> Vec<Arc<Map<String, Value>>> {
        let mut scopes = Vec::new();
        let mut next = Some(id);
        while let Some(id) = next {
            let row = &self.frame(id).row;
            scopes.push(row.variables.clone());
            next = row.parent.filter(|parent| !self.is_distributed(*parent));
        }
        scopes
    }

    fn states(&self, id: FrameId, extra: Extra<'_>, references: ScopeReferences, context: &Value) -> Value {
        let mut states = json!({});
        if references.input {
            states["input"] = (*self.frame(id).row.input).clone();
        }
        if references.context {
            states["context"] = context.clone();
        }
        match extra {
            Extra::None | Extra::Input(_) => {}
            Extra::Result(result) => states["result"] = result.clone(),
            Extra::ErrorOutput(output) => states["errorOutput"] = output.clone(),
        }
        states
    }

    /// The context object: the given one or the execution's, with the item of the iteration.
    fn context(&self, id: FrameId, with_input: bool) -> Value {
        let mut context = match &self.execution.context {
            Some(context) => (**context).clone(),
            None => self.context_of_state(id, with_input),
        };
        let mut above = Some(id);
        while let Some(frame) = above {
            let row = &self.frame(frame).row;
            if let Some(item) = &row.item {
                let run = row.parent.and_then(|map| self.frame(map).row.map_run.as_deref());
                context["Map"] = json!({ "Item": context_of_item(row.index, item, run) });
                break;
            }
            above = row.parent;
        }
        context
    }

    fn context_of_state(&self, id: FrameId, with_input: bool) -> Value {
        let header = &self.execution.header;
        // The frame of an iteration that has entered no state yet is in the Map's state: its ItemSelector is evaluated there.
        let of_state = Some(id).filter(|id| !self.frame(*id).row.state.is_empty()).or(self.frame(id).row.parent);
        let of_state = of_state.unwrap_or(id);
        let row = &self.frame(of_state).row;
        let identity = header.identity.as_deref().cloned();
        let identity = identity.unwrap_or_else(|| Identity::local(&header.id, &header.workflow));
        let (identity, started_ms, redrive_count) = match self.child_in_run(of_state) {
            Some((child, run)) => (identity.of_child(run, child.id.index), child.started_ms, child.redrive_count),
            None => (identity, header.started_ms, header.redrive_count),
        };
        let mut context = json!({
            "Execution": {
                "Id": identity.execution_id,
                "Input": if with_input { (*header.input).clone() } else { Value::Null },
                "StartTime": timestamp(started_ms),
                "Name": identity.execution_name,
                "RoleArn": if identity.role_arn.is_empty() { Value::Null } else { json!(identity.role_arn) },
            },
            "StateMachine": { "Id": identity.state_machine_id, "Name": identity.state_machine_name },
            "State": { "Name": row.state, "EnteredTime": timestamp(row.entered_ms) },
        });
        if !identity.is_express() {
            context["Execution"]["RedriveCount"] = redrive_count.into();
        }
        match self.state_of(of_state).map(|state| &state.kind) {
            Some(StateKind::Task(task)) => {
                context["State"]["RetryCount"] = (row.attempt - 1).into();
                if task.has_token() {
                    let (frame, visit, attempt) = (row.id, row.visit, row.attempt);
                    let token = TaskToken { execution: header.id.clone(), frame, visit, attempt };
                    context["Task"] = json!({ "Token": token.encode() });
                }
            }
            Some(StateKind::Parallel { .. } | StateKind::Map(_)) => {
                context["State"]["RetryCount"] = (row.attempt - 1).into();
            }
            _ => {}
        }
        context
    }
}

#[cfg(test)]
mod tests {
    use super::cause_without_state;

    #[test]
    fn the_state_is_removed_from_a_cause_whatever_its_name_is() {
        for name in ["A", "Ask (again). Then wait", "It's one"] {
            let cause = format!(
                "An error occurred while executing the state '{name}' (entered at the event id #12). No (x). y"
            );
            assert_eq!(cause_without_state(&cause), "No (x). y");
        }
        assert_eq!(cause_without_state("No (x). y"), "No (x). y");
    }
}
