//! The view of an execution, folded from its journal and its frames. Terminal and JSON displays use the same view.

mod failure;
mod fold;
mod frames;
mod map_progress;
mod paths;
mod reentry;
mod sections;
mod state_status;
mod stopped_periods;
#[cfg(test)]
mod tests;
mod time_left;

use std::collections::{BTreeMap, BTreeSet};

use engine::{
    journal::{EntryContent, ErrorAndCause, JournalEntry, StateType},
    machine::{ExecutionHeader, ExecutionStatus},
    runner::RunnerEvent,
    step::{ChangeAction, ResourceChange},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use failure::Remedy;
pub use map_progress::MapProgress;
pub use paths::{is_inside, is_or_is_inside, outer_paths};
pub use sections::{Section, sections};
pub use state_status::{AwaitedHeartbeat, StateStatus, Wait};
pub use stopped_periods::StoppedPeriod;
pub use time_left::{Durations, TimeLeft, Typical, TypicalItem, TypicalState};

/// A state that has been entered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StateView {
    /// The path, such as `VPC and subnets/Create VPC`.
    pub path: String,
    /// The name in the definition.
    pub name: String,
    /// The type in the definition.
    pub state_type: StateType,
    /// When it was last entered, in milliseconds since the Unix epoch.
    pub entered_ms: u64,
    /// Whether its call was scheduled in this visit.
    #[serde(default)]
    pub called: bool,
    /// When the call of the current attempt was scheduled, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called_ms: Option<u64>,
    /// Whether its call answered in this visit.
    #[serde(default)]
    pub answered: bool,
    /// Whether the enclosing state was left or retried before this one exited. A redrive does not continue it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub abandoned: bool,
    /// The number of the current attempt in this visit, from 1.
    #[serde(default = "first_attempt")]
    pub attempt: u32,
    /// The number of the last attempt that is allowed by the `Retry` rule of the current one. `None` in the first attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts_max: Option<u32>,
    /// Its status.
    #[serde(rename = "doing")]
    pub status: StateStatus,
}

fn first_attempt() -> u32 {
    1
}

/// A change of a resource by a step, and the state that made it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StepChange {
    /// The path of the state.
    pub state_path: String,
    /// The resource and the kind of change.
    #[serde(rename = "effect")]
    pub change: ResourceChange,
}

/// The view of an execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// The execution's id.
    pub id: String,
    /// The pinned environment.
    #[serde(default)]
    pub environment: Value,
    /// The sections of the definition, in the document's order.
    pub sections: Vec<Section>,
    /// The entered states, by path.
    pub states: BTreeMap<String, StateView>,
    /// The paths of the entered states, in the order of entering.
    pub order: Vec<String>,
    /// The progress of the Maps entered, by path.
    #[serde(default)]
    pub maps: BTreeMap<String, MapProgress>,
    /// The Maps whose iterations have histories of their own, by path.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub distributed: BTreeSet<String>,
    /// The changes of resources by its steps.
    #[serde(rename = "made")]
    pub changes: Vec<StepChange>,
    /// The status, as in Step Functions.
    pub status: ExecutionStatus,
    /// When it started, in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// When it ended.
    pub stopped_ms: Option<u64>,
    /// The times between an end and the redrive that followed it.
    #[serde(rename = "idle", default, skip_serializing_if = "Vec::is_empty")]
    pub stopped_periods: Vec<StoppedPeriod>,
    /// The error and the cause, if it failed.
    #[serde(default, with = "failure::as_pair")]
    pub failure: Option<ErrorAndCause>,
    /// The path of the state that failed last, unless a `Retry` or a `Catch` has handled its failure. Once the execution has FAILED,
    /// this is the state whose failure ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unhandled_failure: Option<String>,
    /// The output, if it succeeded.
    pub output: Option<Value>,
    /// Whether it is paused until `flow resume`.
    pub paused: bool,
    /// The sequence of the last journal entry in the view.
    pub last_sequence: u64,
}

impl View {
    /// The view of an execution before any journal entry is folded.
    pub fn new(header: &ExecutionHeader, definition: &Value) -> Self {
        let (id, environment) = (header.id.clone(), (*header.environment).clone());
        View::empty(id, environment, sections(definition), header.started_ms)
    }

    /// The same view before any journal entry is folded.
    pub fn without_entries(self) -> Self {
        View::empty(self.id, self.environment, self.sections, self.started_ms)
    }

    fn empty(id: String, environment: Value, sections: Vec<Section>, started_ms: u64) -> Self {
        View {
            id,
            environment,
            sections,
            states: BTreeMap::new(),
            order: Vec::new(),
            maps: BTreeMap::new(),
            distributed: BTreeSet::new(),
            changes: Vec::new(),
            status: ExecutionStatus::Running,
            started_ms,
            stopped_ms: None,
            stopped_periods: Vec::new(),
            failure: None,
            unhandled_failure: None,
            output: None,
            paused: false,
            last_sequence: 0,
        }
    }

    /// Folds an event into the view.
    pub fn apply_event(&mut self, event: &RunnerEvent) {
        match event {
            RunnerEvent::Entry { entry, .. } => self.fold(entry),
            RunnerEvent::Settled { header } => self.paused = header.paused,
            RunnerEvent::Polled { state_path, waiting, next_poll_ms, deadline_ms, .. } => {
                let wait = Wait {
                    reason: waiting.reason.clone(),
                    polled_ms: waiting.polled_ms,
                    next_poll_ms: *next_poll_ms,
                    deadline_ms: *deadline_ms,
                    instructions: waiting.instructions.clone(),
                };
                self.set(state_path, StateStatus::Waiting(wait));
            }
            RunnerEvent::Asleep { .. }
            | RunnerEvent::Released { .. }
            | RunnerEvent::StoreFailed { .. }
            | RunnerEvent::Unknown => {}
        }
    }

