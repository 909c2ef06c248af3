//! Writes entries as JSON. The frequent types of event are written by hand, because serialization is most of what a transition costs.
//!
//! An entry with a `sequence` is complete: it has the fields that `Serialize` writes, in another order. An entry without one omits
//! what follows from the previous entry: the next sequence and event id, the same time and frame, and the previous event as its cause.

use std::ops::Range;

use serde::Serialize;
use serde_json::Value;

use super::{EntryContent, HistoryEvent, HistoryEventDetails as Details, JournalEntry};

/// Appends entries of one journal to `to` as a JSON array; [`super::Entries`] reads it.
///
/// # Errors
/// A value cannot be written as JSON.
pub(crate) fn write_entries(entries: &[JournalEntry], to: &mut Vec<u8>) -> serde_json::Result<()> {
    let mut writer = Writer { to, last: None };
    writer.raw("[");
    let mut before = None;
    for entry in entries {
        writer.raw(if before.is_none() { "" } else { "," });
        writer.entry(entry, before)?;
        before = Some(entry);
    }
    writer.raw("]");
    Ok(())
}

struct Writer<'w> {
    to: &'w mut Vec<u8>,
    /// The last value written and its byte range in `to`: a state's output is often the next state's input, so its bytes are copied.
    last: Option<(*const Value, Range<usize>)>,
}

