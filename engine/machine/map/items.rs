//! A Map's items, limits and batches.

use std::sync::Arc;

use serde_json::{Map as Object, Value, json};

use super::MapRun;
use crate::{
    asl::{EvaluationFailure, ItemBatcher, Map, QueryLanguage, ResultWriter, Template, Transformation},
    journal::StepFailure,
    machine::{
        FrameId, FrameState, Tolerated, limits,
        scope::{Extra, shown, timestamp},
        turn::Turn,
    },
    step::error_names,
};

/// The items of a Map.
#[derive(Debug, Default)]
pub(super) struct Items {
    pub values: Vec<Value>,
    /// Whether they are the key-value pairs of an object.
    pub keyed: bool,
}

impl Items {
    /// The elements of an array.
    pub(crate) fn of_array(values: Vec<Value>) -> Self {
        Items { values, keyed: false }
    }

    /// The pairs of an object: an item is `{"Key": …, "Value": …}`.
    pub(crate) fn of_object(object: Object<String, Value>) -> Self {
        let pairs = object.into_iter().map(|(key, value)| json!({ "Key": key, "Value": value }));
        Items { values: pairs.collect(), keyed: true }
    }
}

/// `Map.Item` of the context object in an iteration. Source: Developer Guide, "Accessing execution data from the Context object".
pub(in crate::machine) fn context_of_item(index: u64, item: &Value, run: Option<&MapRun>) -> Value {
    let source = run.and_then(|run| run.source.as_deref()).unwrap_or("STATE_DATA");
    let pair = item.as_object().filter(|pair| pair.len() == 2 && run.is_some_and(|run| run.keyed));
    match pair.and_then(|pair| pair.get("Key").zip(pair.get("Value"))) {
        Some((key, value)) => json!({ "Index": index, "Key": key, "Value": value, "Source": source }),
        None => json!({ "Index": index, "Value": item, "Source": source }),
    }
}

impl Turn<'_> {
    /// The items: an array, or in a distributed Map also the pairs of an object. Source: Developer Guide, "ItemsPath (Map)" and
    /// "ItemReader (Map)". An inline Map refuses an object (recorded in December 2025).
    pub(super) fn map_items(&mut self, id: FrameId, map: &Map) -> Result<Items, StepFailure> {
        let items = match &map.items {
            Some(template) => self.evaluate(id, template, Extra::None)?,
            None => (*self.effective_input(id)?).clone(),
        };
        let items = match items {
            Value::Array(items) => return Ok(Items::of_array(items)),
            Value::Object(object) if map.distributed => return Ok(Items::of_object(object)),
            other => other,
        };
        let language = self.state_of(id).map(|state| state.common.query_language);
        match &map.items {
            Some(template @ Template::Expression { .. }) => Err(self.unexpected_type(id, template, "array", &items)),
            Some(Template::Query { query, .. }) => {
                let cause = format!("Reference path \"{}\" must point to array.", query.source_in_cause());
                Err(self.runtime_failure(id, cause))
            }
            None if language == Some(QueryLanguage::JsonPath) => {
                Err(self.runtime_failure(id, "Reference path \"$\" must point to array."))
            }
            _ => {
                let cause = format!("Map state input must be an array but was: {items}");
                let failure = EvaluationFailure { location: None, error: error_names::QUERY_EVALUATION_ERROR, cause };
                Err(self.evaluation_failed(id, failure))
            }
        }
    }

    /// The value of an integer field.
    pub(super) fn map_count(
        &mut self,
        id: FrameId,
        template: Option<&Template>,
        name: &str,
    ) -> Result<Option<u64>, StepFailure> {
        let Some(template) = template else { return Ok(None) };
        let value = self.evaluate(id, template, Extra::None)?;
        // A path may select a string that holds a number.
        let text = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
        let integer = value.as_i64().or_else(|| value.as_f64().filter(|n| n.fract() == 0.0).map(|n| n as i64));
        let integer = integer.or_else(|| text(&value).filter(|_| matches!(template, Template::Query { .. })));
        match (integer, template) {
            (Some(count), _) => match u64::try_from(count) {
                Ok(count) => Ok(Some(count)),
                Err(_) => Err(self.runtime_failure(id, format!("{name} cannot be negative."))),
            },
            (None, Template::Query { .. }) => Err(self.not_a_number(id, template, &value, "integer")),
            (None, template) => Err(self.unexpected_type(id, template, "integer", &value)),
        }
    }

    fn not_a_number(&mut self, id: FrameId, template: &Template, value: &Value, kind: &str) -> StepFailure {
        let Template::Query { query, field } = template else { return self.runtime_failure(id, "not a number") };
        let (path, value) = (query.source_in_cause(), shown(value));
        let cause = format!("The {field} field refers to value \"{value}\" which is not a valid {kind}: {path}");
        self.runtime_failure(id, cause)
    }

    /// The number of failures that the Map tolerates.
    pub(super) fn tolerated(&mut self, id: FrameId, map: &Map) -> Result<Tolerated, StepFailure> {
        let count = self.map_count(id, map.tolerated_failure_count.as_ref(), "ToleratedFailureCount")?;
        let percentage = match &map.tolerated_failure_percentage {
            None => None,
            Some(template) => {
                let value = self.evaluate(id, template, Extra::None)?;
                let text = || value.as_str().and_then(|text| text.parse().ok());
                let text = if matches!(template, Template::Query { .. }) { text() } else { None };
                match (value.as_f64().or(text), template) {
                    (Some(percentage), _) => Some(percentage),
                    (None, Template::Query { .. }) => return Err(self.not_a_number(id, template, &value, "float")),
                    (None, template) => return Err(self.unexpected_type(id, template, "number", &value)),
                }
            }
        };
        if percentage.is_some_and(|percentage| !(0.0..=100.0).contains(&percentage)) {
            return Err(self.runtime_failure(id, "ToleratedFailurePercentage must be between 0 and 100."));
        }
        Ok(Tolerated { count, percentage })
    }

    /// The items, or with an ItemBatcher the batches of items.
    pub(super) fn batched(&mut self, id: FrameId, map: &Map, items: Vec<Value>) -> Result<Vec<Value>, StepFailure> {
        items.iter().try_for_each(|item| limits::refuse_deep(&self.frame(id).row.state, item))?;
        let Some(batcher) = &map.item_batcher else { return Ok(items) };
        let mut selected = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            if map.item_selector.is_none() {
                selected.push(item);
                continue;
            }
            // A temporary frame: the selector reads the item from its context object.
            let item = Arc::new(item);
            let child = self.new_iteration(id, index as u64, item.clone());
            let one = self.selected_item(id, child, map, item);
            self.delete(child);
            selected.push(Arc::unwrap_or_clone(one?));
        }
        self.batches(id, batcher, selected)
    }

    fn batches(&mut self, id: FrameId, batcher: &ItemBatcher, items: Vec<Value>) -> Result<Vec<Value>, StepFailure> {
        let most_items = self.map_count(id, batcher.max_items.as_ref(), "MaxItemsPerBatch")?.unwrap_or(u64::MAX);
        let most_bytes = self.map_count(id, batcher.max_input_bytes.as_ref(), "MaxInputBytesPerBatch")?;
        let most_bytes = most_bytes.map_or(limits::PAYLOAD_BYTES_MAX, |bytes| bytes as usize);
        let shared = match &batcher.batch_input {
            Some(template) => Some(self.evaluate(id, template, Extra::None)?),
            None => None,
        };
        let head_bytes = shared.as_ref().map_or(0, |shared| shared.to_string().len()) + 32;
        let batch = |items: Vec<Value>| {
            let mut batch = Object::new();
            if let Some(shared) = &shared {
                batch.insert("BatchInput".to_owned(), shared.clone());
            }
            batch.insert("Items".to_owned(), json!(items));
            Value::Object(batch)
        };
        let (mut batches, mut open, mut bytes) = (Vec::new(), Vec::new(), head_bytes);
        for item in items {
            let size = item.to_string().len() + 1;
            let full = open.len() as u64 >= most_items.max(1) || bytes + size > most_bytes;
            if full && !open.is_empty() {
                batches.push(batch(std::mem::take(&mut open)));
                bytes = head_bytes;
            }
            bytes += size;
            open.push(item);
        }
        if !open.is_empty() {
            batches.push(batch(open));
        }
        Ok(batches)
    }
}

