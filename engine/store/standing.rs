//! What of an execution is written once, and what is written with every turn.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    journal::ErrorAndCause,
    machine::{ExecutionHeader, ExecutionStatus, Identity},
};

/// What an execution began with.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Beginning {
    pub definition: String,
    pub workflow: String,
    pub started_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    #[serde(default)]
    pub environment: Arc<Value>,
    /// `None` where it is long and lies for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Arc<Value>>,
}

/// How an execution stands: short, whatever went before.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Standing {
    pub status: ExecutionStatus,
    pub last_sequence: u64,
    pub last_event_id: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub last_timestamp_ms: u64,
    pub next_frame_id: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub redrive_count: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub paused: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub awake: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub ends_with: Option<ErrorAndCause>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub next_wake_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub deadline_ms: Option<u64>,
    /// Of one that has not ended, so that it is known without what it began with.
    #[serde(default, skip_serializing_if = "is_default")]
    pub subject: Option<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub stopped_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub failure: Option<ErrorAndCause>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub output: Option<Arc<Value>>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Beginning {
    /// Of a header, without the input.
    pub fn of(header: &ExecutionHeader, definition: &str) -> Self {
        Beginning {
            definition: definition.to_owned(),
            workflow: header.workflow.clone(),
            started_ms: header.started_ms,
            subject: header.subject.clone(),
            identity: header.identity.clone(),
            environment: header.environment.clone(),
            input: None,
        }
    }
}

impl Standing {
    pub fn of(header: &ExecutionHeader) -> Self {
        let running = header.status == ExecutionStatus::Running;
        Standing {
            status: header.status,
            last_sequence: header.last_sequence,
            last_event_id: header.last_event_id,
            last_timestamp_ms: header.last_timestamp_ms,
            next_frame_id: header.next_frame_id,
            redrive_count: header.redrive_count,
            paused: header.paused,
            awake: header.awake,
            ends_with: header.ends_with.clone(),
            next_wake_ms: header.next_wake_ms,
            deadline_ms: header.deadline_ms,
            subject: header.subject.clone().filter(|_| running),
            stopped_ms: header.stopped_ms,
            failure: header.failure.clone(),
            output: header.output.clone(),
        }
    }

    /// The header that both make; without what was created.
    pub fn header(self, id: &str, beginning: Beginning) -> ExecutionHeader {
        ExecutionHeader {
            id: id.to_owned(),
            workflow: beginning.workflow,
            identity: beginning.identity,
            subject: beginning.subject,
            environment: beginning.environment,
            input: beginning.input.unwrap_or_default(),
            status: self.status,
            started_ms: beginning.started_ms,
            stopped_ms: self.stopped_ms,
            output: self.output,
            failure: self.failure,
            deadline_ms: self.deadline_ms,
            redrive_count: self.redrive_count,
            paused: self.paused,
            awake: self.awake,
            ends_with: self.ends_with,
            last_sequence: self.last_sequence,
            last_event_id: self.last_event_id,
            last_timestamp_ms: self.last_timestamp_ms,
            next_frame_id: self.next_frame_id,
            created: Arc::default(),
            next_wake_ms: self.next_wake_ms,
        }
    }
}