impl Writer<'_> {
    fn entry(&mut self, entry: &JournalEntry, before: Option<&JournalEntry>) -> serde_json::Result<()> {
        let EntryContent::Event(event) = &entry.content else { return self.other(entry) };
        let start = self.to.len();
        if !self.details(&event.details)? {
            self.to.truncate(start);
            return self.other(entry);
        }
        match before.and_then(|before| follows(before, entry)) {
            Some((before, event_before)) => self.difference(entry, event, before, event_before),
            None => self.complete(entry, event),
        }
        Ok(())
    }

    /// Writes an entry up to the end of its event's details. Returns `false` for types of event that are not written by hand.
    fn details(&mut self, details: &Details) -> serde_json::Result<bool> {
        match details {
            Details::StateEntered { state_type, name, input } => {
                self.text("{\"event\":{\"type\":\"StateEntered\",\"stateType\":", state_type.name());
                self.text(",\"name\":", name);
                self.value(",\"input\":", input)?;
            }
            Details::StateExited { state_type, name, output, assigned_variables: None } => {
                self.text("{\"event\":{\"type\":\"StateExited\",\"stateType\":", state_type.name());
                self.text(",\"name\":", name);
                self.value(",\"output\":", output)?;
            }
            Details::TaskScheduled {
                name,
                resource,
                parameters,
                timeout_seconds: None,
                heartbeat_seconds: None,
                role_arn: None,
            } => {
                self.text("{\"event\":{\"type\":\"TaskScheduled\",\"name\":", name);
                self.text(",\"resource\":", resource);
                self.value(",\"parameters\":", parameters)?;
            }
            Details::TaskStarted { name, resource, worker: None } => {
                self.text("{\"event\":{\"type\":\"TaskStarted\",\"name\":", name);
                self.text(",\"resource\":", resource);
            }
            Details::TaskSucceeded { name, resource, output } => {
                self.text("{\"event\":{\"type\":\"TaskSucceeded\",\"name\":", name);
                self.text(",\"resource\":", resource);
                self.value(",\"output\":", output)?;
            }
            Details::MapIterationStarted { name, index } => {
                self.text("{\"event\":{\"type\":\"MapIterationStarted\",\"name\":", name);
                self.number(",\"index\":", *index);
            }
            Details::MapIterationSucceeded { name, index } => {
                self.text("{\"event\":{\"type\":\"MapIterationSucceeded\",\"name\":", name);
                self.number(",\"index\":", *index);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn complete(&mut self, entry: &JournalEntry, event: &HistoryEvent) {
        self.number(",\"id\":", event.id);
        self.number(",\"previousEventId\":", event.previous_event_id);
        if !event.frame.is_empty() {
            self.text(",\"frame\":", &event.frame);
        }
        self.number("},\"sequence\":", entry.sequence);
        self.number(",\"timestamp_ms\":", entry.timestamp_ms);
        self.raw("}");
    }

    fn difference(
        &mut self,
        entry: &JournalEntry,
        event: &HistoryEvent,
        before: &JournalEntry,
        event_before: &HistoryEvent,
    ) {
        if event.previous_event_id != event_before.id {
            self.number(",\"previousEventId\":", event.previous_event_id);
        }
        if event.frame != event_before.frame {
            self.text(",\"frame\":", &event.frame);
        }
        self.raw("}");
        if entry.timestamp_ms != before.timestamp_ms {
            self.number(",\"timestamp_ms\":", entry.timestamp_ms);
        }
        self.raw("}");
    }

    fn raw(&mut self, text: &str) {
        self.to.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, field: &str, number: u64) {
        self.raw(field);
        self.raw(itoa::Buffer::new().format(number));
    }

    fn text(&mut self, field: &str, text: &str) {
        self.raw(field);
        let is_escaped = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
        if text.bytes().fold(false, |any, byte| any | is_escaped(byte)) {
            return self.raw(&Value::from(text).to_string());
        }
        self.raw("\"");
        self.raw(text);
        self.raw("\"");
    }

    fn value(&mut self, field: &str, value: &Value) -> serde_json::Result<()> {
        self.raw(field);
        let from = self.to.len();
        match &self.last {
            Some((last, range)) if std::ptr::eq(*last, value) => self.to.extend_from_within(range.clone()),
            _ => self.other(value)?,
        }
        self.last = Some((value, from..self.to.len()));
        Ok(())
    }

    fn other(&mut self, value: &(impl Serialize + ?Sized)) -> serde_json::Result<()> {
        serde_json::to_writer(&mut *self.to, value)
    }
}

/// The previous event and its entry, if this event has the next sequence and id.
fn follows<'e>(before: &'e JournalEntry, entry: &JournalEntry) -> Option<(&'e JournalEntry, &'e HistoryEvent)> {
    match (&before.content, &entry.content) {
        (EntryContent::Event(earlier), EntryContent::Event(event)) => {
            let dense =
                before.sequence.checked_add(1) == Some(entry.sequence) && earlier.id.checked_add(1) == Some(event.id);
            dense.then_some((before, earlier))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::journal::{Entries, ErrorAndCause, Note, StateType};

    fn value() -> impl Strategy<Value = Arc<Value>> {
        prop_oneof![
            any::<String>().prop_map(|text| Arc::new(json!({ "text": text, text.clone(): [1, null, 2.5] }))),
            any::<i64>().prop_map(|number| Arc::new(json!(number))),
        ]
    }

    fn details() -> impl Strategy<Value = Details> {
        (0..10_u8, any::<String>(), value(), any::<u64>()).prop_map(|(kind, text, value, number)| {
            let (name, resource): (Arc<str>, Arc<str>) = (text.as_str().into(), text.as_str().into());
            match kind {
                0 => Details::StateEntered { state_type: StateType::Parallel, name, input: value },
                1 => Details::StateExited { state_type: StateType::Map, name, output: value, assigned_variables: None },
                2 => {
                    let assigned_variables = Some(Box::new(serde_json::Map::from_iter([(text, json!(number))])));
                    Details::StateExited { state_type: StateType::Pass, name, output: value, assigned_variables }
                }
                3 => Details::TaskScheduled {
                    name,
                    resource,
                    parameters: value,
                    timeout_seconds: None,
                    heartbeat_seconds: None,
                    role_arn: None,
                },
                4 => Details::TaskScheduled {
                    name,
                    resource,
                    parameters: value,
                    timeout_seconds: Some(number),
                    heartbeat_seconds: None,
                    role_arn: Some("arn:aws:iam::111111111111:role/r".into()),
                },
                5 => Details::TaskStarted { name, resource, worker: None },
                6 => Details::TaskSucceeded { name, resource, output: value },
                7 => Details::MapIterationStarted { name, index: number },
                8 => Details::MapIterationSucceeded { name, index: number },
                _ => Details::ExecutionFailed(ErrorAndCause { error: text.clone(), cause: text }),
            }
        })
    }

    fn entry() -> impl Strategy<Value = JournalEntry> {
        let event = (any::<u64>(), any::<u64>(), any::<String>(), details()).prop_map(
            |(id, previous_event_id, frame, details)| {
                EntryContent::Event(HistoryEvent { id, previous_event_id, frame: frame.as_str().into(), details })
            },
        );
        let content = prop_oneof![9 => event, 1 => any::<String>().prop_map(|state_path| EntryContent::Note(Box::new(Note::Continued { state_path })))];
        (any::<u64>(), any::<u64>(), content).prop_map(|(sequence, timestamp_ms, content)| JournalEntry {
            sequence,
            timestamp_ms,
            content,
        })
    }

    /// Numbers and times like a journal's: dense, often the same time, an event often caused by the previous one.
    fn number(entries: &mut [JournalEntry]) {
        let mut id = 40;
        for (entry, sequence) in entries.iter_mut().zip(70..) {
            entry.sequence = sequence;
            entry.timestamp_ms = entry.timestamp_ms % 2 + 1_795_700_000_000;
            if let EntryContent::Event(event) = &mut entry.content {
                id += 1;
                event.id = id;
                event.previous_event_id = id - event.previous_event_id % 3;
                event.frame = ["", "Each[1]"][usize::from(event.frame.len() > 3)].into();
            }
        }
    }

    fn read(json: &[u8]) -> Vec<JournalEntry> {
        let Entries(entries) = serde_json::from_slice(json).unwrap();
        entries
    }

    proptest! {
        /// Entries that were written and read back are equal to the originals.
        #[test]
        fn what_is_left_out_is_what_follows(mut entries in proptest::collection::vec(entry(), 0..12), same in value(), dense in any::<bool>()) {
            // Neighbours share a value, as the events of one state do.
            for entry in entries.iter_mut().skip(3) {
                if let EntryContent::Event(HistoryEvent { details: Details::StateEntered { input: value, .. } | Details::TaskSucceeded { output: value, .. }, .. }) = &mut entry.content {
                    *value = same.clone();
                }
            }
            // Either a valid journal, or one with gaps and sequences that decrease.
            if dense {
                number(&mut entries);
            }
            let mut bytes = b"before".to_vec();
            write_entries(&entries, &mut bytes).unwrap();
            prop_assert_eq!(&read(&bytes[6..]), &entries);
            let earlier = serde_json::to_vec(&entries).unwrap();
            prop_assert_eq!(&read(&earlier), &entries, "as earlier versions wrote them");
            prop_assert!(bytes.len() - 6 <= earlier.len());
        }
    }
}
