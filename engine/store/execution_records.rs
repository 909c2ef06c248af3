//! The records of an execution: the start record is written once, the execution record with every turn, the wake record when it
//! changes.

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::frames::StoredFrame;
use crate::{
    journal::ErrorAndCause,
    machine::{ExecutionHeader, ExecutionStatus, Identity},
};

/// The start record: definition, identity, environment and input.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StartRecord {
    pub definition: String,
    /// Workflow and start time. Only in format 2; later formats have them in the key.
    #[serde(default, skip_serializing)]
    workflow: String,
    #[serde(default, skip_serializing)]
    started_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Arc<Identity>>,
    #[serde(default)]
    pub environment: Arc<Value>,
    /// `None` if the input is long and stored in a record of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Arc<Value>>,
}

/// The value under the key of a start: the start record, or in format 2 only the hash of the definition.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum StoredStart {
    Record(Box<StartRecord>),
    DefinitionHash(String),
}

/// The wake record: the fields of an execution that has not ended which a new process needs. Short, because there may be a million.
/// Source of the fields: [`ExecutionHeader`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WakeRecord<'w> {
    #[serde(default, skip_serializing_if = "is_default")]
    pub subject: Option<Cow<'w, str>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub awake: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub next_wake_ms: Option<u64>,
}

impl<'w> WakeRecord<'w> {
    pub fn of(header: &'w ExecutionHeader) -> Self {
        let subject = header.subject.as_deref().map(Cow::Borrowed);
        WakeRecord { subject, awake: header.awake, next_wake_ms: header.next_wake_ms }
    }
}

/// The execution record: the current header and the top frame. Its length does not grow with the history.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExecutionRecord<'s> {
    pub status: ExecutionStatus,
    /// Workflow and start time: the key of the start record. `None` in format 2, where the id is the key and the top frame has a
    /// record of its own.
    #[serde(default, skip_serializing_if = "is_default")]
    pub began: Option<(Cow<'s, str>, u64)>,
    /// The top frame without its parts, until the execution succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top: Option<StoredFrame<'s>>,
    pub last_sequence: u64,
    pub last_event_id: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub last_timestamp_ms: u64,
    pub next_frame_id: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub redrive_count: u32,
    /// The time of the last redrive; not in formats before 5.
    #[serde(default, skip_serializing_if = "is_default")]
    pub redriven_ms: Option<u64>,
    #[serde(rename = "idleMs", default, skip_serializing_if = "is_default")]
    pub stopped_total_ms: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    pub paused: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub awake: bool,
    /// Whether it is awake without a call in flight. Earlier versions do not write it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub only_waits: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub ends_with: Option<ErrorAndCause>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub cancels_with: Option<ErrorAndCause>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub next_wake_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub deadline_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub stopped_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub failure: Option<ErrorAndCause>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub output: Option<Arc<Value>>,
    /// The environment, if it is not the one of the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Arc<Value>>,
    /// The numbers of its early signals.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub early_signals: Vec<u64>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl StartRecord {
    /// The start record of a header, without the input.
    pub fn of(header: &ExecutionHeader, definition: &str) -> Self {
        StartRecord {
            definition: definition.to_owned(),
            workflow: String::new(),
            started_ms: 0,
            subject: header.subject.clone(),
            identity: header.identity.clone(),
            environment: header.environment.clone(),
            input: None,
        }
    }
}

impl<'s> ExecutionRecord<'s> {
    pub fn of(header: &'s ExecutionHeader, top: Option<StoredFrame<'s>>) -> Self {
        ExecutionRecord {
            status: header.status,
            began: Some((Cow::Borrowed(&header.workflow), header.started_ms)),
            top,
            last_sequence: header.last_sequence,
            last_event_id: header.last_event_id,
            last_timestamp_ms: header.last_timestamp_ms,
            next_frame_id: header.next_frame_id,
            redrive_count: header.redrive_count,
            redriven_ms: header.redriven_ms,
            stopped_total_ms: header.stopped_total_ms,
            paused: header.paused,
            awake: header.awake,
            only_waits: header.only_waits,
            ends_with: header.ends_with.clone(),
            cancels_with: header.cancels_with.clone(),
            next_wake_ms: header.next_wake_ms,
            deadline_ms: header.deadline_ms,
            stopped_ms: header.stopped_ms,
            failure: header.failure.clone(),
            output: header.output.clone(),
            environment: header.environment_replaced.then(|| header.environment.clone()),
            early_signals: header.early_signals.iter().map(|signal| signal.number).collect(),
        }
    }

    /// The header of both records, without created resources and early signals.
    pub fn header(self, id: &str, start_record: StartRecord) -> ExecutionHeader {
        let began = self.began.map(|(workflow, started_ms)| (workflow.into_owned(), started_ms));
        let (workflow, started_ms) = began.unwrap_or((start_record.workflow, start_record.started_ms));
        ExecutionHeader {
            id: id.to_owned(),
            workflow,
            identity: start_record.identity,
            subject: start_record.subject,
            environment_replaced: self.environment.is_some(),
            environment: self.environment.unwrap_or(start_record.environment),
            input: start_record.input.unwrap_or_default(),
            status: self.status,
            started_ms,
            stopped_ms: self.stopped_ms,
            output: self.output,
            failure: self.failure,
            deadline_ms: self.deadline_ms,
            redrive_count: self.redrive_count,
            redriven_ms: self.redriven_ms,
            stopped_total_ms: self.stopped_total_ms,
            paused: self.paused,
            awake: self.awake,
            only_waits: self.only_waits,
            ends_with: self.ends_with,
            cancels_with: self.cancels_with,
            last_sequence: self.last_sequence,
            last_event_id: self.last_event_id,
            last_timestamp_ms: self.last_timestamp_ms,
            next_frame_id: self.next_frame_id,
            created: Arc::default(),
            next_wake_ms: self.next_wake_ms,
            early_signals: Arc::default(),
        }
    }
}
