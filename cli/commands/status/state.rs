//! The states with one name or path: the current progress of each, or its last visit if it was left.

use std::{collections::HashMap, sync::Arc};

use api::flow::{DescribeExecutionResponse, EntriesRequest, GetEntries};
use engine::{
    journal::{EntryContent, ErrorAndCause, HistoryEvent, HistoryEventDetails, JournalEntry, Note, state_path},
    machine::{FrameRow, FrameState, Parked},
};
use serde_json::{Value, json};

use crate::{
    exit::CliError,
    global::{Global, Output},
    owner::Handle,
    proposed::{OPTIONS, quote_id},
    ui::{json, text},
};

/// The most states that are shown to people.
const SHOWN_MAX: usize = 10;

/// The last visit of a state, as the journal records it.
struct Visit {
    path: String,
    /// The number of times that the state was entered.
    number: u64,
    attempt: u64,
    entered_ms: u64,
    input: Arc<Value>,
    left_ms: Option<u64>,
    output: Option<Arc<Value>>,
    failure: Option<ErrorAndCause>,
    /// Whether its `Catch` handled the failure.
    is_caught: bool,
}

/// The last visits of all states with one name or path, such as that of each iteration of a Map.
#[derive(Default)]
pub struct Visits {
    /// In the order in which the states were first entered.
    states: Vec<Visit>,
    by_path: HashMap<String, usize>,
    /// The last journal entry that is folded in.
    last_sequence: u64,
}

impl Visits {
    /// Folds in what the journal has since the last update.
    ///
    /// # Errors
    /// No owner answers.
    pub async fn update(&mut self, handle: &Handle, id: &str, name: &str) -> Result<(), CliError> {
        loop {
            let request = EntriesRequest { id: id.to_owned(), from_sequence: self.last_sequence + 1 };
            let entries = handle.call::<GetEntries>(request).await?.entries;
            let Some(newest) = entries.last() else { return Ok(()) };
            self.last_sequence = newest.sequence;
            entries.iter().for_each(|entry| self.fold(name, entry));
        }
    }

    fn of(&self, path: &str) -> Option<&Visit> {
        self.by_path.get(path).and_then(|index| self.states.get(*index))
    }

    fn of_mut(&mut self, path: &str) -> Option<&mut Visit> {
        let index = *self.by_path.get(path)?;
        self.states.get_mut(index)
    }

    fn enter(&mut self, path: String, entered_ms: u64, input: Arc<Value>) {
        let index = *self.by_path.entry(path.clone()).or_insert(self.states.len());
        let number = self.states.get(index).map_or(1, |earlier| earlier.number + 1);
        let (attempt, left_ms, output, failure, is_caught) = (1, None, None, None, false);
        let visit = Visit { path, number, attempt, entered_ms, input, left_ms, output, failure, is_caught };
        match self.states.get_mut(index) {
            Some(earlier) => *earlier = visit,
            None => self.states.push(visit),
        }
    }

    fn fold(&mut self, name: &str, entry: &JournalEntry) {
        match &entry.content {
            EntryContent::Event(event) => self.fold_event(name, event, entry.timestamp_ms),
            EntryContent::Note(note) => {
                let (Note::Failure { state_path, failure, .. } | Note::Caught { state_path, failure, .. }) = &**note
                else {
                    return;
                };
                if let Some(visit) = self.of_mut(state_path) {
                    visit.failure = Some(ErrorAndCause { error: failure.error.clone(), cause: failure.cause.clone() });
                    visit.is_caught = matches!(**note, Note::Caught { .. });
                }
            }
        }
    }

