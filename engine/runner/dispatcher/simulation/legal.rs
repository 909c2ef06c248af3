//! Checks that a history is legal.

use std::collections::BTreeSet;

use crate::{
    journal::{EntryContent, HistoryEventDetails, JournalEntry},
    machine::ExecutionHeader,
};

/// Sequences and ids are dense, timestamps do not decrease, each event follows its cause, and only a redrive follows the end.
pub fn legal(entries: &[JournalEntry], header: &ExecutionHeader) -> Result<(), String> {
    if !entries.iter().map(|entry| entry.sequence).eq(1..=header.last_sequence) {
        return Err("the journal is not dense".to_owned());
    }
    if !entries.is_sorted_by_key(|entry| entry.timestamp_ms) {
        return Err("time goes back".to_owned());
    }
    let events: Vec<_> = entries
        .iter()
        .filter_map(|entry| match &entry.content {
            EntryContent::Event(event) => Some(event),
            EntryContent::Note(_) => None,
        })
        .collect();
    if !events.iter().map(|event| event.id).eq(1..=header.last_event_id) {
        return Err("the history is not dense".to_owned());
    }
    if let Some(event) = events.iter().find(|event| event.previous_event_id >= event.id) {
        return Err(format!("event {} comes from {}", event.id, event.previous_event_id));
    }
    let mut open = BTreeSet::new();
    let mut over = false;
    for event in events {
        match &event.details {
            HistoryEventDetails::ExecutionRedriven { .. } => over = false,
            _ if over => return Err(format!("event {} comes after the end", event.id)),
            HistoryEventDetails::ExecutionSucceeded { .. } | HistoryEventDetails::ExecutionFailed(_) => over = true,
            HistoryEventDetails::StateEntered { .. } => drop(open.insert(event.frame.clone())),
            HistoryEventDetails::StateExited { .. } if !open.remove(&event.frame) => {
                return Err(format!("event {} leaves a state that nobody entered", event.id));
            }
            _ => {}
        }
    }
    if over { Ok(()) } else { Err("the history has no end".to_owned()) }
}
