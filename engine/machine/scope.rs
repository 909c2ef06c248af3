//! What an expression can see: `$states` and the variables of its frame and the frames above.
//! Source: Step Functions Developer Guide, "Transforming data with JSONata" and "Accessing execution data from the Context object".

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{FrameId, token::idempotency_token, turn::Turn};
use crate::{
    asl::{Template, evaluate},
    journal::{HistoryEventDetails, StepFailure},
    query::Scope,
};

/// What `$states` holds beside input and context.
#[derive(Clone, Copy)]
pub(super) enum Extra<'v> {
    None,
    Result(&'v Value),
    ErrorOutput(&'v Value),
}

/// Milliseconds since the Unix epoch as AWS writes them, such as `2026-11-23T08:00:00.000Z`.
pub(super) fn timestamp(epoch_ms: u64) -> String {
    i64::try_from(epoch_ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(String::new, |time| format!("{time:.3}"))
}

impl Turn<'_> {
    /// The value of a template in a frame; a literal is not given a scope.
    pub fn evaluate(&mut self, id: FrameId, template: &Template, extra: Extra<'_>) -> Result<Value, StepFailure> {
        if let Template::Literal(value) = template {
            return Ok(value.clone());
        }
        let states = self.states(id, extra);
        let scopes = self.variables(id);
        let scopes: Vec<&Map<String, Value>> = scopes.iter().map(|scope| &**scope).collect();
        let scope = Scope { states: &states, variables: &scopes };
        evaluate(template, &scope, self.moment).map_err(|failure| {
            let state = self.frame(id).row.state.clone();
            self.event(
                Some(id),
                HistoryEventDetails::EvaluationFailed {
                    state,
                    location: failure.location.clone(),
                    error: failure.error.to_owned(),
                    cause: failure.cause.clone(),
                },
            );
            StepFailure { error: failure.error.to_owned(), cause: failure.cause, details: None }
        })
    }

    fn variables(&self, id: FrameId) -> Vec<Arc<Map<String, Value>>> {
        let mut scopes = Vec::new();
        let mut next = Some(id);
        while let Some(id) = next {
            let row = &self.frame(id).row;
            scopes.push(row.variables.clone());
            next = row.parent;
        }
        scopes
    }

    fn states(&self, id: FrameId, extra: Extra<'_>) -> Value {
        let row = &self.frame(id).row;
        let mut states = json!({ "input": &*row.input, "context": self.context(id) });
        match extra {
            Extra::None => {}
            Extra::Result(result) => states["result"] = result.clone(),
            Extra::ErrorOutput(output) => states["errorOutput"] = output.clone(),
        }
        states
    }

    fn context(&self, id: FrameId) -> Value {
        let header = &self.execution.header;
        let row = &self.frame(id).row;
        let mut context = json!({
            "Execution": {
                "Id": header.id,
                "Name": header.id,
                "Input": &*header.input,
                "StartTime": timestamp(header.started_ms),
                "RedriveCount": header.redrive_count,
            },
            "State": { "Name": row.state, "EnteredTime": timestamp(row.entered_ms), "RetryCount": row.attempt - 1 },
            "StateMachine": { "Id": header.workflow, "Name": header.workflow },
            "Task": { "Token": idempotency_token(&header.id, &row.state_path(), row.visit) },
        });
        let mut above = Some(id);
        while let Some(frame) = above {
            let row = &self.frame(frame).row;
            if let Some(item) = &row.item {
                context["Map"] = json!({ "Item": { "Index": row.index, "Value": &**item } });
                break;
            }
            above = row.parent;
        }
        context
    }
}