    fn fold_event(&mut self, wanted: &str, event: &HistoryEvent, at_ms: u64) {
        if let HistoryEventDetails::StateEntered { name, input, .. } = &event.details {
            let path = state_path(&event.frame, name);
            if **name == *wanted || path == wanted {
                self.enter(path, at_ms, input.clone());
            }
            return;
        }
        let name = match &event.details {
            HistoryEventDetails::TaskScheduled { name, .. }
            | HistoryEventDetails::TaskFailed { name, .. }
            | HistoryEventDetails::TaskTimedOut { name, .. }
            | HistoryEventDetails::StateExited { name, .. }
            | HistoryEventDetails::StateAborted { name, .. } => name,
            _ => return,
        };
        let Some(visit) = self.of_mut(&state_path(&event.frame, name)) else { return };
        match &event.details {
            // The first attempt of a visit has no failure before it.
            HistoryEventDetails::TaskScheduled { .. } => visit.attempt += u64::from(visit.failure.take().is_some()),
            HistoryEventDetails::TaskFailed { failure, .. } | HistoryEventDetails::TaskTimedOut { failure, .. } => {
                visit.failure = Some(failure.clone());
            }
            HistoryEventDetails::StateExited { output, .. } => {
                (visit.left_ms, visit.output) = (Some(at_ms), Some(output.clone()));
            }
            _ => visit.left_ms = Some(at_ms),
        }
    }
}

/// The displayed fields of one state.
struct ShownState {
    kind: Kind,
    line: Value,
    text: Vec<String>,
}

/// Of several states, people see those that failed first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Failed,
    Current,
    Left,
}

impl Visit {
    fn shown(&self, now_ms: u64) -> ShownState {
        let Visit { path, number, attempt, entered_ms, input, left_ms, output, failure, is_caught } = self;
        let (kind, what) = match (failure, output) {
            (Some(ErrorAndCause { error, .. }), Some(_)) if *is_caught => {
                (Kind::Failed, format!("failed: {error}, caught"))
            }
            (Some(ErrorAndCause { error, .. }), None) => (Kind::Failed, format!("failed: {error}")),
            (_, Some(_)) => (Kind::Left, "was left".to_owned()),
            (None, None) => (Kind::Left, "ended without an output".to_owned()),
        };
        let line = json!({
            "time": text::rfc3339(*entered_ms), "state": path, "message": format!("{what} in attempt {attempt} of visit {number}"),
            "visit": number, "attempt": attempt, "input": input, "output": output, "failure": failure,
            "activity": { "doing": "left", "leftMs": left_ms },
        });
        let said = match (failure, kind) {
            (Some(ErrorAndCause { error, cause }), Kind::Failed) => {
                let caught = if *is_caught { "failed, caught" } else { "failed" };
                format!("{caught}: {}", text::error_and_cause(error, cause))
            }
            _ => what,
        };
        let mut text = vec![heading(path, &said, (*attempt, *number))];
        let left = left_ms.map_or_else(String::new, |left| format!(", left {}", text::moment(left, now_ms)));
        text.push(format!("  entered {}{left}", text::moment(*entered_ms, now_ms)));
        text.extend(text::field_lines("input", input, 2));
        if let Some(output) = output {
            text.extend(text::field_lines("output", output, 2));
        }
        ShownState { kind, line, text }
    }
}

fn shown_frame(row: &FrameRow, visit: Option<&Visit>, driven: bool, now_ms: u64) -> ShownState {
    let path = row.state_path();
    // The journal has no entries of the iterations of a distributed Map.
    let (attempt, number) = visit.map_or((u64::from(row.attempt), 1), |visit| (visit.attempt, visit.number));
    let line = json!({
        "time": text::rfc3339(row.entered_ms), "state": path,
        "message": format!("attempt {attempt} of visit {number}"), "visit": number, "attempt": attempt,
        "input": row.input, "variables": row.variables, "activity": row.frame_state,
    });
    let mut text = vec![heading(&path, &doing(&row.frame_state, driven, now_ms), (attempt, number))];
    text.push(format!("  entered {}", text::moment(row.entered_ms, now_ms)));
    text.extend(text::field_lines("input", &row.input, 2));
    if !row.variables.is_empty() {
        text.extend(text::field_lines("variables", &Value::Object((*row.variables).clone()), 2));
    }
    let kind = if matches!(row.frame_state, FrameState::Failed { .. }) { Kind::Failed } else { Kind::Current };
    ShownState { kind, line, text }
}

