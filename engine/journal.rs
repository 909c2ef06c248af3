//! What happened, in order: history events in Step Functions' words, and notes of ours between them.
//!
//! Every execution has one journal with a dense sequence from 1. History events carry, beside that, the dense id that
//! GetExecutionHistory shows. Displays fold a view from entries; they never read the store.

mod event;
mod note;
mod read;
mod write;

use serde::{Deserialize, Serialize};

pub use event::{ErrorAndCause, EvaluationFailedEventDetails, HistoryEvent, HistoryEventDetails, StateType};
pub use note::{Note, StepFailure};
pub use read::Entries;
pub use write::write_entries;

/// One line of an execution's journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Dense, from 1.
    pub sequence: u64,
    /// When, in milliseconds since the Unix epoch on the runner's clock.
    pub timestamp_ms: u64,
    /// What.
    #[serde(flatten)]
    pub content: Content,
}

/// A history event or a note.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Content {
    /// An event of GetExecutionHistory.
    Event(HistoryEvent),
    /// Something that Step Functions has no event for. Apart, because it is rare and long, and every event would be as long.
    Note(Box<Note>),
}
