//! What is known of an execution from its journal.

use std::collections::BTreeMap;

use engine::{
    journal::{Content, Entry, HistoryEventDetails, Note, StateType, StepFailure},
    machine::ExecutionStatus,
    runner::RunnerEvent,
    step::{Change, Effect, Instructions},
};
use serde_json::Value;

use super::outline::{Section, sections};

/// What a state is doing.
#[derive(Debug, Clone, PartialEq)]
pub enum Doing {
    /// Working.
    Running,
    /// Looking again and again.
    Waiting(Wait),
    /// A failed attempt will be repeated.
    Retrying { attempt: u32, next_attempt_ms: u64, failure: StepFailure },
    /// Left.
    Done { stopped_ms: u64 },
    /// Failed for good.
    Failed { attempt: u32, failure: StepFailure },
    /// Stands still until `flow resume`.
    Paused { failure: StepFailure },
}

/// The last look of a wait.
#[derive(Debug, Clone, PartialEq)]
pub struct Wait {
    pub reason: String,
    pub looked_ms: u64,
    pub next_look_ms: u64,
    pub deadline_ms: Option<u64>,
    pub instructions: Option<Instructions>,
}

/// A state that has been entered.
#[derive(Debug, Clone, PartialEq)]
pub struct StateView {
    pub path: String,
    pub name: String,
    pub state_type: StateType,
    pub entered_ms: u64,
    pub doing: Doing,
}

/// Something that was made, found or removed, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    pub state_path: String,
    pub effect: Effect,
}

/// An execution as far as it is known.
#[derive(Debug, Clone)]
pub struct View {
    pub id: String,
    pub sections: Vec<Section>,
    pub states: BTreeMap<String, StateView>,
    /// The paths of the states entered, in order.
    pub order: Vec<String>,
    pub made: Vec<Made>,
    pub status: ExecutionStatus,
    pub started_ms: u64,
    pub stopped_ms: Option<u64>,
    pub failure: Option<(String, String)>,
    pub output: Option<Value>,
    pub paused: bool,
    pub last_sequence: u64,
}

impl View {
    /// A view of an execution of which nothing is known but its definition.
    pub fn new(id: &str, definition: &Value) -> Self {
        View {
            id: id.to_owned(),
            sections: sections(definition),
            states: BTreeMap::new(),
            order: Vec::new(),
            made: Vec::new(),
            status: ExecutionStatus::Running,
            started_ms: 0,
            stopped_ms: None,
            failure: None,
            output: None,
            paused: false,
            last_sequence: 0,
        }
    }

    /// Takes an event in.
    pub fn see(&mut self, event: &RunnerEvent) {
        match event {
            RunnerEvent::Entry { entry, .. } => self.fold(entry),
            RunnerEvent::Rested { header } => self.paused = header.paused,
            RunnerEvent::Looked { state_path, waiting, next_look_ms, deadline_ms, .. } => {
                let wait = Wait {
                    reason: waiting.reason.clone(),
                    looked_ms: waiting.looked_ms,
                    next_look_ms: *next_look_ms,
                    deadline_ms: *deadline_ms,
                    instructions: waiting.instructions.clone(),
                };
                self.set(state_path, Doing::Waiting(wait));
            }
            RunnerEvent::StoreFailed { .. } => {}
        }
    }

    /// Takes a journal entry in.
    pub fn fold(&mut self, entry: &Entry) {
        self.last_sequence = self.last_sequence.max(entry.sequence);
        match &entry.content {
            Content::Event(event) => self.fold_event(&event.frame, &event.details, entry.timestamp_ms),
            Content::Note(note) => self.fold_note(note, entry.timestamp_ms),
        }
    }

    fn fold_event(&mut self, frame: &str, details: &HistoryEventDetails, at_ms: u64) {
        use HistoryEventDetails as Details;
        let path = |name: &str| if frame.is_empty() { name.to_owned() } else { format!("{frame}/{name}") };
        match details {
            Details::ExecutionStarted { .. } => self.started_ms = at_ms,
            Details::StateEntered { state_type, name, .. } => {
                let path = path(name);
                let state = StateView {
                    path: path.clone(),
                    name: name.to_string(),
                    state_type: *state_type,
                    entered_ms: at_ms,
                    doing: Doing::Running,
                };
                if self.states.insert(path.clone(), state).is_none() {
                    self.order.push(path);
                }
            }
            Details::StateExited { name, .. } => self.set(&path(name), Doing::Done { stopped_ms: at_ms }),
            Details::TaskScheduled { name, .. } => self.set(&path(name), Doing::Running),
            Details::ExecutionSucceeded { output } => {
                self.output = Some((**output).clone());
                self.end(ExecutionStatus::Succeeded, at_ms, None);
            }
            Details::ExecutionFailed(failure) => {
                self.end(ExecutionStatus::Failed, at_ms, Some((failure.error.clone(), failure.cause.clone())));
            }
            Details::ExecutionTimedOut(failure) => {
                self.end(ExecutionStatus::TimedOut, at_ms, Some((failure.error.clone(), failure.cause.clone())));
            }
            Details::ExecutionAborted(failure) => {
                self.end(ExecutionStatus::Aborted, at_ms, Some((failure.error.clone(), failure.cause.clone())));
            }
            Details::ExecutionRedriven { .. } => {
                self.status = ExecutionStatus::Running;
                self.stopped_ms = None;
                self.failure = None;
            }
            _ => {}
        }
    }