/// The path, what the state does, and the attempt and the visit unless they are the first.
fn heading(path: &str, what: &str, (attempt, visit): (u64, u64)) -> String {
    let numbers = [("attempt", attempt), ("visit", visit)].into_iter().filter(|(_, number)| *number > 1);
    let numbers: Vec<String> = numbers.map(|(word, number)| format!("   {word} {number}")).collect();
    format!("{}   {}{}", text::one_line(path), text::indented(what, 4), numbers.concat())
}

/// The progress of a state, for people.
fn doing(frame_state: &FrameState, driven: bool, now_ms: u64) -> String {
    let at = |ms: u64| text::moment(ms, now_ms);
    match frame_state {
        FrameState::Entering => "is being entered".to_owned(),
        FrameState::Waiting { due_ms } => format!("waits until {}", at(*due_ms)),
        FrameState::Task { waiting, parked, next_poll_ms, deadline_ms, submitted, .. } => {
            let what = match (parked, waiting, next_poll_ms) {
                (Some(Parked::Offered), ..) => "waits for a worker".to_owned(),
                (Some(Parked::Token), ..) if !*submitted => "a worker runs it".to_owned(),
                (Some(Parked::Token), None, _) => "waits for an answer with its task token".to_owned(),
                (_, Some(waiting), _) => format!("waits: {}", waiting.reason.trim_end_matches('.')),
                (None, None, Some(next)) => format!("is polled next {}", at(*next)),
                (None, None, None) if driven => "its call is running".to_owned(),
                (None, None, None) => "no answer to its call is recorded yet".to_owned(),
            };
            match deadline_ms {
                Some(deadline) if *deadline <= now_ms && !driven => format!("{what}; timed out {}", at(*deadline)),
                Some(deadline) => format!("{what}; times out {}", at(*deadline)),
                None => what,
            }
        }
        FrameState::Backoff { due_ms, failure } => {
            format!("tries again {} after {}", at(*due_ms), text::error_and_cause(&failure.error, &failure.cause))
        }
        FrameState::Parallel { running } => {
            let branches = text::one_or(usize::try_from(*running).unwrap_or(usize::MAX), "branch has", "branches have");
            format!("{running} {branches} not ended")
        }
        FrameState::Map { items, next, running, failed, .. } => {
            format!("{running} of {} running, {next} begun, {failed} failed", text::counted(items.len(), "iteration"))
        }
        FrameState::Ended { .. } => "was left".to_owned(),
        FrameState::Paused { failure } => {
            format!("is paused: {}", text::error_and_cause(&failure.error, &failure.cause))
        }
        FrameState::Failed { failure } => {
            format!("failed: {}", text::error_and_cause(&failure.error, &failure.cause))
        }
        FrameState::Stopped => "was stopped because the execution ended".to_owned(),
    }
}

/// The lines about the states with a name or path: for each that the execution is in, and for the last visit of each that it has left.
///
/// # Errors
/// The execution has entered none.
pub fn lines(
    global: &Global,
    status: &DescribeExecutionResponse,
    name: &str,
    visits: &Visits,
    now_ms: u64,
) -> Result<Vec<String>, CliError> {
    let id = &status.execution.id;
    let shown = all(status, name, visits, now_ms);
    if shown.is_empty() {
        let message = format!("{id} has not entered a state named '{name}'");
        let hint = format!("flow events {}{OPTIONS} shows the states it has entered", quote_id(id));
        return Err(CliError::not_found(message).hint(hint));
    }
    let json_line = |shown: ShownState| {
        let mut line = shown.line;
        (line["type"], line["execution"]) = ("state".into(), id.as_str().into());
        json::text(&json::complete(line))
    };
    Ok(match global.output {
        Output::Json => shown.into_iter().map(json_line).collect(),
        Output::Human => text_of_all(id, name, shown),
    })
}

