//! The time that an execution has left, estimated from the times of its states in earlier executions of the same workflow.
//!
//! States of one frame follow each other, so their times add up. Branches of a Parallel run beside each other, so the longest counts. A Map
//! is one state. The time of an earlier Map divided by its items is the time per item, which includes that iterations ran beside each
//! other. Each item that is left takes this time. The time that a person takes to answer is not estimated.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use engine::{
    journal::{EntryContent, HistoryEventDetails, JournalEntry, Note, StateType, state_path},
    machine::ExecutionStatus,
    step::waits_for_token,
};
use serde::{Deserialize, Serialize};

use super::{StateStatus, StateView, View, is_inside, paths::PathRange};

/// Below this number of earlier executions the quartiles say little, so the bounds are a share of the median.
const EXECUTIONS_FOR_QUARTILES: usize = 3;

/// The times that the states of a workflow took in earlier executions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Typical {
    /// The number of earlier executions.
    pub executions: usize,
    /// The states that at least one in two of them left.
    pub states: Vec<TypicalState>,
}

/// The times that a state took in earlier executions, all visits together, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypicalState {
    /// The path.
    pub path: String,
    /// The path of its frame; empty at the top.
    pub frame: String,
    /// The lower quartile.
    pub low_ms: u64,
    /// The median.
    pub median_ms: u64,
    /// The upper quartile.
    pub high_ms: u64,
    /// Whether it waited for a person.
    pub needs_person: bool,
    /// The time per item, if it is a Map that had items.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<TypicalItem>,
}

/// The time of a Map divided by the number of its items, in microseconds: items that are done beside each other share their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TypicalItem {
    /// The lower quartile of the executions.
    pub low_us: u64,
    /// The upper quartile of the executions.
    pub high_us: u64,
}

/// The time that an execution has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimeLeft {
    /// If its states take as long as in the quicker quarter of the earlier executions.
    pub low_ms: u64,
    /// If they take as long as in the slower quarter.
    pub high_ms: u64,
    /// The number of earlier executions that it is estimated from.
    pub executions: usize,
    /// Whether a person has to answer as well, which is not part of the estimate.
    pub needs_person: bool,
}

/// The durations of one earlier execution, folded from its journal.
#[derive(Debug, Default)]
pub struct Durations {
    entered_ms: BTreeMap<String, u64>,
    left: BTreeMap<String, (String, u64)>,
    /// The Maps by path, each with the number of its items in all visits.
    maps: BTreeMap<String, u64>,
    needed_person: BTreeSet<String>,
    stopped_ms: Option<u64>,
}

impl Durations {
    /// Folds a journal entry in.
    pub fn fold(&mut self, entry: &JournalEntry) {
        let event = match &entry.content {
            EntryContent::Event(event) => event,
            EntryContent::Note(note) => {
                if let Note::Waiting { state_path, instructions: Some(_), .. } = &**note {
                    self.needed_person.insert(state_path.clone());
                }
                return;
            }
        };
        let path = |name: &str| state_path(&event.frame, name);
        match &event.details {
            HistoryEventDetails::StateEntered { name, state_type, .. } => {
                if *state_type == StateType::Map {
                    self.maps.entry(path(name)).or_default();
                }
                self.entered_ms.insert(path(name), entry.timestamp_ms);
            }
            HistoryEventDetails::MapStateStarted { name, length } => {
                *self.maps.entry(path(name)).or_default() += length;
            }
            HistoryEventDetails::StateExited { name, .. } => {
                let path = path(name);
                let Some(entered_ms) = self.entered_ms.remove(&path) else { return };
                let took_ms = entry.timestamp_ms.saturating_sub(entered_ms);
                self.left.entry(path).or_insert_with(|| (event.frame.to_string(), 0)).1 += took_ms;
            }
            HistoryEventDetails::ExecutionFailed(_)
            | HistoryEventDetails::ExecutionTimedOut(_)
            | HistoryEventDetails::ExecutionAborted(_) => self.stopped_ms = Some(entry.timestamp_ms),
            // The time between the end and the redrive is in no state's time.
            HistoryEventDetails::ExecutionRedriven { .. } => {
                let stopped_for_ms =
                    self.stopped_ms.take().map_or(0, |stopped| entry.timestamp_ms.saturating_sub(stopped));
                self.entered_ms.values_mut().for_each(|entered_ms| *entered_ms += stopped_for_ms);
            }
            // The holder of the task token answers.
            HistoryEventDetails::TaskSubmitted { name, resource, .. } if waits_for_token(resource) => {
                self.needed_person.insert(path(name));
            }
            _ => {}
        }
    }

    fn is_in_map(&self, frame: &str) -> bool {
        self.maps.keys().any(|map| is_inside(frame, map))
    }
}

/// The time that a state took in each of the earlier executions that left it.
#[derive(Default)]
struct Times<'e> {
    frame: &'e str,
    took_ms: Vec<u64>,
    per_item_us: Vec<u64>,
    needs_person: bool,
}

/// The first quartile, the median and the third quartile. Of few executions, the bounds are a share of the median. `None` without times.
fn quartiles(mut times: Vec<u64>, executions: usize) -> Option<(u64, u64, u64)> {
    times.sort_unstable();
    let at = |quarter: usize| times.get((times.len().checked_sub(1)? * quarter + 2) / 4).copied();
    let median = at(2)?;
    match executions {
        ..EXECUTIONS_FOR_QUARTILES => Some((median * 4 / 5, median, median * 5 / 4)),
        _ => Some((at(1)?, median, at(3)?)),
    }
}

