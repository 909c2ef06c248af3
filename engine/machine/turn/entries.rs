//! Writes the journal entries of a turn.

use std::sync::Arc;

use super::{Turn, too_many_events};
use crate::{
    journal::{EntryContent, HistoryEvent, HistoryEventDetails, JournalEntry, Note, StepFailure},
    machine::{FrameId, limits},
};

/// The id of the event after ExecutionStarted.
const FIRST_ENTERED_EVENT_ID: u64 = 2;

impl Turn<'_> {
    pub fn event(&mut self, frame: Option<FrameId>, details: HistoryEventDetails) {
        self.budget.add_event();
        if let Some(frame) = frame.filter(|frame| self.frame(*frame).row.is_in_child_execution) {
            return self.child_event(frame, details);
        }
        let Some(frame) = frame else { return self.event_after(self.execution.header.last_event_id, details) };
        if self.omits(&details) {
            return;
        }
        let id = self.execution.header.last_event_id + 1;
        self.header_mut().last_event_id = id;
        let row = self.row_mut(frame);
        let previous_event_id = std::mem::replace(&mut row.last_event_id, id);
        let path = row.path.clone();
        self.push(EntryContent::Event(HistoryEvent { id, previous_event_id, frame: path, details }));
    }

    /// Whether the history has no room for an event: the last id is reserved for the event of the execution's end.
    fn omits(&mut self, details: &HistoryEventDetails) -> bool {
        let ends = matches!(details, HistoryEventDetails::ExecutionSucceeded { .. });
        self.history_is_full |= !ends && self.execution.header.last_event_id + 1 >= limits::HISTORY_EVENTS_MAX;
        self.history_is_full
    }

    /// The failure of an execution whose history is full. It replaces any other end.
    pub(in crate::machine) fn full_history(&self) -> Option<StepFailure> {
        self.history_is_full.then(too_many_events)
    }

    /// Writes an event of the execution itself that follows the event `previous_event_id`. AWS writes 0 as that id if an execution was
    /// stopped or timed out.
    pub fn event_after(&mut self, previous_event_id: u64, details: HistoryEventDetails) {
        let id = self.execution.header.last_event_id + 1;
        self.header_mut().last_event_id = id;
        self.push(EntryContent::Event(HistoryEvent { id, previous_event_id, frame: Arc::default(), details }));
    }

    /// Writes an event of a frame without moving the frame's last event: the next event follows the same one. AWS links in this way the
    /// events that end a Parallel, a Map, an iteration or a map run.
    pub fn event_beside(&mut self, id: FrameId, details: HistoryEventDetails) {
        self.event_beside_line(id, self.frame(id).row.last_event_id, details);
    }

    /// Writes such an event so that it follows the event `previous_event_id` of another frame.
    pub fn event_beside_line(&mut self, id: FrameId, previous_event_id: u64, details: HistoryEventDetails) {
        let line = std::mem::replace(&mut self.row_mut(id).last_event_id, previous_event_id);
        self.event(Some(id), details);
        self.row_mut(id).last_event_id = line;
    }

    /// Makes a frame's next event follow the last event of another frame.
    pub fn continue_from(&mut self, id: FrameId, other: FrameId) {
        let line = self.frame(other).row.last_event_id;
        self.row_mut(id).last_event_id = line;
    }

    /// The event that an event of this turn follows. The first StateEntered follows none, whichever turn wrote it.
    pub fn followed_by(&self, event_id: u64) -> Option<u64> {
        if event_id == FIRST_ENTERED_EVENT_ID {
            return Some(0);
        }
        self.output.entries().iter().rev().find_map(|entry| match &entry.content {
            EntryContent::Event(event) if event.id == event_id => Some(event.previous_event_id),
            _ => None,
        })
    }

    pub fn note(&mut self, note: Note) {
        self.push(EntryContent::Note(Box::new(note)));
    }

    fn push(&mut self, content: EntryContent) {
        let now_ms = self.now_ms();
        let header = self.header_mut();
        header.last_sequence += 1;
        // Timestamps in a history never decrease, even if the clock does so between two processes.
        header.last_timestamp_ms = header.last_timestamp_ms.max(now_ms);
        let entry = JournalEntry { sequence: header.last_sequence, timestamp_ms: header.last_timestamp_ms, content };
        self.output.add_entry(entry);
    }
}
