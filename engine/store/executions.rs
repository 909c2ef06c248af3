//! Executions as they stand in the store.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde_json::Value;

use super::{
    Batch, Store, StoreError, codec, keys,
    records::Record,
    standing::{Beginning, Standing},
};
use crate::{
    journal::{Entries, Entry},
    machine::{ExecutionHeader, FrameRow, Part},
};

/// An execution that has not ended, as far as a new process has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Active {
    /// Its id.
    pub id: String,
    /// What it works on.
    pub subject: Option<String>,
    /// Whether something of it was in flight: then it has to be taken up at once.
    pub awake: bool,
    /// When something is due, in milliseconds since the Unix epoch.
    pub next_wake_ms: Option<u64>,
}

/// A place in the list of a workflow's executions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The execution's id.
    pub id: String,
    /// Its workflow.
    pub workflow: String,
    /// When it began, in milliseconds since the Unix epoch.
    pub started_ms: u64,
}

impl Store {
    /// Every execution that has not ended, by id.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn active(&self) -> Result<Vec<Active>, StoreError> {
        self.active_after(None, usize::MAX)
    }

    /// The same, those behind an id only and at most `limit` of them: there may be a million.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn active_after(&self, after: Option<&str>, limit: usize) -> Result<Vec<Active>, StoreError> {
        let from = after.map(|after| [keys::ACTIVE, after.as_bytes(), b"\0"].concat());
        let read = |(key, bytes): Record| {
            let standing: Standing = codec::decode(&key, &bytes)?;
            let id = String::from_utf8_lossy(&key[keys::ACTIVE.len()..]).into_owned();
            let Standing { subject, awake, next_wake_ms, .. } = standing;
            Ok(Active { id, subject, awake, next_wake_ms })
        };
        self.records.scan(keys::ACTIVE, from.as_deref(), limit)?.into_iter().map(read).collect()
    }

    /// The names of the workflows that have executions.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn workflows(&self) -> Result<Vec<String>, StoreError> {
        let mut found = Vec::new();
        let mut from = keys::BY_START.to_vec();
        while let Some((key, _)) = self.records.scan(keys::BY_START, Some(&from), 1)?.pop() {
            let (workflow, ..) = started(&key)?;
            // The first key behind all of this workflow's.
            from = [keys::BY_START, workflow.as_bytes(), b"\x01"].concat();
            found.push(workflow.to_owned());
        }
        Ok(found)
    }

    /// A workflow's executions, those begun last first, at most `limit` of them, those behind `after` only.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn listed(&self, workflow: &str, after: Option<&Listed>, limit: usize) -> Result<Vec<Listed>, StoreError> {
        let from = after.map(|after| {
            let mut key = keys::by_start(&after.workflow, after.started_ms, &after.id);
            key.push(0);
            key
        });
        let records = self.records.scan(&keys::of_workflow(workflow), from.as_deref(), limit)?;
        let read = |(key, _): &Record| {
            let (workflow, started_ms, id) = started(key)?;
            Ok(Listed { id: id.to_owned(), workflow: workflow.to_owned(), started_ms })
        };
        records.iter().map(read).collect()
    }

    /// The headers of the executions begun last, those first, at most `limit`; without inputs and what was created.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn latest(&self, limit: usize) -> Result<Vec<ExecutionHeader>, StoreError> {
        let mut listed = Vec::new();
        for workflow in self.workflows()? {
            listed.extend(self.listed(&workflow, None, limit)?);
        }
        listed.sort_by(|a, b| (b.started_ms, &b.id).cmp(&(a.started_ms, &a.id)));
        listed.truncate(limit);
        let headers = listed.iter().filter_map(|listed| self.summary(&listed.id).transpose());
        headers.collect()
    }

    /// Every execution's header, those begun last first; without inputs and what was created.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn headers(&self) -> Result<Vec<ExecutionHeader>, StoreError> {
        self.latest(usize::MAX)
    }

    /// One execution's header without its input and what it created.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn summary(&self, id: &str) -> Result<Option<ExecutionHeader>, StoreError> {
        let standing: Option<Standing> = match self.read(&keys::active(id))? {
            Some(standing) => Some(standing),
            None => self.read(&keys::ended(id))?,
        };
        let Some(standing) = standing else { return Ok(None) };
        let key = keys::origin(id);
        let beginning: Beginning = self.read(&key)?.ok_or_else(|| codec::damaged(&key, "it is missing".to_owned()))?;
        Ok(Some(standing.header(id, beginning)))
    }

    /// One execution's header, with its input and what it created.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn header(&self, id: &str) -> Result<Option<ExecutionHeader>, StoreError> {
        let Some(mut header) = self.summary(id)? else { return Ok(None) };
        if let Some(input) = self.read::<Value>(&keys::input(id))? {
            header.input = Arc::new(input);
        }
        let prefix = keys::all_created(id);
        let created = self.records.scan(&prefix, None, usize::MAX)?;
        let read = |(key, bytes): &Record| {
            let name = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
            // Stores of earlier versions do not say when: long ago.
            Ok((name, codec::decode::<Option<u64>>(key, bytes)?.unwrap_or_default()))
        };
        header.created = Arc::new(created.iter().map(read).collect::<Result<BTreeMap<_, _>, StoreError>>()?);
        Ok(Some(header))
    }

    /// The hash of the definition that an execution was started with.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn definition_hash(&self, id: &str) -> Result<Option<String>, StoreError> {
        Ok(self.read::<Beginning>(&keys::origin(id))?.map(|beginning| beginning.definition))
    }

    /// The definition that an execution was started with, and its hash.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn definition(&self, id: &str) -> Result<Option<(String, Value)>, StoreError> {
        let Some(hash) = self.definition_hash(id)? else { return Ok(None) };
        let definition = self.read(&keys::definition(&hash))?;
        Ok(definition.map(|definition| (hash, definition)))
    }

    /// An execution's frames.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn frames(&self, id: &str) -> Result<Vec<FrameRow>, StoreError> {
        let prefix = keys::frames(id);
        let mut rows: Vec<FrameRow> = Vec::new();
        for (key, bytes) in self.records.scan(&prefix, None, usize::MAX)? {
            // A part lies right behind its frame and has a byte more.
            match key.get(prefix.len() + 8).and_then(|part| Part::of(*part)) {
                Some(part) => {
                    let row = rows.last_mut().ok_or_else(|| codec::damaged(&key, "its frame is missing".to_owned()))?;
                    row.set_part(part, codec::decode(&key, &bytes)?);
                }
                None => {
                    let (row, _): (FrameRow, String) = codec::decode(&key, &bytes)?;
                    rows.push(row);
                }
            }
        }
        Ok(rows)
    }

    /// An execution's journal from a sequence on, at most `limit` entries.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn entries(&self, id: &str, from_sequence: u64, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let prefix = keys::entries(id);
        // A record holds at least one entry, and lies under the last of them.
        let records = self.records.scan(&prefix, Some(&keys::entry(id, from_sequence)), limit)?;
        let mut entries: Vec<Entry> = Vec::new();
        for (key, bytes) in &records {
            let Entries(turn) = codec::decode(key, bytes)?;
            entries.extend(turn.into_iter().filter(|entry| entry.sequence >= from_sequence));
            if entries.len() >= limit {
                entries.truncate(limit);
                break;
            }
        }
        Ok(entries)
    }

    /// Forgets ended executions, and the definitions that no other execution has.
    ///
    /// # Errors
    /// The records cannot be read or written.
    pub fn forget_all(&self, ids: &[&str]) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for id in ids {
            if let Some(header) = self.summary(id)? {
                batch.delete(keys::by_start(&header.workflow, header.started_ms, id));
            }
            self.forget_map_runs(&mut batch, id)?;
            for prefix in [keys::frames(id), keys::entries(id), keys::all_created(id)] {
                for (key, _) in self.records.scan(&prefix, None, usize::MAX)? {
                    batch.delete(key);
                }
            }
            for key in [keys::active(id), keys::ended(id), keys::origin(id), keys::input(id)] {
                batch.delete(key);
            }
        }
        self.records.commit(batch)
    }

    /// Forgets an ended execution; its definition stays for others.
    ///
    /// # Errors
    /// The records cannot be read or written.
    pub fn forget(&self, id: &str) -> Result<(), StoreError> {
        self.forget_all(&[id])
    }

    /// Forgets the definitions that no execution has; answers how many.
    ///
    /// # Errors
    /// The records cannot be read or written.
    pub fn forget_unused_definitions(&self) -> Result<usize, StoreError> {
        let mut used = BTreeSet::new();
        for (key, bytes) in self.records.scan(keys::BY_START, None, usize::MAX)? {
            used.insert(codec::decode::<String>(&key, &bytes)?);
        }
        let mut batch = Batch::default();
        for (key, _) in self.records.scan(keys::DEFINITIONS, None, usize::MAX)? {
            let hash = String::from_utf8_lossy(&key[keys::DEFINITIONS.len()..]).into_owned();
            if !used.contains(&hash) {
                self.known_definitions().remove(hash.as_str());
                batch.delete(key);
            }
        }
        let count = batch.changes.len();
        self.records.commit(batch)?;
        Ok(count)
    }
}

fn started(key: &[u8]) -> Result<(&str, u64, &str), StoreError> {
    keys::started(key).ok_or_else(|| codec::damaged(key, "it names no execution".to_owned()))
}