    fn end(&mut self, status: ExecutionStatus, at_ms: u64, failure: Option<(String, String)>) {
        self.status = status;
        self.stopped_ms = Some(at_ms);
        self.failure = failure;
    }

    fn fold_note(&mut self, note: &Note, at_ms: u64) {
        match note {
            Note::Waiting { state_path, reason, next_look_ms, deadline_ms, instructions, .. } => {
                let wait = Wait {
                    reason: reason.clone(),
                    looked_ms: at_ms,
                    next_look_ms: *next_look_ms,
                    deadline_ms: *deadline_ms,
                    instructions: instructions.clone(),
                };
                self.set(state_path, Doing::Waiting(wait));
            }
            Note::RetryScheduled { state_path, attempt, next_attempt_ms, failure } => {
                let (attempt, next_attempt_ms, failure) = (*attempt, *next_attempt_ms, failure.clone());
                self.set(state_path, Doing::Retrying { attempt, next_attempt_ms, failure });
            }
            Note::Caught { .. } => {}
            Note::Effect { state_path, effect } => {
                self.made.push(Made { state_path: state_path.clone(), effect: effect.clone() });
            }
            Note::Paused { state_path, failure } => {
                self.paused = true;
                self.set(state_path, Doing::Paused { failure: failure.clone() });
            }
            Note::Continued { state_path } => {
                self.paused = false;
                self.set(state_path, Doing::Running);
            }
            Note::Failure { state_path, attempt, failure } => {
                self.set(state_path, Doing::Failed { attempt: *attempt, failure: failure.clone() });
            }
        }
    }

    fn set(&mut self, path: &str, doing: Doing) {
        if let Some(state) = self.states.get_mut(path) {
            state.doing = doing;
        }
    }

    /// The section that a state belongs to, with its number from 0.
    pub fn section_of(&self, path: &str) -> Option<(usize, &Section)> {
        let within = |section: &Section| path == section.path || path.starts_with(&format!("{}/", section.path));
        self.sections.iter().enumerate().find(|(_, section)| within(section))
    }

    /// How many sections have been left.
    pub fn sections_done(&self) -> usize {
        let done =
            |section: &&Section| self.states.get(&section.path).is_some_and(|s| matches!(s.doing, Doing::Done { .. }));
        self.sections.iter().filter(done).count()
    }

    /// The states that work or wait themselves, in the order in which they were entered.
    pub fn active(&self) -> impl Iterator<Item = &StateView> {
        self.order.iter().filter_map(|path| self.states.get(path)).filter(|state| {
            let own = !matches!(state.state_type, StateType::Parallel | StateType::Map);
            own && !matches!(state.doing, Doing::Done { .. })
        })
    }

    /// Whether nothing works: all that is active waits for time or for a person.
    pub fn only_waits(&self) -> bool {
        let mut active = self.active().peekable();
        active.peek().is_some()
            && active.all(|state| {
                matches!(state.doing, Doing::Waiting(_) | Doing::Paused { .. }) || state.state_type == StateType::Wait
            })
    }

    /// How many resources met each fate. A resource that several steps touched counts once, by what changed it most.
    pub fn changes(&self) -> BTreeMap<&'static str, usize> {
        let mut fates: BTreeMap<(&str, &str), Change> = BTreeMap::new();
        for made in &self.made {
            let key = (made.effect.resource_type.as_str(), made.effect.id.as_str());
            let fate = fates.entry(key).or_insert(made.effect.change);
            if weight(made.effect.change) > weight(*fate) {
                *fate = made.effect.change;
            }
        }
        let mut counts = BTreeMap::new();
        for fate in fates.into_values() {
            *counts.entry(word(fate)).or_insert(0) += 1;
        }
        counts
    }
}

fn weight(change: Change) -> u8 {
    match change {
        Change::Unchanged => 0,
        Change::Adopted => 1,
        Change::Updated => 2,
        Change::Created => 3,
        Change::Deleted => 4,
    }
}

/// The word for a change.
pub fn word(change: Change) -> &'static str {
    match change {
        Change::Created => "created",
        Change::Adopted => "adopted",
        Change::Updated => "updated",
        Change::Unchanged => "unchanged",
        Change::Deleted => "deleted",
    }
}
