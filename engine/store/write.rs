//! Converts the changes of executions to one batch of records and commits it. `commit_log.rs` makes the batch durable.

use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    Batch, DocumentChanges, Store, StoreError, codec,
    execution_records::{ExecutionRecord, StartRecord, WakeRecord},
    frames::{self, StoredFrame},
    keys, map_runs,
};
use crate::{
    journal::{EntryContent, JournalEntry, Note, write_entries},
    machine::{EarlySignalChanges, ExecutionStatus, Transition, is_long},
    step::ChangeAction,
};

/// The maximum number of entries in one record of a journal: a page of a history decodes little more than it shows, even for a turn
/// with thousands of entries. Readers of a journal read no more at once: each entry may have an input or output of 256 KiB.
pub const RECORD_ENTRIES_MAX: usize = 128;

/// The changes of one execution in a batch.
#[derive(Debug, Default)]
pub struct Write {
    /// The execution's id.
    pub execution: String,
    /// Definition and input, if the execution starts.
    pub start: Option<StartData>,
    /// The changes of a turn of the machine. Its commands are not stored.
    pub transition: Transition,
    /// Changes of documents in the same commit.
    pub documents: DocumentChanges,
}

/// Definition and input of an execution, written once, at its start.
#[derive(Debug, Clone, PartialEq)]
pub struct StartData {
    /// The definition, pinned.
    pub definition: Definition,
    /// The input.
    pub input: Arc<Value>,
}

/// A definition as it is stored: once for all executions that have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    json: Arc<str>,
    /// SHA-256 of its JSON in hexadecimal; its name in the store.
    pub hash: Arc<str>,
}

impl From<&Value> for Definition {
    fn from(definition: &Value) -> Self {
        let json: Arc<str> = definition.to_string().into();
        let hash = hex::encode(Sha256::digest(json.as_bytes())).into();
        Definition { json, hash }
    }
}

impl Definition {
    /// Its JSON, as it is stored.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// Its JSON, parsed.
    ///
    /// # Errors
    /// Its nesting is too deep for the parser.
    pub fn value(&self) -> Result<Value, StoreError> {
        serde_json::from_str(&self.json).map_err(|error| StoreError::Encode { message: error.to_string() })
    }
}

impl Store {
    /// Writes all changes in one batch and returns when they are durable.
    ///
    /// # Errors
    /// The disk cannot be written. Whether the batch is durable is unknown.
    pub fn commit(&self, writes: &[Write]) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for write in writes {
            self.begin(&mut batch, write)?;
            let top = frames::put_all(&mut batch, &write.execution, &write.transition.frames_put)?;
            frames::delete_all(&mut batch, &write.execution, &write.transition.frames_deleted);
            put_entries(&mut batch, &write.execution, &write.transition.entries)?;
            map_runs::put(&mut batch, &write.execution, &write.transition.map_runs)?;
            put_early_signals(&mut batch, &write.execution, &write.transition.early_signals)?;
            put_execution_record(&mut batch, write, top)?;
            self.put_listing(&mut batch, write)?;
            batch.changes.extend_from_slice(write.documents.changes());
        }
        self.write(batch)?;
        let begun = writes.iter().filter_map(|write| write.start.as_ref());
        self.known_definitions().extend(begun.map(|start| start.definition.hash.clone()));
        Ok(())
    }

    fn begin(&self, batch: &mut Batch, write: &Write) -> Result<(), StoreError> {
        let (Some(start), Some(header)) = (&write.start, &write.transition.header) else { return Ok(()) };
        let (id, definition) = (&write.execution, &start.definition);
        if !self.known_definitions().contains(&definition.hash) {
            let key = keys::definition(&definition.hash);
            let bytes = codec::encode_json(&key, definition.json.as_bytes());
            batch.put(key, bytes);
        }
        let mut start_record = StartRecord::of(header, &definition.hash);
        if is_long(&start.input) {
            put(batch, keys::input(id), &*start.input)?;
        } else {
            start_record.input = Some(start.input.clone());
        }
        put(batch, keys::by_start(&header.workflow, header.started_ms, id), &start_record)
    }
}

pub(super) fn put<T: serde::Serialize + ?Sized>(batch: &mut Batch, key: Vec<u8>, value: &T) -> Result<(), StoreError> {
    let bytes = codec::encode(&key, value)?;
    batch.put(key, bytes);
    Ok(())
}

fn put_execution_record(batch: &mut Batch, write: &Write, top: Option<StoredFrame<'_>>) -> Result<(), StoreError> {
    let Some(header) = &write.transition.header else {
        let message = || format!("the top frame of {} is without the header of its record", write.execution);
        return top.map_or(Ok(()), |_| Err(StoreError::Encode { message: message() }));
    };
    put(batch, keys::execution_record(&header.id), &ExecutionRecord::of(header, top))?;
    if !write.transition.wake_fields_changed && write.start.is_none() {
        return Ok(());
    }
    let key = keys::wake_record(&header.id);
    match header.status {
        ExecutionStatus::Running => put(batch, key, &WakeRecord::of(header))?,
        // An execution that ended in its first turn has no such record.
        _ if write.start.is_some() => {}
        _ => batch.delete(key),
    }
    Ok(())
}

fn put_early_signals(batch: &mut Batch, id: &str, changes: &EarlySignalChanges) -> Result<(), StoreError> {
    for signal in &changes.put {
        put(batch, keys::early_signal(id, signal.number), signal)?;
    }
    changes.deleted.iter().for_each(|number| batch.delete(keys::early_signal(id, *number)));
    Ok(())
}

fn put_entries(batch: &mut Batch, id: &str, entries: &Arc<Vec<JournalEntry>>) -> Result<(), StoreError> {
    for entry in entries.iter() {
        if let EntryContent::Note(note) = &entry.content
            && let Note::ResourceChanged { change, .. } = &**note
            && change.action == ChangeAction::Created
        {
            put(batch, keys::created(id, &change.id), &entry.timestamp_ms)?;
        }
    }
    for entries in entries.chunks(RECORD_ENTRIES_MAX) {
        let Some(last) = entries.last() else { continue };
        let key = keys::entry(id, last.sequence);
        let bytes = codec::encode_written(&key, |json| write_entries(entries, json))?;
        batch.put(key, bytes);
    }
    Ok(())
}
