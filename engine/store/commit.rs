//! What is written when executions go on.

use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    Batch, DocumentChanges, Store, StoreError, codec,
    frames::{self, StoredFrame},
    keys, map_runs,
    standing::{Beginning, Standing, Waking},
};
use crate::{
    journal::{EntryContent, JournalEntry, Note, write_entries},
    machine::{EarlySignalChanges, ExecutionStatus, Transition, is_long},
    step::ChangeAction,
};

/// How many entries a record of a journal holds at most: a page of a history decodes little more than it shows, even of a turn with
/// thousands of entries.
pub(super) const RECORD_ENTRIES_MAX: usize = 128;

/// What is written for one execution in a batch.
#[derive(Debug, Default)]
pub struct Write {
    /// The execution's id.
    pub execution: String,
    /// Definition and input, if this is the write of a start.
    pub start: Option<StartData>,
    /// What a turn of the machine changed; its commands are not stored.
    pub transition: Transition,
    /// Documents that become durable with it.
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

/// A definition as it is kept: once, however many executions have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    json: Arc<str>,
    /// Its hash (SHA-256 of its JSON, in hexadecimal), which names it.
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
    /// Its JSON, as the store keeps it.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// What it says.
    ///
    /// # Errors
    /// It is nested deeper than definitions can be read.
    pub fn value(&self) -> Result<Value, StoreError> {
        serde_json::from_str(&self.json).map_err(|error| StoreError::Encode { message: error.to_string() })
    }
}

impl Store {
    /// Writes all in one batch and returns when it is durable.
    ///
    /// # Errors
    /// Nothing of the batch is to be relied on.
    pub fn commit(&self, writes: &[Write]) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for write in writes {
            self.begin(&mut batch, write)?;
            let top = frames::put_all(&mut batch, &write.execution, &write.transition.frames_put)?;
            frames::delete_all(&mut batch, &write.execution, &write.transition.frames_deleted);
            put_entries(&mut batch, &write.execution, &write.transition.entries)?;
            map_runs::put(&mut batch, &write.execution, &write.transition.map_runs)?;
            put_early_signals(&mut batch, &write.execution, &write.transition.early_signals)?;
            put_standing(&mut batch, write, top)?;
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
        let mut beginning = Beginning::of(header, &definition.hash);
        if is_long(&start.input) {
            put(batch, keys::input(id), &*start.input)?;
        } else {
            beginning.input = Some(start.input.clone());
        }
        put(batch, keys::by_start(&header.workflow, header.started_ms, id), &beginning)
    }
}

pub(super) fn put<T: serde::Serialize + ?Sized>(batch: &mut Batch, key: Vec<u8>, value: &T) -> Result<(), StoreError> {
    let bytes = codec::encode(&key, value)?;
    batch.put(key, bytes);
    Ok(())
}

fn put_standing(batch: &mut Batch, write: &Write, top: Option<StoredFrame<'_>>) -> Result<(), StoreError> {
    let Some(header) = &write.transition.header else {
        let message = || format!("the top frame of {} comes without the header that it lies with", write.execution);
        return top.map_or(Ok(()), |_| Err(StoreError::Encode { message: message() }));
    };
    put(batch, keys::standing(&header.id), &Standing::of(header, top))?;
    if !write.transition.waking_changed && write.start.is_none() {
        return Ok(());
    }
    let key = keys::active(&header.id);
    match header.status {
        ExecutionStatus::Running => put(batch, key, &Waking::of(header))?,
        // One that ended in its first turn never had such a record.
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