/// All states with a name or path, in the order in which they were first entered.
fn all(status: &DescribeExecutionResponse, name: &str, visits: &Visits, now_ms: u64) -> Vec<ShownState> {
    let rows = status.frames.iter().filter(|row| *row.state == *name || row.state_path() == name);
    // An iteration that has ended keeps its frame until the others have ended.
    let current = |row: &&FrameRow| {
        !matches!(row.frame_state, FrameState::Ended { .. }) || visits.of(&row.state_path()).is_none()
    };
    let mut rows: Vec<(String, &FrameRow)> = rows.filter(current).map(|row| (row.state_path(), row)).collect();
    let mut by_path: HashMap<String, &FrameRow> = rows.iter().map(|(path, row)| (path.clone(), *row)).collect();
    rows.retain(|(path, _)| visits.of(path).is_none());
    let visited = visits.states.iter().map(|visit| match by_path.remove(&visit.path) {
        Some(row) => shown_frame(row, Some(visit), status.driven, now_ms),
        None => visit.shown(now_ms),
    });
    let mut shown: Vec<ShownState> = visited.collect();
    shown.extend(rows.into_iter().map(|(_, row)| shown_frame(row, None, status.driven, now_ms)));
    shown
}

/// The text for people. Of several states, their number is said first.
fn text_of_all(id: &str, name: &str, mut shown: Vec<ShownState>) -> Vec<String> {
    let count = shown.len();
    let mut lines = Vec::new();
    if count > 1 {
        let of = |kind: Kind| shown.iter().filter(|shown| shown.kind == kind).count();
        let (failed, left) = (of(Kind::Failed), of(Kind::Left));
        let current = count - failed - left;
        lines.push(format!("{count} states are named '{name}': {failed} failed, {current} not left, {left} left"));
        // A stable sort: states of one kind stay in the order of their entry.
        shown.sort_by_key(|shown| shown.kind);
    }
    for shown in shown.iter().take(SHOWN_MAX) {
        lines.extend(shown.text.iter().cloned());
    }
    if count > SHOWN_MAX {
        let more = count - SHOWN_MAX;
        let id = quote_id(id);
        lines.push(format!("and {more} more; one is shown by its path:   flow status {id} --state PATH{OPTIONS}"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_attempt_and_visit_are_not_named() {
        assert_eq!(heading("Each[1]/Call", "was left", (1, 1)), "Each[1]/Call   was left");
        assert_eq!(heading("Call", "was left", (2, 3)), "Call   was left   attempt 2   visit 3");
    }

    #[test]
    fn a_value_is_text_with_its_fields_below_its_name() {
        let value = json!({ "a": { "b": "text" }, "n": 7, "none": null, "list": [1], "escape": "\u{1b}[2J" });
        let lines = text::field_lines("input", &value, 2);
        assert_eq!(
            lines.join("\n"),
            "  input:\n    a:\n      b: text\n    n: 7\n    list: [1]\n    escape: \\u{1b}[2J"
        );
    }

    #[test]
    fn entries_are_counted_for_each_path() {
        let mut visits = Visits::default();
        for (path, entered_ms) in [("Each[0]/Call", 1), ("Each[1]/Call", 2), ("Each[0]/Call", 3)] {
            visits.enter(path.to_owned(), entered_ms, Arc::default());
        }
        let numbers: Vec<_> = visits.states.iter().map(|visit| (visit.path.as_str(), visit.number)).collect();
        assert_eq!(numbers, [("Each[0]/Call", 2), ("Each[1]/Call", 1)]);
        assert_eq!(visits.of("Each[0]/Call").map(|visit| visit.entered_ms), Some(3));
    }
}
