//! A Map or a Parallel under test: it begins with children that only wait, and the mock takes the place of their results.

use engine::{asl::machines_inside, journal::ErrorAndCause, machine::Tolerated};
use serde_json::{Value, json};

use super::{
    mock::Mock,
    trial::{Outcome, TestedState},
};
use crate::Fault;

impl TestedState {
    /// Runs a Map or a Parallel.
    pub(super) fn run_composite(&self, state: &Value, input: &Value) -> Result<Outcome, Fault> {
        let begun = self.begun(state, input)?;
        if begun.status != "SUCCEEDED" {
            return Ok(Outcome { not_begun: true, ..begun });
        }
        let exceeded = self.exceeds_threshold(state, &begun)?;
        let failure = || {
            let ErrorAndCause { error, cause } = Tolerated::exceeded();
            Mock::Error(error, cause)
        };
        let mock = if exceeded { Some(failure()) } else { self.mock.clone() };
        // A Task handles a result in the same way.
        let ended = self.drive(&as_task(state), input, None, mock.as_ref())?;
        let items = begun.items.filter(|_| self.has_items(state));
        Ok(Outcome { items, exceeded, ..ended })
    }

    /// Whether the items of a Map are known: those of a reader are in the request.
    fn has_items(&self, state: &Value) -> bool {
        state.get("ItemReader").is_none() || self.reader_data.is_some()
    }

    /// Begins a Map or a Parallel. Where the items of a reader are not known, there are as many as results.
    fn begun(&self, state: &Value, input: &Value) -> Result<Outcome, Fault> {
        let quiet = with_idle_children(state);
        if self.has_items(state) {
            return self.drive(&quiet, input, self.read(state), None);
        }
        let results = match &self.mock {
            Some(Mock::Result(Value::Array(results))) => results.clone(),
            _ => Vec::new(),
        };
        let quiet = without(&quiet, &["ItemSelector", "Parameters", "ItemBatcher"]);
        self.drive(&quiet, input, Some(Value::Array(results)), None)
    }

    /// The answer of a Map's reader: the data of the request. A listing of S3 may be the list of objects or the complete answer.
    fn read(&self, state: &Value) -> Option<Value> {
        let data = self.reader_data.as_ref()?;
        let reader = state.get("ItemReader")?;
        let lists = reader["Resource"].as_str().is_some_and(|resource| resource.ends_with(":listObjectsV2"));
        let flattens = reader["ReaderConfig"]["Transformation"] == "LOAD_AND_FLATTEN";
        if lists
            && !flattens
            && let Ok(mut answer) = serde_json::from_str::<Value>(data)
        {
            let contents = answer.get_mut("Contents").map(Value::take);
            return Some(contents.unwrap_or(answer));
        }
        Some(Value::String(data.clone()))
    }

    /// Whether the failed iterations of the request exceed what the Map tolerates. AWS compares them only if the Map sets a limit
    /// (recorded).
    fn exceeds_threshold(&self, state: &Value, begun: &Outcome) -> Result<bool, Fault> {
        let Some(failed) = self.failures else { return Ok(false) };
        let items = begun.items.as_ref().and_then(Value::as_array).map_or(0, Vec::len);
        let mocks_result = matches!(self.mock, Some(Mock::Result(_)));
        if failed > items as u64 && (mocks_result || self.has_items(state)) {
            return Err(Fault::validation("MapIterationFailureCount cannot be greater than the number of items."));
        }
        Ok(mocks_result && begun.tolerated.is_set() && begun.tolerated.is_exceeded(failed, items))
    }

    /// The items of a Map before its ItemBatcher, with or without its ItemSelector; `None` if they are not known.
    pub(super) fn items(&self, state: &Value, input: &Value, selected: bool) -> Option<Value> {
        if !self.has_items(state) {
            return None;
        }
        let mut quiet = without(&with_idle_children(state), &["MaxConcurrency", "MaxConcurrencyPath"]);
        if !selected {
            quiet = without(&quiet, &["ItemSelector", "Parameters"]);
        }
        // Batches of one item: all items are selected before the first iteration begins.
        quiet["ItemBatcher"] = json!({ "MaxItemsPerBatch": 1 });
        for inner in machines_inside(state) {
            if let Some(processor) = inner.kind.find_mut(&mut quiet) {
                processor["ProcessorConfig"] = json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" });
            }
        }
        let begun =
            self.drive(&quiet, input, self.read(state), None).ok().filter(|begun| begun.status == "SUCCEEDED")?;
        let batches = begun.items.and_then(|items| items.as_array().cloned()).unwrap_or_default();
        Some(batches.into_iter().map(|mut batch| batch["Items"][0].take()).collect())
    }

    /// The part of the reader's JSON data that `ItemsPointer` selects.
    pub(super) fn pointed(&self, state: &Value) -> Option<Value> {
        let pointer = state.pointer("/ItemReader/ReaderConfig/ItemsPointer")?.as_str()?;
        let data: Value = serde_json::from_str(self.reader_data.as_ref()?).ok()?;
        data.pointer(pointer).cloned()
    }
}

/// The state without some of its fields.
fn without(state: &Value, fields: &[&str]) -> Value {
    let mut state = state.clone();
    if let Value::Object(object) = &mut state {
        object.retain(|name, _| !fields.contains(&name.as_str()));
    }
    state
}

/// The Map or Parallel with branches and iterations that only wait.
/// The results are not written.
fn with_idle_children(state: &Value) -> Value {
    let idle = json!({ "StartAt": "idle", "States": { "idle": { "Type": "Wait", "Seconds": 60, "End": true } } });
    let mut quiet = without(state, &["ResultWriter"]);
    for inner in machines_inside(state) {
        let Some(machine) = inner.kind.find_mut(&mut quiet) else { continue };
        *machine = idle.clone();
        if let Some(config) = inner.json.get("ProcessorConfig") {
            machine["ProcessorConfig"] = config.clone();
        }
    }
    quiet
}

fn as_task(state: &Value) -> Value {
    let kept = [
        "QueryLanguage",
        "Comment",
        "InputPath",
        "OutputPath",
        "ResultPath",
        "ResultSelector",
        "Retry",
        "Catch",
        "Next",
        "End",
        "Assign",
        "Output",
    ];
    let mut task = json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke" });
    for field in kept {
        if let Some(value) = state.get(field) {
            task[field] = value.clone();
        }
    }
    task
}
