//! The records in a journal of each state that was entered: its input, its variables, and the calls made since.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde_json::{Map, Value};

use super::{EntryContent, HistoryEventDetails, JournalEntry, Note, state_path};
use crate::step::ResourceChange;

/// The last time a state was entered.
#[derive(Debug, Clone, PartialEq)]
pub struct Entered {
    /// The path of its frame, such as `VPC and subnets`; empty at the top.
    pub frame: Arc<str>,
    /// The state's name.
    pub name: Arc<str>,
    /// The sequence of the entry.
    pub sequence: u64,
    /// When the state was entered, in milliseconds since the Unix epoch.
    pub entered_ms: u64,
    /// The input it was entered with.
    pub input: Arc<Value>,
    /// The variables of its frame when it was entered.
    pub variables: Arc<Map<String, Value>>,
}

/// A call that a Task made.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedCall {
    /// The path of the state.
    pub state_path: String,
    /// The resource that was called.
    pub resource: Arc<str>,
    /// The sequence of the entry.
    pub sequence: u64,
    /// Whether it succeeded; `None` if no answer is recorded.
    pub succeeded: Option<bool>,
}

/// The variables by the path of their frame.
type Variables = HashMap<Arc<str>, Arc<Map<String, Value>>>;

/// A fold over the entries of one journal.
#[derive(Debug, Default)]
pub struct Recorded {
    entered: BTreeMap<String, Entered>,
    variables: Variables,
    /// The state that a resume enters again, and the variables of the frames on the path to it.
    reentry: Option<(String, Variables)>,
    calls: Vec<RecordedCall>,
    /// The calls that were scheduled and that no process has made yet.
    withheld: Vec<RecordedCall>,
    changes: Vec<(u64, String, ResourceChange)>,
}

impl Recorded {
    /// Folds the next entry into the record.
    pub fn fold(&mut self, entry: &JournalEntry) {
        match &entry.content {
            EntryContent::Event(event) => self.event(&event.frame, &event.details, entry),
            EntryContent::Note(note) => match &**note {
                Note::ResumedFrom { state_path } => self.resumed_from(state_path),
                Note::ResourceChanged { state_path, change } => {
                    self.changes.push((entry.sequence, state_path.clone(), change.clone()));
                }
                _ => {}
            },
        }
    }

    fn event(&mut self, frame: &Arc<str>, details: &HistoryEventDetails, entry: &JournalEntry) {
        match details {
            HistoryEventDetails::StateEntered { name, input, .. } => {
                let variables = self.variables.get(frame).cloned().unwrap_or_default();
                let entered = Entered {
                    frame: frame.clone(),
                    name: name.clone(),
                    sequence: entry.sequence,
                    entered_ms: entry.timestamp_ms,
                    input: input.clone(),
                    variables,
                };
                let state_path = state_path(frame, name);
                if self.reentry.as_ref().is_some_and(|(target, _)| *target == state_path) {
                    self.reentry = None;
                }
                self.entered.insert(state_path, entered);
            }
            HistoryEventDetails::StateExited { assigned_variables: Some(assigned), .. } => {
                let variables = self.variables.entry(frame.clone()).or_default();
                Arc::make_mut(variables).extend((**assigned).clone());
            }
            // Each visit or attempt gives its branches and iterations new variables.
            HistoryEventDetails::ParallelStateStarted { name } | HistoryEventDetails::MapStateStarted { name, .. } => {
                let of_state = state_path(frame, name);
                self.variables.retain(|frame, _| !is_within(frame, &of_state));
                // Restores the variables of the frames on the path to a state that is entered again.
                if let Some((target, restored)) = &self.reentry
                    && is_within(target, &of_state)
                {
                    let inside = restored.iter().filter(|(frame, _)| is_within(frame, &of_state));
                    self.variables.extend(inside.map(|(frame, variables)| (frame.clone(), variables.clone())));
                }
            }
            HistoryEventDetails::TaskScheduled { name, resource, .. } => self.calls.push(RecordedCall {
                state_path: state_path(frame, name),
                resource: resource.clone(),
                sequence: entry.sequence,
                succeeded: None,
            }),
            HistoryEventDetails::TaskStartFailed { name, .. } => {
                let withheld =
                    Self::last_of(&self.calls, &state_path(frame, name)).map(|index| self.calls.remove(index));
                self.withheld.extend(withheld);
            }
            HistoryEventDetails::TaskStarted { name, .. } => {
                let made = Self::last_of(&self.withheld, &state_path(frame, name));
                let made = made.map(|index| RecordedCall { sequence: entry.sequence, ..self.withheld.remove(index) });
                self.calls.extend(made);
            }
            HistoryEventDetails::TaskSucceeded { name, .. } => self.answered(&state_path(frame, name), true),
            HistoryEventDetails::TaskFailed { name, .. } | HistoryEventDetails::TaskTimedOut { name, .. } => {
                self.answered(&state_path(frame, name), false);
            }
            _ => {}
        }
    }

    /// The index of the last call of a state.
    fn last_of(calls: &[RecordedCall], state_path: &str) -> Option<usize> {
        calls.iter().rposition(|call| call.state_path == state_path)
    }

    fn answered(&mut self, state_path: &str, succeeded: bool) {
        // A Task may time out before its call is made.
        if let Some(index) = Self::last_of(&self.withheld, state_path) {
            self.withheld.remove(index);
        } else if let Some(index) = Self::last_of(&self.calls, state_path) {
            self.calls[index].succeeded = Some(succeeded);
        }
    }

    /// Restores the variables that the frames on the path to a state had when the state was entered.
    fn resumed_from(&mut self, state_path: &str) {
        let on_the_way = self.entered.iter().filter(|(path, _)| *path == state_path || is_within(state_path, path));
        let restored: HashMap<_, _> =
            on_the_way.map(|(_, entered)| (entered.frame.clone(), entered.variables.clone())).collect();
        self.variables.extend(restored.clone());
        self.reentry = Some((state_path.to_owned(), restored));
    }

    /// The last entering of a state, by the state's path.
    pub fn entered(&self, state_path: &str) -> Option<&Entered> {
        self.entered.get(state_path)
    }

    /// The last entering of each state with this path or name, in the order of their paths.
    pub fn named(&self, wanted: &str) -> Vec<&Entered> {
        match self.entered.get(wanted) {
            Some(entered) => vec![entered],
            None => self.entered.values().filter(|entered| &*entered.name == wanted).collect(),
        }
    }

    /// The calls made after an entry, in order.
    pub fn calls_after(&self, sequence: u64) -> impl Iterator<Item = &RecordedCall> {
        self.calls.iter().filter(move |call| call.sequence > sequence)
    }

    /// The resource changes that steps reported after an entry: the path of the state, and the change.
    pub fn changes_after(&self, sequence: u64) -> impl Iterator<Item = (&str, &ResourceChange)> {
        let after = self.changes.iter().filter(move |(at, ..)| *at > sequence);
        after.map(|(_, state_path, change)| (state_path.as_str(), change))
    }
}

/// Whether a frame or a state is inside the state with this path.
fn is_within(path: &str, state_path: &str) -> bool {
    let rest = path.strip_prefix(state_path);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest.starts_with('['))
}