impl Turn<'_> {
    /// The results of a Map in the format of its writer.
    pub(super) fn transformed(&self, id: FrameId, writer: &ResultWriter) -> Value {
        match writer.transformation {
            Some(Transformation::Flatten) => {
                let Value::Array(outputs) = self.outputs_of_children(id) else { return Value::Null };
                let joined = outputs.into_iter().flat_map(|output| match output {
                    Value::Array(items) => items,
                    other => vec![other],
                });
                joined.collect()
            }
            // Results that are written to a file have another form.
            Some(Transformation::None) if writer.resource.is_none() => self.with_metadata(id),
            _ => self.outputs_of_children(id),
        }
    }

    /// The outputs with the records of their child executions.
    fn with_metadata(&self, id: FrameId) -> Value {
        let Some(run) = self.frame(id).row.map_run.as_deref() else { return self.outputs_of_children(id) };
        let machine = format!("{}/{}", self.execution.header.workflow, run.label);
        let prefix = self.arn_prefix();
        let kind = if run.express { "express" } else { "execution" };
        let shown = |child: FrameId| {
            let row = &self.frame(child).row;
            let FrameState::Ended { output } = &row.frame_state else { return None };
            let name = run.child_name(row.index);
            let started_ms = row.child.as_deref().map_or(0, |child| child.started_ms);
            let stopped_ms = row.child.as_deref().and_then(|child| child.stopped_ms).unwrap_or(started_ms);
            Some(json!({
                "ExecutionArn": format!("{prefix}:{kind}:{machine}:{name}"), "Name": name,
                "Output": output.to_string(), "OutputDetails": { "Included": true }, "RedriveCount": 0,
                "RedriveStatus": "NOT_REDRIVABLE",
                "RedriveStatusReason": "Execution is SUCCEEDED and cannot be redriven",
                "StartDate": timestamp(started_ms), "StateMachineArn": format!("{prefix}:stateMachine:{machine}"),
                "Status": "SUCCEEDED", "StopDate": timestamp(stopped_ms),
            }))
        };
        self.children(id).into_iter().filter_map(shown).collect()
    }
}