impl Typical {
    /// The typical times in these executions.
    pub fn of(executions: &[Durations]) -> Self {
        let mut all: BTreeMap<&str, Times<'_>> = BTreeMap::new();
        for execution in executions {
            for (path, (frame, took_ms)) in &execution.left {
                if execution.is_in_map(frame) {
                    continue;
                }
                let times = all.entry(path).or_insert_with(|| Times { frame, ..Times::default() });
                times.took_ms.push(*took_ms);
                times.needs_person |= execution.needed_person.contains(path);
                if let Some(items) = execution.maps.get(path).filter(|items| **items > 0) {
                    times.per_item_us.push(took_ms.saturating_mul(1_000) / items);
                }
            }
        }
        let states = all.into_iter().filter(|(_, times)| times.took_ms.len() * 2 >= executions.len());
        let states = states.filter_map(|(path, Times { frame, took_ms, per_item_us, needs_person })| {
            let (low_ms, median_ms, high_ms) = quartiles(took_ms, executions.len())?;
            let item = quartiles(per_item_us, executions.len());
            let item = item.map(|(low_us, _, high_us)| TypicalItem { low_us, high_us });
            let (path, frame) = (path.to_owned(), frame.to_owned());
            Some(TypicalState { path, frame, low_ms, median_ms, high_ms, needs_person, item })
        });
        Typical { executions: executions.len(), states: states.collect() }
    }
}

impl View {
    /// The time left at a time, in milliseconds since the Unix epoch; `None` if it has ended, is paused, or nothing is known.
    pub fn time_left(&self, typical: &Typical, now_ms: u64) -> Option<TimeLeft> {
        if self.status != ExecutionStatus::Running || self.paused || typical.executions == 0 {
            return None;
        }
        let mut estimate = Estimate { view: self, frames: BTreeMap::new(), now_ms, needs_person: self.needs_person() };
        for state in &typical.states {
            estimate.frames.entry(&state.frame).or_default().push(state);
        }
        let (low_ms, high_ms) = estimate.frame_left("");
        let (executions, needs_person) = (typical.executions, estimate.needs_person);
        (high_ms > 0).then_some(TimeLeft { low_ms, high_ms, executions, needs_person })
    }
}

struct Estimate<'e> {
    view: &'e View,
    frames: BTreeMap<&'e str, Vec<&'e TypicalState>>,
    now_ms: u64,
    needs_person: bool,
}

impl<'e> Estimate<'e> {
    fn frame_left(&mut self, frame: &str) -> (u64, u64) {
        let states = self.frames.get(frame).cloned().unwrap_or_default();
        states.into_iter().fold((0, 0), |(low, high), state| {
            let (more_low, more_high) = self.state_left(state);
            (low + more_low, high + more_high)
        })
    }

    fn state_left(&mut self, state: &'e TypicalState) -> (u64, u64) {
        let entered = self.view.states.get(&state.path);
        if let Some(StateStatus::Exited { .. } | StateStatus::Caught { .. }) = entered.map(|entered| &entered.status) {
            return (0, 0);
        }
        let frames = self.frames.range::<str, _>(PathRange::beginning_with(&state.path));
        let beginning = frames.map(|(frame, _)| *frame);
        let branches: Vec<&str> = beginning.filter(|frame| is_branch(frame, &state.path)).collect();
        if !branches.is_empty() {
            return branches.into_iter().fold((0, 0), |(low, high), branch| {
                let (other_low, other_high) = self.frame_left(branch);
                (low.max(other_low), high.max(other_high))
            });
        }
        if state.needs_person {
            self.needs_person = true;
            return (0, 0);
        }
        let Some(entered) = entered else { return (state.low_ms, state.high_ms) };
        if let StateStatus::Sleeping { due_ms } = entered.status {
            let left_ms = due_ms.saturating_sub(self.now_ms);
            return (left_ms, left_ms);
        }
        let elapsed_ms = self.view.active_ms(entered.entered_ms, self.now_ms);
        match (self.view.maps.get(&state.path), state.item) {
            (Some(map), Some(item)) => {
                let items = Items { total: map.total, ended: map.ended(), running: self.running(&state.path) };
                (items.left_ms(item.low_us, elapsed_ms), items.left_ms(item.high_us, elapsed_ms))
            }
            _ => (state.low_ms.saturating_sub(elapsed_ms), state.high_ms.saturating_sub(elapsed_ms)),
        }
    }

    /// The number of iterations of a Map that run. `None` for a distributed Map: its iterations have histories of their own.
    fn running(&self, map: &str) -> Option<u64> {
        if self.view.distributed.contains(map) {
            return None;
        }
        let inside = self.view.active().filter(|state| state.failure().is_none());
        let index = |state: &'e StateView| state.path.strip_prefix(map)?.strip_prefix('[')?.split(']').next();
        Some(inside.filter_map(index).collect::<BTreeSet<&str>>().len() as u64)
    }
}

/// The items of a Map that runs.
struct Items {
    total: u64,
    ended: u64,
    running: Option<u64>,
}

impl Items {
    /// The time for the remaining items, at a time per item. The elapsed time counts as progress of the running iterations: each of them
    /// counts for at most one item and at least none.
    fn left_ms(&self, per_item_us: u64, elapsed_ms: u64) -> u64 {
        let time_of = |items: u64| items.saturating_mul(per_item_us) / 1_000;
        let not_ended = self.total.saturating_sub(self.ended);
        let not_begun = not_ended.saturating_sub(self.running.unwrap_or(not_ended));
        time_of(self.total).saturating_sub(elapsed_ms).clamp(time_of(not_begun), time_of(not_ended))
    }
}

/// Whether a frame is a branch of a state: the only one, or one with a number.
fn is_branch(frame: &str, path: &str) -> bool {
    let Some(rest) = frame.strip_prefix(path) else { return false };
    let number = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    rest.is_empty() && !path.is_empty() || number.is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
}
