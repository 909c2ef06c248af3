//! Map, inline: a frame for each item, at most `MaxConcurrency` at once.

use std::sync::Arc;

use serde_json::Value;

use super::{Activity, FrameId, scope::Extra, turn::Turn};
use crate::{
    asl::{Map, State, StateKind},
    journal::{HistoryEventDetails, StepFailure},
};

/// The most iterations of an inline Map that run at once. Source: Step Functions Developer Guide, "Map state processing modes".
const CONCURRENCY_MAX: u64 = 40;

impl Turn<'_> {
    /// Evaluates the items and starts the first iterations.
    pub fn begin_map(&mut self, id: FrameId, map: &Map) -> Result<(), StepFailure> {
        let items = match &map.items {
            Some(template) => self.evaluate(id, template, Extra::None)?,
            None => (*self.frame(id).row.input).clone(),
        };
        let Value::Array(items) = items else {
            let cause = format!("The Items of the Map state must be an array, not {}.", kind(&items));
            return Err(StepFailure { error: "States.QueryEvaluationError".to_owned(), cause, details: None });
        };
        let limit = match &map.max_concurrency {
            Some(template) => self.evaluate(id, template, Extra::None)?.as_u64().unwrap_or(0),
            None => 0,
        };
        let max_concurrency = if limit == 0 { CONCURRENCY_MAX } else { limit.min(CONCURRENCY_MAX) };
        let name = self.frame(id).row.state.clone();
        self.event(Some(id), HistoryEventDetails::MapStateStarted { name, length: items.len() as u64 });
        let none = items.is_empty();
        self.row(id).activity =
            Activity::Map { items: Arc::new(items), next: 0, running: 0, failed: 0, max_concurrency };
        if none && let Some(state) = self.state_of(id) {
            self.map_ended(id, &state);
            return Ok(());
        }
        self.start_iterations(id, map)
    }

    fn start_iterations(&mut self, id: FrameId, map: &Map) -> Result<(), StepFailure> {
        loop {
            let Activity::Map { items, next, running, max_concurrency, .. } = &mut self.row(id).activity else {
                return Ok(());
            };
            let index = *next;
            let Some(item) = items.get(index as usize).filter(|_| *running < *max_concurrency).cloned() else {
                return Ok(());
            };
            *next += 1;
            *running += 1;
            let row = &self.frame(id).row;
            let (path, name) = (format!("{}[{index}]", row.state_path()), row.state.clone());
            let item = Arc::new(item);
            let child = self.new_frame(Some(id), index, path, Some(item.clone()));
            self.event(Some(child), HistoryEventDetails::MapIterationStarted { name, index });
            let input = match &map.item_selector {
                // The selector sees the Map's own input and variables, and the iteration's item in the context object.
                Some(template) => {
                    let input = self.frame(id).row.input.clone();
                    self.row(child).input = input;
                    Arc::new(self.evaluate(child, template, Extra::None)?)
                }
                None => item,
            };
            self.enter(child, &map.processor.start_at, input);
        }
    }

    /// An iteration ended well: the next one starts, or the Map ends.
    pub fn iteration_ended(&mut self, parent: FrameId, child: FrameId, state: &State, map: &Map) {
        let index = self.frame(child).row.index;
        self.event(Some(child), HistoryEventDetails::MapIterationSucceeded { name: state.name.clone(), index });
        let Activity::Map { items, next, running, .. } = &mut self.row(parent).activity else { return };
        *running -= 1;
        let all_ended = *running == 0 && *next as usize == items.len();
        if all_ended {
            self.map_ended(parent, state);
        } else if let Err(failure) = self.start_iterations(parent, map) {
            self.stop_children(parent);
            self.fail_state(parent, failure);
        }
    }

    fn map_ended(&mut self, id: FrameId, state: &State) {
        debug_assert!(matches!(state.kind, StateKind::Map(_)));
        let result = self.gather(id);
        self.event(Some(id), HistoryEventDetails::MapStateSucceeded { name: state.name.clone() });
        self.leave_composite(id, state, result);
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