    /// Folds a journal entry into the view.
    pub fn fold(&mut self, entry: &JournalEntry) {
        self.last_sequence = self.last_sequence.max(entry.sequence);
        match &entry.content {
            EntryContent::Event(event) => self.fold_event(&event.frame, &event.details, entry.timestamp_ms),
            EntryContent::Note(note) => self.fold_note(note, entry.timestamp_ms),
        }
    }

    fn enter(&mut self, path: String, name: &str, state_type: StateType, entered_ms: u64) {
        if self.unhandled_failure.as_ref() == Some(&path) {
            self.unhandled_failure = None;
        }
        let state = StateView {
            path: path.clone(),
            name: name.to_owned(),
            state_type,
            entered_ms,
            called: false,
            called_ms: None,
            answered: false,
            abandoned: false,
            attempt: 1,
            attempts_max: None,
            status: StateStatus::Running,
        };
        if self.states.insert(path.clone(), state).is_none() {
            self.order.push(path);
        }
    }

    fn set(&mut self, path: &str, status: StateStatus) {
        if let Some(state) = self.states.get_mut(path) {
            state.status = status;
        }
    }

    /// The section that contains a state, and its index.
    pub fn section_of(&self, path: &str) -> Option<(usize, &Section)> {
        let within = |section: &Section| is_or_is_inside(path, &section.path);
        self.sections.iter().enumerate().find(|(_, section)| within(section))
    }

    /// The number of sections that have exited without a failure.
    pub fn sections_done(&self) -> usize {
        let done = |section: &&Section| {
            self.states.get(&section.path).is_some_and(|s| matches!(s.status, StateStatus::Exited { .. }))
        };
        self.sections.iter().filter(done).count()
    }

    /// The innermost states that run or wait, in the order of entering. Empty once the execution has ended.
    pub fn active(&self) -> impl Iterator<Item = &StateView> {
        self.order.iter().filter_map(|path| self.states.get(path)).filter(|state| {
            let is_leaf = !matches!(state.state_type, StateType::Parallel | StateType::Map);
            is_leaf && !state.status.is_left()
        })
    }

    /// Whether the execution waits for a person.
    pub fn needs_person(&self) -> bool {
        self.status == ExecutionStatus::Running && !self.waiting_for_people().is_empty()
    }

    /// Whether a state waits for an approval or a task token, and has not timed out: a resume alone does not continue it.
    pub fn awaits_answer(&self, now_ms: u64) -> bool {
        let mut open = self.active().filter(|state| state.status.timed_out_ms(now_ms).is_none());
        open.any(|state| match &state.status {
            StateStatus::Parked { .. } => true,
            StateStatus::Waiting(wait) => wait.instructions.as_ref().is_some_and(|asks| asks.approval.is_some()),
            _ => false,
        })
    }

    /// Whether it waits for a person in more states than an earlier view did.
    pub fn needs_more_than(&self, earlier: &View) -> bool {
        let asks = |status: &StateStatus| match status {
            StateStatus::Waiting(wait) => wait.instructions.clone(),
            _ => None,
        };
        let known = |path: &str, status: &StateStatus| {
            earlier.waiting_for_people().iter().any(|(known, before)| *known == path && asks(before) == asks(status))
        };
        self.needs_person() && self.waiting_for_people().iter().any(|(path, status)| !known(path, status))
    }

    /// The states that wait for a person.
    pub fn waiting_for_people(&self) -> Vec<(&str, &StateStatus)> {
        self.active()
            .filter(|state| state.status.needs_person())
            .map(|state| (state.path.as_str(), &state.status))
            .collect()
    }

    /// Whether its steps left every resource unchanged.
    pub fn changed_nothing(&self) -> bool {
        self.changes.iter().all(|step| step.change.action == ChangeAction::Unchanged)
    }

    /// The number of resources by kind of change. A resource that several steps touched counts once, with its largest
    /// change.
    pub fn change_counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for (_, action) in self.resources() {
            *counts.entry(action_name(action)).or_insert(0) += 1;
        }
        counts
    }

    /// The resources in the order in which the steps reached them, each with its largest change: the rule of every count and table.
    pub fn resources(&self) -> Vec<(&ResourceChange, ChangeAction)> {
        let mut resources: Vec<(&ResourceChange, ChangeAction)> = Vec::new();
        let mut known: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for StepChange { change, .. } in &self.changes {
            let index = *known.entry((change.resource_type.as_str(), change.id.as_str())).or_insert(resources.len());
            match resources.get_mut(index) {
                Some((_, action)) if change_rank(change.action) > change_rank(*action) => *action = change.action,
                Some(_) => {}
                None => resources.push((change, change.action)),
            }
        }
        resources
    }
}

fn change_rank(action: ChangeAction) -> u8 {
    match action {
        ChangeAction::Unchanged => 0,
        ChangeAction::Adopted => 1,
        ChangeAction::Updated => 2,
        ChangeAction::Created => 3,
        ChangeAction::Deleted => 4,
    }
}

/// The name of a kind of change, for people and in JSON lines.
pub fn action_name(action: ChangeAction) -> &'static str {
    match action {
        ChangeAction::Created => "created",
        ChangeAction::Adopted => "adopted",
        ChangeAction::Updated => "updated",
        ChangeAction::Unchanged => "unchanged",
        ChangeAction::Deleted => "deleted",
    }
}
