//! Items that a distributed Map reads from outside, and results that it writes there.

use std::sync::Arc;

use serde_json::{Map as Object, Value, json};

use super::{Activity, FrameId, scope::Extra, turn::Turn};
use crate::{
    asl::{InputType, ItemReader, Map, ResultWriter, StateKind},
    journal::{ErrorAndCause, HistoryEventDetails, StepFailure},
};

impl Turn<'_> {
    /// Asks for what the reader names.
    pub(super) fn read_items(&mut self, id: FrameId, reader: &ItemReader) -> Result<(), StepFailure> {
        let arguments = self.evaluate(id, &reader.arguments, Extra::None)?;
        self.call_for_map(id, &reader.resource, arguments);
        Ok(())
    }

    /// Hands the results over to the writer; they are kept until it has answered.
    pub(super) fn write_results(
        &mut self,
        id: FrameId,
        writer: &ResultWriter,
        results: Value,
    ) -> Result<(), StepFailure> {
        let mut arguments = self.evaluate(id, &writer.arguments, Extra::None)?;
        arguments["Results"] = results;
        self.call_for_map(id, &writer.resource, arguments);
        Ok(())
    }

    fn call_for_map(&mut self, id: FrameId, resource: &str, arguments: Value) {
        let now = self.now_ms();
        self.row(id).activity = Activity::Task {
            arguments: Arc::new(arguments),
            first_look_ms: now,
            deadline_ms: None,
            look: 0,
            look_started_ms: now,
            next_look_ms: None,
            waiting: None,
            parked: None,
            submitted: false,
            heartbeat: None,
            resource: Some(resource.to_owned()),
        };
        self.look(id);
    }

    /// The reader or the writer of a Map has answered.
    pub(super) fn map_answered(&mut self, id: FrameId, map: &Map, output: Value) {
        let writes = matches!(&self.frame(id).row.activity, Activity::Task { arguments, .. } if arguments.get("Results").is_some());
        let Some(state) = self.state_of(id) else { return };
        if writes {
            let result = json!({ "MapRunArn": self.map_run_arn(id), "ResultWriterDetails": output });
            self.results_written(id);
            return self.map_succeeded(id, &state, map, result);
        }
        let begun = self.items_read(id, map, &output).and_then(|items| self.begin_with_items(id, map, items));
        if let Err(failure) = begun {
            self.map_run_failed(id, &failure);
            self.fail_state(id, failure);
        }
    }

    /// A map run failed before or after its iterations.
    pub(super) fn map_run_failed(&mut self, id: FrameId, failure: &StepFailure) {
        let told = ErrorAndCause { error: failure.error.clone(), cause: failure.cause.clone() };
        let name = self.frame(id).row.state.clone();
        self.event(Some(id), HistoryEventDetails::MapRunFailed(told.clone()));
        self.event(Some(id), HistoryEventDetails::MapStateFailed { name, failure: told });
    }

    /// Whether the frame is in a Map whose reader or writer is called.
    pub(super) fn calls_for_map(&self, id: FrameId) -> Option<Map> {
        match self.state_of(id).as_deref().map(|state| &state.kind) {
            Some(StateKind::Map(map)) => Some(map.clone()),
            _ => None,
        }
    }

    fn items_read(&mut self, id: FrameId, map: &Map, output: &Value) -> Result<Vec<Value>, StepFailure> {
        let Some(reader) = &map.item_reader else { return Ok(Vec::new()) };
        let refuse = |cause: String| StepFailure { error: "States.ItemReaderFailed".to_owned(), cause, details: None };
        let mut items = match output {
            // What a list of objects answers is an array already.
            Value::Array(items) => items.clone(),
            Value::String(text) => parse(&reader.input_type, text).map_err(refuse)?,
            _ => return Err(refuse("The reader answered neither a text nor an array.".to_owned())),
        };
        if let Some(most) = self.map_count(id, reader.max_items.as_ref(), "MaxItems")?.filter(|most| *most > 0) {
            items.truncate(most as usize);
        }
        Ok(items)
    }
}

fn parse(input_type: &InputType, text: &str) -> Result<Vec<Value>, String> {
    match input_type {
        InputType::Json => match serde_json::from_str(text) {
            Ok(Value::Array(items)) => Ok(items),
            Ok(_) => Err("Attempting to map over non-iterable node.".to_owned()),
            Err(error) => Err(format!("The JSON cannot be read: {error}")),
        },
        InputType::JsonLines => {
            let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
            lines
                .map(|(number, line)| {
                    serde_json::from_str(line).map_err(|error| format!("Line {} cannot be read: {error}", number + 1))
                })
                .collect()
        }
        InputType::Csv { delimiter, headers } => csv(text, *delimiter, headers.as_deref()),
    }
}

fn csv(text: &str, delimiter: u8, given: Option<&[String]>) -> Result<Vec<Value>, String> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = reader.records();
    let told = |error: csv::Error| format!("The CSV cannot be read: {error}");
    let headers: Vec<String> = match given {
        Some(headers) => headers.to_vec(),
        None => match records.next() {
            Some(first) => first.map_err(told)?.iter().map(str::to_owned).collect(),
            None => return Ok(Vec::new()),
        },
    };
    if (1..headers.len()).any(|index| headers[..index].contains(&headers[index])) {
        return Err("CSV headers cannot contain duplicates.".to_owned());
    }
    records
        .map(|record| {
            let record = record.map_err(told)?;
            // A field that a line does not have is an empty one.
            let field = |(index, name): (usize, &String)| (name.clone(), record.get(index).unwrap_or_default().into());
            Ok(Value::Object(headers.iter().enumerate().map(field).collect::<Object<_, _>>()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lines_of_fields_become_objects_and_short_ones_are_filled() {
        let rows = csv("id;name\n1;a\n2\n\"3\";\"x;y\"\n", b';', None).unwrap();
        assert_eq!(
            rows,
            [json!({ "id": "1", "name": "a" }), json!({ "id": "2", "name": "" }), json!({ "id": "3", "name": "x;y" })]
        );
        assert_eq!(csv("1,2", b',', Some(&["a".to_owned()])).unwrap(), [json!({ "a": "1" })]);
        assert!(csv("a,a\n1,2", b',', None).unwrap_err().contains("duplicates"));
        assert_eq!(parse(&InputType::JsonLines, "1\n\n{}\n").unwrap(), [json!(1), json!({})]);
        assert!(parse(&InputType::Json, "{}").is_err());
    }
}
