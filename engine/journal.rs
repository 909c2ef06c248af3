//! The journal of an execution: history events in Step Functions' words, and notes of ours between them.
//!
//! Each execution has one journal. Its entries are numbered densely from 1. A history event also carries its own dense id, which
//! GetExecutionHistory reports. Displays fold a view from entries and never read the store.

mod event;
mod note;
mod read;
mod recorded;
mod signaller;
mod write;

use serde::{Deserialize, Serialize};

pub use event::{
    ErrorAndCause, EvaluationFailedEventDetails, HistoryEvent, HistoryEventDetails, NOT_CALLED, StateType,
};
pub use note::{Note, StepFailure};
pub use read::Entries;
pub use recorded::{Entered, Recorded, RecordedCall};
pub use signaller::Signaller;
pub(crate) use write::write_entries;

/// One entry of an execution's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// Position in the journal: dense, from 1.
    pub sequence: u64,
    /// When the entry was made, in milliseconds since the Unix epoch, by the runner's clock.
    pub timestamp_ms: u64,
    /// The event or note.
    #[serde(flatten)]
    pub content: EntryContent,
}

/// A history event or a note.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EntryContent {
    /// An event of GetExecutionHistory.
    Event(HistoryEvent),
    /// Something that Step Functions has no event for. Boxed: notes are rare and long, and would enlarge every entry.
    Note(Box<Note>),
}

/// The path of a state: the path of its frame, which is empty at the top, and its name.
pub fn state_path(frame: &str, name: &str) -> String {
    if frame.is_empty() { name.to_owned() } else { format!("{frame}/{name}") }
}

impl EntryContent {
    /// Whether it is of a kind that only a later version of flow has.
    pub fn is_unknown(&self) -> bool {
        match self {
            EntryContent::Event(event) => event.details == HistoryEventDetails::Unknown,
            EntryContent::Note(note) => **note == Note::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    /// A client that is older than the owner of the store reads entries of kinds that only the owner has.
    #[test]
    fn what_a_later_version_writes_is_read_as_unknown() {
        let read = |mut entry: Value| {
            entry["sequence"] = json!(7);
            entry["timestamp_ms"] = json!(1_000);
            serde_json::from_value::<JournalEntry>(entry).unwrap().content
        };
        let event =
            json!({ "id": 3, "previousEventId": 2, "frame": "A[0]", "type": "StateDreamt", "dream": { "of": [1] } });
        let EntryContent::Event(event) = read(json!({ "event": event })) else { unreachable!("an event") };
        assert_eq!((event.id, &*event.frame, event.details), (3, "A[0]", HistoryEventDetails::Unknown));
        let note = json!({ "note": "dreamt", "statePath": "A", "of": { "sheep": 7 } });
        assert_eq!(read(json!({ "note": note })), EntryContent::Note(Box::new(Note::Unknown)));
        let Entries(entries) =
            serde_json::from_value(json!([{ "sequence": 1, "timestamp_ms": 5, "note": { "note": "dreamt" } }]))
                .unwrap();
        assert_eq!(entries[0].content, EntryContent::Note(Box::new(Note::Unknown)));
    }

    #[test]
    fn what_has_no_kind_at_all_is_still_an_error() {
        assert!(serde_json::from_value::<Note>(json!({ "statePath": "A" })).is_err());
        assert!(serde_json::from_value::<HistoryEventDetails>(json!({ "name": "A" })).is_err());
        let known_but_broken = json!({ "note": "continued" });
        assert!(serde_json::from_value::<Note>(known_but_broken).is_err());
    }
}
