//! GetExecutionHistory: converts the engine's journal to AWS's shapes.

mod details;

use engine::{
    journal::{EntryContent, JournalEntry},
    machine::ChildId,
    store::RECORD_ENTRIES_MAX,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Answer, Api, Fault, arn,
    map_runs::ChildExecution,
    paging,
    records::{StartedExecution, seconds},
    request::Page,
};

/// The fewest entries that are read for a page: notes among them are not shown.
const ENTRIES_READ_MIN: usize = 32;
/// The length of the texts of a page, in bytes, from which on it has no more events, if it has one: a thousand events with the longest
/// inputs are 250 MB.
const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// A request of GetExecutionHistory.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryRequest {
    execution_arn: String,
    #[serde(flatten)]
    page: Page,
    #[serde(default)]
    reverse_order: bool,
    #[serde(default = "yes")]
    include_execution_data: bool,
}

fn yes() -> bool {
    true
}

/// The execution or child execution whose history is returned.
struct Source {
    id: String,
    started: StartedExecution,
    child: Option<ChildExecution>,
    last_sequence: u64,
}

impl Source {
    /// The key in the token of a page that ended with a sequence. It names the execution.
    fn key(&self, sequence: u64) -> String {
        let child = self.child.as_ref().map(|child| child.row.id);
        let child = child.map(|ChildId { run, index }| format!("{run}:{index}")).unwrap_or_default();
        format!("{sequence} {child} {}", self.id)
    }

    /// The sequence in a key of this execution.
    fn sequence_of(&self, key: &str) -> Option<u64> {
        let sequence = key.split(' ').next()?.parse().ok()?;
        (self.key(sequence) == key).then_some(sequence)
    }
}

/// The events of a page, with their sequences.
struct EventPage {
    events: Vec<(u64, Value)>,
    /// The most events.
    size: usize,
    /// The length of their texts.
    bytes: usize,
    /// Whether an event that follows did not fit.
    has_more: bool,
}

impl EventPage {
    /// Adds events until one does not fit.
    fn extend(&mut self, events: impl Iterator<Item = (u64, Value)>) {
        for (sequence, event) in events {
            let bytes = texts_bytes(&event);
            let is_full = self.events.len() >= self.size || self.bytes + bytes > PAGE_BYTES_MAX;
            if is_full && !self.events.is_empty() {
                self.has_more = true;
                return;
            }
            self.bytes += bytes;
            self.events.push((sequence, event));
        }
    }

    /// The number of entries to read next.
    fn entries_wanted(&self) -> usize {
        (self.size + 1).saturating_sub(self.events.len()).clamp(ENTRIES_READ_MIN, RECORD_ENTRIES_MAX)
    }
}

/// The length of all texts in an event: its other fields are short.
fn texts_bytes(event: &Value) -> usize {
    match event {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(texts_bytes).sum(),
        Value::Object(fields) => fields.values().map(texts_bytes).sum(),
        _ => 0,
    }
}

impl Api {
    fn history_of(&self, arn: &str) -> Result<Source, Fault> {
        if let arn::Resource::Child(name) = arn::parse(arn)? {
            let child = self.child(&name, arn)?;
            let (id, started) = (child.found.execution.clone(), self.started_child(&child)?);
            // The history of a child execution has no notes, so its sequences are event ids.
            let last_sequence = self.last_child_event_id(&child)?;
            return Ok(Source { id, started, child: Some(child), last_sequence });
        }
        let id = arn::execution(arn)?;
        let (header, started) = self.header(&id)?;
        Ok(Source { id: header.id, started, child: None, last_sequence: header.last_sequence })
    }

    fn entries_of(&self, source: &Source, from: u64, limit: usize) -> Result<Vec<JournalEntry>, Fault> {
        match &source.child {
            Some(child) => self.child_entries(child, from, limit),
            None => Ok(self.runner.store().entries(&source.id, from, limit)?),
        }
    }

    pub(crate) fn execution_history(&self, request: &HistoryRequest) -> Answer {
        let source = self.history_of(&request.execution_arn)?;
        let started = &source.started;
        let (size, after) = (request.page.size(), request.page.after()?);
        let after = after.map(|after| source.sequence_of(&after).ok_or_else(Fault::invalid_token)).transpose()?;
        let mut page = EventPage { events: Vec::new(), size, bytes: 0, has_more: false };
        let event_of = |entry: &JournalEntry| {
            let EntryContent::Event(event) = &entry.content else { return None };
            let mut shown = json!({
                "timestamp": seconds(entry.timestamp_ms), "id": event.id, "previousEventId": event.previous_event_id,
            });
            details::event_fields(&event.details, started, &mut shown);
            if !request.include_execution_data {
                details::without_data(&mut shown);
            }
            Some((entry.sequence, shown))
        };
        if request.reverse_order {
            // Sequences have no gaps, so the entries preceding a sequence are read by key.
            let mut before = after.unwrap_or(u64::MAX).min(source.last_sequence.saturating_add(1));
            while !page.has_more && before > 1 {
                let wanted = page.entries_wanted();
                let from = before.saturating_sub(wanted as u64).max(1);
                let read = self.entries_of(&source, from, usize::try_from(before - from).unwrap_or(wanted))?;
                page.extend(read.iter().rev().filter_map(event_of));
                before = from;
            }
        } else {
            let mut from = after.unwrap_or(0).saturating_add(1);
            while !page.has_more {
                let read = self.entries_of(&source, from, page.entries_wanted())?;
                let Some(last) = read.last() else { break };
                from = last.sequence + 1;
                page.extend(read.iter().filter_map(event_of));
            }
        }
        let EventPage { events, has_more, .. } = page;
        let last = events.last().map(|(sequence, _)| source.key(*sequence));
        let events: Vec<Value> = events.into_iter().map(|(_, event)| event).collect();
        let mut answer = json!({ "events": events });
        if let Some(last) = last.filter(|_| has_more) {
            answer["nextToken"] = paging::token(&last).into();
        }
        Ok(answer)
    }
}
