//! Converts the history of Step Functions to journal entries, so that the same view is folded from it. Pure.
//!
//! AWS's events name neither their frame nor, for a Task's call, the state. Both are derived: from the definition, in which state names are
//! unique, and from `previousEventId`, which leads back to the event that entered the state. If it leads to another state, `entered` finds
//! the state of the event.

mod catches;
mod details;
mod entered;
mod map_runs;
mod retries;
#[cfg(test)]
mod tests;
mod time_limits;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use api::{
    flow::APPROVAL,
    view::{StateStatus, View, Wait},
};
use engine::{
    asl::{InnerKind, each_state, machines_inside, states_of},
    journal::{EntryContent, HistoryEvent, JournalEntry, NOT_CALLED, Note, StepFailure, state_path},
};
use serde_json::Value;
use steps::step_functions::RemoteEvent;

pub use self::map_runs::{Child, FailedChild, ends_map_run};
use self::{
    catches::Catches,
    details::details,
    entered::Entered,
    map_runs::MapRuns,
    retries::{NextAttempt, Retries},
    time_limits::TimeLimits,
};

/// The event of a state whose expression failed. A Retry or a Catch may follow, as after the failure of a call.
const EVALUATION_FAILED: &str = "EvaluationFailed";

/// The path from the top of a definition to a state.
type Way = Vec<Part>;

/// A state that contains another one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// A branch of a Parallel; no index if it has only one.
    Branch(String, Option<usize>),
    /// A Map. The history has the index of the iteration.
    Iteration(String),
}

/// Converts events to entries, in order.
#[derive(Debug, Default)]
pub struct History {
    ways: HashMap<String, Way>,
    /// The names of the states that ask a person.
    approvals: BTreeSet<String>,
    catches: Catches,
    retries: Retries,
    map_runs: MapRuns,
    time_limits: TimeLimits,
    entered: Entered,
    /// The position of each event.
    positions: HashMap<u64, EventPosition>,
    /// The failed attempts whose next event decides whether they are retried.
    failures: HashMap<u64, FailedAttempt>,
    /// The failures of Parallel and Map states. A failure is caught if the next event is the exit of the state.
    composite_failures: HashMap<u64, StepFailure>,
    /// The failures that events have, by the id of the event.
    failures_of_events: HashMap<u64, StepFailure>,
    /// The paths of the states whose activity was scheduled and not started, with the time at which it was scheduled.
    without_worker: BTreeMap<String, u64>,
    /// The position of the last failed attempt: a redriven execution continues at it.
    last_failed: EventPosition,
    entries: Vec<JournalEntry>,
    last_id: u64,
}

/// The position of an event.
#[derive(Debug, Clone, Default)]
struct EventPosition {
    state: String,
    resource: String,
    /// The index in each Map that contains it.
    indexes: BTreeMap<String, u64>,
    /// Whether the state was entered and not left, and contains no other states.
    is_in_state: bool,
}

/// A failed attempt of a state.
#[derive(Debug)]
struct FailedAttempt {
    path: String,
    at_ms: u64,
    failure: StepFailure,
}

impl History {
    /// An empty history of an execution with this definition.
    pub fn new(definition: &Value) -> Self {
        let mut ways = HashMap::new();
        find_ways(definition, &mut Vec::new(), &mut ways);
        let mut approvals = BTreeSet::new();
        each_state(definition, &mut |state| {
            if state.json["Resource"] == APPROVAL {
                approvals.insert(state.name.to_owned());
            }
        });
        let (catches, retries) = (Catches::of(definition), Retries::of(definition));
        History { ways, approvals, catches, retries, ..History::default() }
    }

    /// The id of the last event.
    pub fn last_id(&self) -> u64 {
        self.last_id
    }

