//! What a runner tells those who watch: entries when they are durable, and progress that may be missed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    journal::Entry,
    machine::{ExecutionHeader, Waiting},
};

/// How many events a slow watcher may lag behind before it reads the rest from the store.
pub(super) const EVENTS_KEPT: usize = 4096;

/// The default of [`super::RunnerOptions::rests_kept`]: the memory of all of them is initialized at the start of every process.
pub(super) const RESTS_KEPT: usize = 256;

/// Something to show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum RunnerEvent {
    /// A journal entry, durable. None is missed, none comes twice.
    Entry {
        /// The execution.
        execution: String,
        /// The entry.
        entry: Entry,
    },
    /// The execution ended or paused; never missed, may come twice.
    Rested {
        /// The execution, as it stands now.
        header: Arc<ExecutionHeader>,
    },
    /// A wait was looked at; may be missed.
    Looked {
        /// The execution.
        execution: String,
        /// The state's path.
        state_path: String,
        /// What the look found.
        waiting: Waiting,
        /// When the next look is, in milliseconds since the Unix epoch.
        next_look_ms: u64,
        /// When the wait gives up.
        deadline_ms: Option<u64>,
    },
    /// The execution is running, and nothing of it proceeds: no call is in flight and everything is durable. It comes after the
    /// entries that led to it, and is over with the next event of the execution.
    Asleep {
        /// The execution.
        execution: String,
        /// When something is due next, in milliseconds since the Unix epoch; 0 means at once. `None` where only an answer from
        /// outside can continue it: a task token, a worker of an activity, a person.
        next_wake_ms: Option<u64>,
    },
    /// The store failed, the runner has stopped.
    StoreFailed {
        /// What went wrong.
        message: String,
    },
    /// An event of a kind that a later version sends; this version reads it and never sends it.
    #[serde(other)]
    Unknown,
}

/// That an execution is asleep, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asleep {
    /// The sequence of the last entry before it: events without one cannot be ordered among entries that were read from the store.
    pub last_sequence: u64,
    /// See [`RunnerEvent::Asleep`].
    pub next_wake_ms: Option<u64>,
}

/// What the dispatcher sends to everybody who watches.
#[derive(Debug, Clone)]
pub(super) enum Broadcast {
    Event(RunnerEvent),
    /// [`RunnerEvent::Asleep`] before it is put in order.
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
