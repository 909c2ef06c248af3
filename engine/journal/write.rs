//! Entries as JSON, written by hand where there are many of them: what a transition costs is mostly that it is written down. The
//! JSON is the one that `Serialize` gives, and is read by `Deserialize`.

use std::ops::Range;

use serde::Serialize;
use serde_json::Value;

use super::{Content, Entry, HistoryEvent, HistoryEventDetails as Details};

/// Writes entries as a JSON array behind what is there.
///
/// # Errors
/// A value cannot be written as JSON.
pub fn write_entries(entries: &[Entry], to: &mut Vec<u8>) -> serde_json::Result<()> {
    let mut writer = Writer { to, last: None };
    writer.raw("[");
    for (index, entry) in entries.iter().enumerate() {
        writer.raw(if index == 0 { "" } else { "," });
        writer.entry(entry)?;
    }
    writer.raw("]");
    Ok(())
}

struct Writer<'w> {
    to: &'w mut Vec<u8>,
    /// The value that was written last, and where: what a state is left with is what the next one is entered with.
    last: Option<(*const Value, Range<usize>)>,
}

impl Writer<'_> {
    fn entry(&mut self, entry: &Entry) -> serde_json::Result<()> {
        let Content::Event(event) = &entry.content else { return self.other(entry) };
        self.number("{\"sequence\":", entry.sequence);
        self.number(",\"timestamp_ms\":", entry.timestamp_ms);
        self.raw(",\"event\":");
        self.event(event)?;
        self.raw("}");
        Ok(())
    }

    fn event(&mut self, event: &HistoryEvent) -> serde_json::Result<()> {
        match &event.details {
            Details::StateEntered { state_type, name, input } => {
                self.head(event, "StateEntered");
                self.text(",\"stateType\":", state_type.name());
                self.text(",\"name\":", name);
                self.value(",\"input\":", input)?;
            }
            Details::StateExited { state_type, name, output, assigned_variables } if assigned_variables.is_empty() => {
                self.head(event, "StateExited");
                self.text(",\"stateType\":", state_type.name());
                self.text(",\"name\":", name);
                self.value(",\"output\":", output)?;
            }
            Details::TaskScheduled { name, resource, parameters, timeout_seconds: None, heartbeat_seconds: None } => {
                self.head(event, "TaskScheduled");
                self.text(",\"name\":", name);
                self.text(",\"resource\":", resource);
                self.value(",\"parameters\":", parameters)?;
                self.raw(",\"timeoutSeconds\":null,\"heartbeatSeconds\":null");
            }
            Details::TaskStarted { name, resource, worker: None } => {
                self.head(event, "TaskStarted");
                self.text(",\"name\":", name);
                self.text(",\"resource\":", resource);
            }
            Details::TaskSucceeded { name, resource, output } => {
                self.head(event, "TaskSucceeded");
                self.text(",\"name\":", name);
                self.text(",\"resource\":", resource);
                self.value(",\"output\":", output)?;
            }
            Details::MapIterationStarted { name, index } => self.iteration(event, "MapIterationStarted", name, *index),
            Details::MapIterationSucceeded { name, index } => {
                self.iteration(event, "MapIterationSucceeded", name, *index)
            }
            _ => return self.other(event),
        }
        self.raw("}");
        Ok(())
    }

    fn head(&mut self, event: &HistoryEvent, kind: &str) {
        self.number("{\"id\":", event.id);
        self.number(",\"previousEventId\":", event.previous_event_id);
        if !event.frame.is_empty() {
            self.text(",\"frame\":", &event.frame);
        }
        self.raw(",\"type\":\"");
        self.raw(kind);
        self.raw("\"");
    }

    fn iteration(&mut self, event: &HistoryEvent, kind: &str, name: &str, index: u64) {
        self.head(event, kind);
        self.text(",\"name\":", name);
        self.number(",\"index\":", index);
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
        if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
            self.raw("\"");
            self.raw(text);
            return self.raw("\"");
        }
        self.raw(&Value::from(text).to_string());
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::journal::{ErrorAndCause, Note, StateType};

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
                1 => Details::StateExited {
                    state_type: StateType::Map,
                    name,
                    output: value,
                    assigned_variables: serde_json::Map::new(),
                },
                2 => {
                    let assigned_variables = serde_json::Map::from_iter([(text, json!(number))]);
                    Details::StateExited { state_type: StateType::Pass, name, output: value, assigned_variables }
                }
                3 => Details::TaskScheduled {
                    name,
                    resource,
                    parameters: value,
                    timeout_seconds: None,
                    heartbeat_seconds: None,
                },
                4 => Details::TaskScheduled {
                    name,
                    resource,
                    parameters: value,
                    timeout_seconds: Some(number),
                    heartbeat_seconds: None,
                },
                5 => Details::TaskStarted { name, resource, worker: None },
                6 => Details::TaskSucceeded { name, resource, output: value },
                7 => Details::MapIterationStarted { name, index: number },
                8 => Details::MapIterationSucceeded { name, index: number },
                _ => Details::ExecutionFailed(ErrorAndCause { error: text.clone(), cause: text }),
            }
        })
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let event = (any::<u64>(), any::<u64>(), any::<String>(), details()).prop_map(
            |(id, previous_event_id, frame, details)| {
                Content::Event(HistoryEvent { id, previous_event_id, frame: frame.as_str().into(), details })
            },
        );
        let content = prop_oneof![9 => event, 1 => any::<String>().prop_map(|state_path| Content::Note(Box::new(Note::Continued { state_path })))];
        (any::<u64>(), any::<u64>(), content).prop_map(|(sequence, timestamp_ms, content)| Entry {
            sequence,
            timestamp_ms,
            content,
        })
    }

    proptest! {
        /// The fear: a history is read back as something else than what happened.
        #[test]
        fn what_is_written_by_hand_is_what_serde_writes(mut entries in proptest::collection::vec(entry(), 0..12), same in value()) {
            // Neighbours that share a value, as those of one state do.
            for entry in entries.iter_mut().skip(3) {
                if let Content::Event(HistoryEvent { details: Details::StateEntered { input: value, .. } | Details::TaskSucceeded { output: value, .. }, .. }) = &mut entry.content {
                    *value = same.clone();
                }
            }
            let mut bytes = b"before".to_vec();
            write_entries(&entries, &mut bytes).unwrap();
            prop_assert_eq!(&bytes[6..], &serde_json::to_vec(&entries).unwrap()[..]);
            prop_assert_eq!(serde_json::from_slice::<Vec<Entry>>(&bytes[6..]).unwrap(), entries);
        }
    }
}
