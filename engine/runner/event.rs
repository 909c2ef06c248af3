//! Events for watchers: entries once they are durable, and progress that may be missed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    journal::JournalEntry,
    machine::{ExecutionHeader, Waiting},
};

/// The number of events by which a watcher may lag before it must read from the store.
pub(super) const EVENTS_KEPT: usize = 4096;

/// The default of [`super::RunnerOptions::settled_kept`]. It is small: the memory for all of them is initialized at each process start.
pub(super) const SETTLED_KEPT: usize = 256;

/// An event of an execution or of the runner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum RunnerEvent {
    /// A durable journal entry. Watchers receive each entry exactly once.
    Entry {
        /// The execution.
        execution: String,
        /// The entry.
        entry: JournalEntry,
    },
    /// The execution ended or paused. Watchers receive it at least once.
    #[serde(rename = "rested")]
    Settled {
        /// The execution's current header.
        header: Arc<ExecutionHeader>,
    },
    /// A poll left a wait unchanged; may be missed.
    #[serde(rename = "looked")]
    Polled {
        /// The execution.
        execution: String,
        /// The state's path.
        state_path: String,
        /// The result of the poll.
        waiting: Waiting,
        /// When the next poll is due, in milliseconds since the Unix epoch.
        #[serde(rename = "nextLookMs")]
        next_poll_ms: u64,
        /// When the wait times out, in milliseconds since the Unix epoch.
        deadline_ms: Option<u64>,
    },
    /// The execution is running and asleep: no call is in flight and everything is durable. This event follows the entries that led to the
    /// sleep. The sleep ends with the execution's next event.
    Asleep {
        /// The execution.
        execution: String,
        /// When something is due next, in milliseconds since the Unix epoch; 0 means at once. `None` if only an answer from outside can
        /// continue it: a task token, a worker of an activity, a person.
        next_wake_ms: Option<u64>,
    },
    /// The runner has stopped driving the execution, because this process cannot act in its environment. Nothing was recorded. Another
    /// process may continue it. Never missed, may be repeated.
    Released {
        /// The execution.
        execution: String,
        /// The reason why this process cannot act for it.
        reason: String,
    },
    /// The store failed and the runner has stopped.
    StoreFailed {
        /// The store's error.
        message: String,
    },
    /// An event of a kind that a later version sends. This version reads it and never sends it.
    #[serde(other)]
    Unknown,
}

/// The last entry of an execution that is asleep, and when it wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asleep {
    /// The sequence of its last entry. Events without a sequence cannot be ordered among entries that were read from the store.
    pub last_sequence: u64,
    /// See [`RunnerEvent::Asleep`].
    pub next_wake_ms: Option<u64>,
}

/// A message from the dispatcher to all watchers. Its channel carries it in an `Arc`: a process allocates [`EVENTS_KEPT`]
/// messages when it starts, and every watcher receives every message.
#[derive(Debug)]
pub(super) enum Broadcast {
    Event(RunnerEvent),
    /// [`RunnerEvent::Asleep`] before [`super::Follow`] orders it among the entries.
    Asleep {
        execution: String,
        asleep: Asleep,
    },
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_of_a_later_version_is_read_as_unknown_and_asleep_as_it_was_sent() {
        let later = json!({ "kind": "dreamt", "execution": "t-1", "of": { "sheep": 7 } });
        assert_eq!(serde_json::from_value::<RunnerEvent>(later).unwrap(), RunnerEvent::Unknown);
        let asleep = RunnerEvent::Asleep { execution: "t-1".to_owned(), next_wake_ms: None };
        let sent = serde_json::to_value(&asleep).unwrap();
        assert_eq!(sent, json!({ "kind": "asleep", "execution": "t-1", "nextWakeMs": null }));
        assert_eq!(serde_json::from_value::<RunnerEvent>(sent).unwrap(), asleep);
    }
}