    /// The sequence of the last entry.
    pub fn last_sequence(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The entries of all events.
    pub fn entries(&self) -> &[JournalEntry] {
        &self.entries
    }

    /// Marks the states of a complete view whose activity has no worker yet. Returns whether such states exist.
    pub fn mark_waits_for_workers(&self, view: &mut View) -> bool {
        let mut any = false;
        for (path, scheduled_ms) in &self.without_worker {
            let Some(state) = view.states.get_mut(path) else { continue };
            if state.status == StateStatus::Running {
                state.status = StateStatus::Waiting(Wait::for_worker(*scheduled_ms));
                any = true;
            }
        }
        any
    }

    /// Marks the states of a complete view that a `Retry` repeats: the history has a retry only when it begins.
    pub fn mark_retries(&self, view: &mut View) {
        for FailedAttempt { path, at_ms, failure } in self.failures.values() {
            let Some(state) = view.states.get_mut(path).filter(|state| state.status == StateStatus::Running) else {
                continue;
            };
            let next = self.retries.next(path, failure);
            if let Some(NextAttempt { attempt, attempts_max, delay_ms: Some(delay_ms) }) = next {
                let (next_attempt_ms, failure) = (at_ms.saturating_add(delay_ms), failure.clone());
                state.status = StateStatus::Retrying { attempt, attempts_max, next_attempt_ms, failure };
            }
        }
    }

    /// Whether a state, given by name or path, asks a person.
    pub fn is_approval(&self, state: &str) -> bool {
        self.approvals.iter().any(|name| is_state(state, name))
    }

    /// Adds the events after the last one, oldest first.
    pub fn add(&mut self, events: &[RemoteEvent]) {
        for event in events {
            if event.id > self.last_id {
                self.event(event);
                self.last_id = event.id;
            }
        }
    }

    fn event(&mut self, event: &RemoteEvent) {
        let with_failure = self.with_failure(event);
        let event = with_failure.as_ref().unwrap_or(event);
        let mut position = self.position_before(event);
        let is_iteration = event.kind.starts_with("MapIteration");
        match (&event.name, event.index) {
            (Some(map), Some(index)) if is_iteration => {
                position.indexes.insert(map.clone(), index);
                position.state = map.clone();
            }
            (Some(state), _) => position.state = state.clone(),
            _ => {}
        }
        position.is_in_state = is_in_state(&event.kind, position.is_in_state);
        if let Some(other) = self.position_without_name(event, &position) {
            position = other;
        }
        if let Some(of_run) = self.map_runs.position_of(event) {
            position = of_run;
        }
        if let Some(resource) = &event.resource {
            position.resource = resource.clone();
        }
        if event.kind == "ExecutionRedriven" {
            position = self.last_failed.clone();
        } else if is_failure_of_attempt(event) {
            self.last_failed = position.clone();
        }
        let frame = self.frame(&position);
        let path = state_path(&frame, &position.state);
        self.follow(event, &position, &path);
        self.map_runs.follow(event, &position, &path);
        let explained = self.time_limits.explain(event, &path);
        let event = explained.as_ref().unwrap_or(event);
        if event.error.is_some() {
            self.failures_of_events.insert(event.id, failure_of(event));
        }
        if let Some(note) = self.failure_of_child(event, &path) {
            self.push(event.timestamp_ms, EntryContent::Note(Box::new(note)));
        }
        self.note_failure_without_event(event, &path);
        self.note(event, &path);
        self.count(event, &path);
        // The engine's event of an iteration is in the iteration's frame.
        let frame = match event.index.filter(|_| is_iteration) {
            Some(index) => format!("{path}[{index}]"),
            None => frame,
        };
        let is_hidden = deploy::is_added_state(&position.state);
        let details = details(event, &position);
        self.positions.insert(event.id, position);
        if !is_hidden {
            let timestamp_ms = event.timestamp_ms;
            let event =
                HistoryEvent { id: event.id, previous_event_id: event.previous_id, frame: frame.into(), details };
            self.push(timestamp_ms, EntryContent::Event(event));
        }
    }

    /// The failure of a Parallel, a Map or an iteration has no error in its event: the same event with the error of the event that it
    /// follows. `None` for any other event.
    fn with_failure(&self, event: &RemoteEvent) -> Option<RemoteEvent> {
        let is_composite =
            ["ParallelStateFailed", "MapStateFailed", "MapIterationFailed"].contains(&event.kind.as_str());
        let StepFailure { error, cause, .. } =
            self.failures_of_events.get(&event.previous_id).filter(|_| is_composite && event.error.is_none())?;
        Some(RemoteEvent { error: Some(error.clone()), cause: Some(cause.clone()), ..event.clone() })
    }

    /// Adds an entry. Its sequence counts the notes too, so it differs from the id of an event, as in the local engine's journal.
    fn push(&mut self, timestamp_ms: u64, content: EntryContent) {
        let sequence = self.last_sequence() + 1;
        self.entries.push(JournalEntry { sequence, timestamp_ms, content });
    }

    /// The path of a position's frame in the engine's form: `Section`, `Both[1]`, `Each[0]/Inner[2]`.
    fn frame(&self, position: &EventPosition) -> String {
        let way = self.ways.get(&position.state).map(Vec::as_slice).unwrap_or_default();
        let part = |part: &Part| match part {
            Part::Branch(name, None) => name.clone(),
            Part::Branch(name, Some(index)) => format!("{name}[{index}]"),
            Part::Iteration(name) => format!("{name}[{}]", position.indexes.get(name).copied().unwrap_or_default()),
        };
        way.iter().map(part).collect::<Vec<_>>().join("/")
    }

    fn count(&mut self, event: &RemoteEvent, path: &str) {
        if event.kind == "ActivityScheduled" {
            self.without_worker.insert(path.to_owned(), event.timestamp_ms);
        } else if event.kind.starts_with("Activity") {
            self.without_worker.remove(path);
        }
        if event.kind == "ExecutionRedriven" {
            self.retries.redrive();
            self.failures.clear();
        } else if event.kind.ends_with("StateEntered") {
            self.retries.enter(path);
        } else if event.kind.ends_with("Scheduled") {
            self.retries.call(path);
        } else if is_failure_of_attempt(event) || event.kind == EVALUATION_FAILED {
            let (path, at_ms, failure) = (path.to_owned(), event.timestamp_ms, failure_of(event));
            self.failures.insert(event.id, FailedAttempt { path, at_ms, failure });
        } else if ["ParallelStateFailed", "MapStateFailed"].contains(&event.kind.as_str()) {
            self.composite_failures.insert(event.id, failure_of(event));
        }
    }

    /// Adds the note of a state whose failure ended the execution without an event about the state: a Fail state, or a state with an
    /// expression or a path that failed.
    fn note_failure_without_event(&mut self, event: &RemoteEvent, path: &str) {
        let was_in_state = self.positions.get(&event.previous_id).is_some_and(|position| position.is_in_state);
        if event.kind != "ExecutionFailed" || !was_in_state || self.failures.contains_key(&event.previous_id) {
            return;
        }
        let attempt = self.retries.attempt(path);
        let note = Note::Failure { state_path: path.to_owned(), attempt, failure: failure_of(event) };
        self.push(event.timestamp_ms, EntryContent::Note(Box::new(note)));
    }

    /// Adds the note of a failed attempt: it is retried, caught, or fails its parent. The note has the time of the event that decides it:
    /// the entries stay in the order of time, although other states proceed until a retry begins.
    fn note(&mut self, event: &RemoteEvent, path: &str) {
        let is_exit = event.kind.ends_with("StateExited");
        // The events of a composite's failure do not name it; its exit does.
        let of_composite = self.composite_failures.remove(&event.previous_id).filter(|_| is_exit);
        let of_composite = of_composite.map(|failure| (path.to_owned(), failure));
        if event.kind == EVALUATION_FAILED {
            // An expression of a rule failed: the next event decides about both.
            return;
        }
        let of_attempt = self.failures.remove(&event.previous_id).map(|failed| (failed.path, failed.failure));
        let Some((state_path, failure)) = of_attempt.or(of_composite) else { return };
        let attempt = self.retries.attempt(&state_path);
        let note = if event.kind.ends_with("Scheduled") && path == state_path {
            let next_attempt_ms = event.timestamp_ms;
            let NextAttempt { attempt, attempts_max, .. } = self.retries.repeat(&state_path, &failure);
            Note::RetryScheduled { state_path, attempt, attempts_max, next_attempt_ms, failure }
        } else if is_exit {
            let next = self.catches.next_of(event.name.as_deref().unwrap_or_default(), &failure);
            Note::Caught { state_path, next, failure }
        } else {
            Note::Failure { state_path, attempt, failure }
        };
        self.push(event.timestamp_ms, EntryContent::Note(Box::new(note)));
    }
}

/// Whether, after an event of this kind, the execution is in a state that contains no other states. `before`: whether it was in such a
/// state.
fn is_in_state(kind: &str, before: bool) -> bool {
    let is_composite = kind.starts_with("Parallel") || kind.starts_with("Map");
    let is_outside = is_composite || kind.starts_with("Execution") || kind.ends_with("StateExited");
    !is_outside && (before || kind.ends_with("StateEntered"))
}

/// Whether a path is that of a state of this name.
fn is_state(path: &str, name: &str) -> bool {
    path.strip_suffix(name).is_some_and(|frame| frame.is_empty() || frame.ends_with('/'))
}

fn failure_of(event: &RemoteEvent) -> StepFailure {
    let (error, cause) = (event.error.clone().unwrap_or_default(), event.cause.clone().unwrap_or_default());
    StepFailure { error, cause, details: None }
}

fn is_failure_of_attempt(event: &RemoteEvent) -> bool {
    let kind = event.kind.as_str();
    // A flow serve withheld the call, and continues the attempt.
    if event.error.as_deref() == Some(NOT_CALLED) {
        return false;
    }
    let calls = ["Task", "Activity", "LambdaFunction"].iter().any(|call| kind.starts_with(call));
    let ends = ["Failed", "TimedOut"].iter().any(|end| kind.ends_with(end));
    calls && ends && !kind.ends_with("StateFailed")
}

fn find_ways(machine: &Value, way: &mut Way, found: &mut HashMap<String, Way>) {
    for (name, state) in states_of(machine) {
        found.insert(name.clone(), way.clone());
        for inner in machines_inside(state) {
            way.push(match inner.kind {
                InnerKind::Branch { index, count } => Part::Branch(name.clone(), (count > 1).then_some(index)),
                InnerKind::Processor { .. } => Part::Iteration(name.clone()),
            });
            find_ways(inner.json, way, found);
            way.pop();
        }
    }
}
