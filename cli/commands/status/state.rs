//! One state of an execution: what it does now, or its last visit if it was left.

use std::sync::Arc;

use api::flow::{DescribeExecutionResponse, EntriesRequest, GetEntries};
use engine::{
    journal::{EntryContent, ErrorAndCause, HistoryEvent, HistoryEventDetails, JournalEntry, Note, state_path},
    machine::FrameRow,
};
use serde_json::{Value, json};

use crate::{
    exit::CliError,
    global::{Global, Output},
    owner::Handle,
    proposed::{OPTIONS, quoted},
    ui::{json, text},
};

/// The last visit of a state that the execution has left.
pub struct Left {
    path: String,
    /// How often a state of that name was entered.
    visit: u64,
    attempt: u64,
    entered_ms: u64,
    input: Arc<Value>,
    left_ms: Option<u64>,
    output: Option<Arc<Value>>,
    failure: Option<ErrorAndCause>,
}

impl Left {
    /// Reads the journal for the last visit of the state with this name or path; `None` if it was never entered.
    ///
    /// # Errors
    /// No owner answers.
    pub async fn find(store: &Handle, id: &str, name: &str) -> Result<Option<Self>, CliError> {
        let (mut left, mut from_sequence) = (None, 1);
        loop {
            let request = EntriesRequest { id: id.to_owned(), from_sequence };
            let entries = store.call::<GetEntries>(request).await?.entries;
            let Some(newest) = entries.last() else { return Ok(left) };
            from_sequence = newest.sequence + 1;
            entries.iter().for_each(|entry| fold(&mut left, name, entry));
        }
    }

    fn json(&self) -> Value {
        let Left { visit, attempt, entered_ms, input, left_ms, output, failure, .. } = self;
        let what = match (failure, output) {
            (Some(ErrorAndCause { error, .. }), None) => format!("failed: {error}"),
            (_, Some(_)) => "was left".to_owned(),
            (None, None) => "ended without an output".to_owned(),
        };
        json!({
            "time": text::rfc3339(*entered_ms), "state": self.path, "message": format!("{what} in attempt {attempt} of visit {visit}"),
            "visit": visit, "attempt": attempt, "input": input, "output": output, "failure": failure,
            "activity": { "doing": "left", "leftMs": left_ms },
        })
    }
}

/// Folds the next entry of a journal into the last visit of a state.
fn fold(left: &mut Option<Left>, name: &str, entry: &JournalEntry) {
    match &entry.content {
        EntryContent::Event(event) => fold_event(left, name, event, entry.timestamp_ms),
        EntryContent::Note(note) => {
            if let (Note::Failure { state_path, failure, .. }, Some(left)) = (&**note, left.as_mut())
                && *state_path == left.path
            {
                left.failure = Some(ErrorAndCause { error: failure.error.clone(), cause: failure.cause.clone() });
            }
        }
    }
}

fn fold_event(left: &mut Option<Left>, wanted: &str, event: &HistoryEvent, at_ms: u64) {
    if let HistoryEventDetails::StateEntered { name, input, .. } = &event.details {
        let path = state_path(&event.frame, name);
        if **name == *wanted || path == wanted {
            let visit = left.as_ref().map_or(1, |earlier| earlier.visit + 1);
            let (entered_ms, input) = (at_ms, input.clone());
            let (left_ms, output, failure) = (None, None, None);
            *left = Some(Left { path, visit, attempt: 1, entered_ms, input, left_ms, output, failure });
        }
        return;
    }
    let Some(left) = left else { return };
    let is_of_state = |name: &Arc<str>| state_path(&event.frame, name) == left.path;
    match &event.details {
        HistoryEventDetails::TaskScheduled { name, .. } if is_of_state(name) => {
            // The first attempt of a visit has no failure before it.
            left.attempt += u64::from(left.failure.take().is_some());
        }
        HistoryEventDetails::TaskFailed { name, failure, .. }
        | HistoryEventDetails::TaskTimedOut { name, failure, .. }
            if is_of_state(name) =>
        {
            left.failure = Some(failure.clone());
        }
        HistoryEventDetails::StateExited { name, output, .. } if is_of_state(name) => {
            (left.left_ms, left.output) = (Some(at_ms), Some(output.clone()));
        }
        HistoryEventDetails::StateAborted { name, .. } if is_of_state(name) => left.left_ms = Some(at_ms),
        _ => {}
    }
}

fn frames_of<'s>(status: &'s DescribeExecutionResponse, name: &str) -> impl Iterator<Item = &'s FrameRow> {
    status.frames.iter().filter(move |row| *row.state == *name || row.state_path() == name)
}

/// Whether the execution is in a state with this name or path.
pub fn is_current(status: &DescribeExecutionResponse, name: &str) -> bool {
    frames_of(status, name).next().is_some()
}

/// The lines about a state: one for each frame that is in it, or one for its last visit.
///
/// # Errors
/// The execution has not entered it.
pub fn lines(
    global: &Global,
    status: &DescribeExecutionResponse,
    name: &str,
    left: Option<&Left>,
) -> Result<Vec<String>, CliError> {
    let id = &status.execution.id;
    let current = |row: &FrameRow| {
        json!({
            "time": text::rfc3339(row.entered_ms), "state": row.state_path(),
            "message": format!("attempt {} of visit {}", row.attempt, row.visit), "visit": row.visit, "attempt": row.attempt,
            "input": row.input, "variables": row.variables, "activity": row.frame_state,
        })
    };
    let mut found: Vec<Value> = frames_of(status, name).map(current).collect();
    if found.is_empty() {
        found.extend(left.map(Left::json));
    }
    if found.is_empty() {
        let message = format!("{id} has not entered a state named '{name}'");
        let hint = format!("flow events {}{OPTIONS} shows the states it has entered", quoted(id));
        return Err(CliError::not_found(message).hint(hint));
    }
    let line = |mut line: Value| {
        (line["type"], line["execution"]) = ("state".into(), id.as_str().into());
        let line = json::complete(line);
        match global.output {
            Output::Json => line.to_string(),
            Output::Human => serde_json::to_string_pretty(&line).unwrap_or_default(),
        }
    };
    Ok(found.into_iter().map(line).collect())
}
