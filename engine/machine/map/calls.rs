//! The calls of a distributed Map: its reader fetches the items, its writer stores the results. Both are Tasks.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{items::Items, reader_answer};
use crate::{
    asl::{ItemReader, Map, ResultWriter, StateKind},
    journal::{ErrorAndCause, HistoryEventDetails, StepFailure},
    machine::{FrameId, FrameState, scope::Extra, turn::Turn},
    step::{ErrorClass, StepError, error_names},
};

/// The source of the items, for the context object: the S3 URI of the object or of the bucket that is listed, or the path of a file.
/// Source: Developer Guide, "Accessing execution data from the Context object".
fn source_of(arguments: &Value) -> Option<String> {
    let text = |name: &str| arguments.get(name).and_then(Value::as_str);
    match (text("Bucket"), text("Key")) {
        (Some(bucket), Some(key)) => Some(format!("S3://{bucket}/{key}")),
        (Some(bucket), None) => Some(format!("S3://{bucket}")),
        (None, _) => text("Path").map(str::to_owned),
    }
}

impl Turn<'_> {
    /// Calls the reader.
    pub(super) fn read_items(&mut self, id: FrameId, reader: &ItemReader) -> Result<(), StepFailure> {
        let mut arguments = self.evaluate(id, &reader.arguments, Extra::None)?;
        if let (Some(through), Value::Object(arguments)) = (reader.through, &mut arguments) {
            arguments.insert("ReadThrough".to_owned(), format!("{through:?}").into());
        }
        let source = source_of(&arguments);
        if let Some(run) = self.run_mut(id) {
            run.source = source;
        }
        self.call_for_map(id, &reader.resource, arguments);
        Ok(())
    }

    /// Calls the writer with the results. The children are kept until it has answered.
    pub(super) fn write_results(
        &mut self,
        id: FrameId,
        writer: &ResultWriter,
        results: Value,
    ) -> Result<(), StepFailure> {
        let Some(resource) = &writer.resource else { return Ok(()) };
        let mut arguments = self.evaluate(id, &writer.arguments, Extra::None)?;
        arguments["Results"] = results;
        if writer.lines {
            arguments["OutputType"] = "JSONL".into();
        }
        self.call_for_map(id, resource, arguments);
        Ok(())
    }

    fn call_for_map(&mut self, id: FrameId, resource: &str, arguments: Value) {
        let now = self.now_ms();
        self.row_mut(id).frame_state = FrameState::Task {
            arguments: Arc::new(arguments),
            first_poll_ms: now,
            deadline_ms: None,
            poll: 0,
            poll_started_ms: now,
            next_poll_ms: None,
            waiting: None,
            parked: None,
            submitted: false,
            heartbeat: None,
            resource: Some(resource.to_owned()),
        };
        self.poll(id);
    }

    /// Handles the answer of a Map's reader or writer.
    pub fn map_answered(&mut self, id: FrameId, map: &Map, output: Value) {
        let writes = self.writes_results(id);
        let Some(state) = self.state_of(id).cloned() else { return };
        if writes {
            let result = json!({ "MapRunArn": self.map_run_arn(id), "ResultWriterDetails": output });
            return self.map_succeeded(id, &state, map, result);
        }
        let begun = self.items_read(id, map, &output).and_then(|items| self.begin_with_items(id, map, items));
        if let Err(failure) = begun {
            self.map_run_failed(id, &failure);
            self.fail_state(id, failure);
        }
    }

    /// Renames the refusal of a reader or writer as AWS does. Errors that the machine, the operator or a repeated call may resolve keep
    /// their name.
    pub fn named_for_map(&self, id: FrameId, error: StepError) -> StepError {
        let is_refusal = match &error.name {
            Some(name) => !name.starts_with("States."),
            None => matches!(error.class, ErrorClass::Invalid | ErrorClass::NotFound),
        };
        if !is_refusal || self.calls_for_map(id).is_none() {
            return error;
        }
        let name =
            if self.writes_results(id) { error_names::RESULT_WRITER_FAILED } else { error_names::ITEM_READER_FAILED };
        StepError { name: Some(name.to_owned()), ..error }
    }

    /// Continues a Map whose reader or writer paused: only its call is repeated. Returns whether the frame is in such a Map.
    pub fn repeat_map_call(&mut self, id: FrameId) -> bool {
        let (Some(map), Some(state)) = (self.calls_for_map(id), self.state_of(id).cloned()) else { return false };
        if !self.children(id).is_empty() {
            self.map_ended(id, &state, &map);
            return true;
        }
        let Some(reader) = &map.item_reader else { return false };
        if let Err(failure) = self.read_items(id, reader) {
            self.map_run_failed(id, &failure);
            self.fail_state(id, failure);
        }
        true
    }

    fn writes_results(&self, id: FrameId) -> bool {
        matches!(&self.frame(id).row.frame_state, FrameState::Task { arguments, .. } if arguments.get("Results").is_some())
    }

    /// Fails a map run because its reader or writer failed.
    pub fn map_run_failed(&mut self, id: FrameId, failure: &StepFailure) {
        let recorded = ErrorAndCause { error: failure.error.clone(), cause: failure.cause.clone() };
        let name = self.frame(id).row.state.clone();
        self.event(Some(id), HistoryEventDetails::MapRunFailed(recorded.clone()));
        self.event(Some(id), HistoryEventDetails::MapStateFailed { name, failure: recorded });
    }

    /// The Map whose reader or writer the frame calls, if it does.
    pub fn calls_for_map(&self, id: FrameId) -> Option<Map> {
        match self.state_of(id).map(|state| &state.kind) {
            Some(StateKind::Map(map)) => Some(map.clone()),
            _ => None,
        }
    }

    fn items_read(&mut self, id: FrameId, map: &Map, output: &Value) -> Result<Items, StepFailure> {
        let Some(reader) = &map.item_reader else { return Ok(Items::default()) };
        let refuse =
            |cause: String| StepFailure { error: error_names::ITEM_READER_FAILED.to_owned(), cause, details: None };
        let mut items = reader_answer::items(reader, output).map_err(refuse)?;
        if let Some(template) = &reader.max_items {
            let value = self.evaluate(id, template, Extra::None)?;
            if value.as_f64().is_some_and(|most| most < 0.0) {
                return Err(refuse("field MaxItems must be positive".to_owned()));
            }
        }
        if let Some(most) = self.map_count(id, reader.max_items.as_ref(), "MaxItems")?.filter(|most| *most > 0) {
            items.values.truncate(most as usize);
        }
        Ok(items)
    }
}
