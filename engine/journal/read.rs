//! Reads stored entries: complete entries, and entries without the fields that follow from the previous entry.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, de::Error};

use super::{EntryContent, HistoryEvent, HistoryEventDetails, JournalEntry, Note};

/// Entries of one journal as `write_entries` writes them. Earlier versions stored each entry complete.
pub struct Entries(pub Vec<JournalEntry>);

#[derive(Deserialize)]
struct Stored {
    sequence: Option<u64>,
    timestamp_ms: Option<u64>,
    event: Option<StoredEvent>,
    note: Option<Box<Note>>,
}

#[derive(Deserialize)]
struct StoredEvent {
    id: Option<u64>,
    #[serde(rename = "previousEventId")]
    previous_event_id: Option<u64>,
    frame: Option<Arc<str>>,
    #[serde(flatten)]
    details: HistoryEventDetails,
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let stored = Vec::<Stored>::deserialize(from)?;
        let mut entries: Vec<JournalEntry> = Vec::with_capacity(stored.len());
        for stored in stored {
            let entry = stored.after(entries.last()).map_err(D::Error::custom)?;
            entries.push(entry);
        }
        Ok(Entries(entries))
    }
}

impl Stored {
    fn after(self, before: Option<&JournalEntry>) -> Result<JournalEntry, &'static str> {
        let follows = before.filter(|_| self.sequence.is_none());
        let next = follows.and_then(|before| before.sequence.checked_add(1));
        let sequence = self.sequence.or(next).ok_or("an entry has no sequence")?;
        let timestamp_ms =
            self.timestamp_ms.or(follows.map(|before| before.timestamp_ms)).ok_or("an entry has no time")?;
        let event_before = follows.and_then(|before| match &before.content {
            EntryContent::Event(event) => Some(event),
            EntryContent::Note(_) => None,
        });
        let content = match (self.event, self.note) {
            (Some(event), None) => EntryContent::Event(event.after(event_before)?),
            (None, Some(note)) => EntryContent::Note(note),
            _ => return Err("an entry is neither an event nor a note"),
        };
        Ok(JournalEntry { sequence, timestamp_ms, content })
    }
}

impl StoredEvent {
    fn after(self, before: Option<&HistoryEvent>) -> Result<HistoryEvent, &'static str> {
        let next = before.and_then(|before| before.id.checked_add(1));
        let led = before.map(|before| before.id);
        Ok(HistoryEvent {
            id: self.id.or(next).ok_or("an event has no id")?,
            previous_event_id: self.previous_event_id.or(led).ok_or("an event does not say what led to it")?,
            frame: self.frame.or_else(|| before.map(|before| before.frame.clone())).unwrap_or_default(),
            details: self.details,
        })
    }
}
