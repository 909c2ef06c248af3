//! The changes of map runs and their child executions in a turn.

use std::collections::{BTreeMap, BTreeSet};

use super::{Child, ChildId, MapRun};
use crate::{
    journal::JournalEntry,
    machine::{FrameId, Frames},
};

/// Entries that a turn appended to the history of a child execution.
#[derive(Debug, Clone, PartialEq)]
pub struct ChildEntries {
    /// The child execution.
    pub id: ChildId,
    /// The entries in order. The sequence of an entry is its event's id.
    pub entries: Vec<JournalEntry>,
}

/// Changes of map runs and their child executions in a turn.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MapRunChanges {
    /// The numbers of map runs that began.
    pub begun: Vec<u64>,
    /// Map runs that changed. They include those that began.
    pub runs: Vec<MapRun>,
    /// Child executions that changed.
    pub children: Vec<Child>,
    /// Entries appended to the histories of child executions.
    pub entries: Vec<ChildEntries>,
}

impl MapRunChanges {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.children.is_empty() && self.entries.is_empty()
    }
}

/// The map runs that a turn has changed. Their records are taken from the frames at the end of the turn, or before a frame enters another
/// state.
#[derive(Debug, Default)]
pub(in crate::machine) struct ChangedRuns {
    /// Frames whose run changed.
    runs: BTreeSet<FrameId>,
    /// Frames whose child execution changed.
    children: BTreeSet<FrameId>,
    /// Child executions whose full history omitted an event.
    full_histories: BTreeSet<FrameId>,
    entries: BTreeMap<ChildId, Vec<JournalEntry>>,
    /// The changes that were taken from their frames.
    taken: MapRunChanges,
}

impl ChangedRuns {
    /// Adds the run with this number, which has begun in this frame.
    pub fn run_begun(&mut self, id: FrameId, number: u64) {
        self.taken.begun.push(number);
        self.runs.insert(id);
    }

    pub fn run_changed(&mut self, id: FrameId) {
        self.runs.insert(id);
    }

    pub fn child_changed(&mut self, id: FrameId) {
        self.children.insert(id);
    }

    /// Appends an entry to the history of a child execution.
    pub fn add_entry(&mut self, child: ChildId, entry: JournalEntry) {
        self.entries.entry(child).or_default().push(entry);
    }

    /// Adds a child execution whose full history omitted an event.
    pub fn history_is_full(&mut self, id: FrameId) {
        self.full_histories.insert(id);
    }

    pub fn has_full_histories(&self) -> bool {
        !self.full_histories.is_empty()
    }

    pub fn next_full_history(&mut self) -> Option<FrameId> {
        self.full_histories.pop_first()
    }

    /// Takes the run of a frame, if it changed.
    pub fn take_run(&mut self, frames: &Frames, id: FrameId) {
        if self.runs.remove(&id) {
            self.taken.runs.extend(frames[id].row.map_run.as_deref().cloned());
        }
    }

    /// Takes the child execution of a frame, if it changed.
    pub fn take_child(&mut self, frames: &Frames, id: FrameId) {
        if self.children.remove(&id) {
            self.taken.children.extend(frames[id].row.child.as_deref().cloned());
        }
    }

    /// Takes the remaining changes. Returns all changes of the turn.
    pub fn finish(&mut self, frames: &Frames) -> MapRunChanges {
        while let Some(id) = self.runs.first().copied() {
            self.take_run(frames, id);
        }
        while let Some(id) = self.children.first().copied() {
            self.take_child(frames, id);
        }
        let entries = std::mem::take(&mut self.entries).into_iter();
        let entries = entries.map(|(id, entries)| ChildEntries { id, entries }).collect();
        MapRunChanges { entries, ..std::mem::take(&mut self.taken) }
    }
}
