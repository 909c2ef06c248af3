//! Reads the records of executions.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    sync::Arc,
};

use serde_json::Value;

use super::{
    Store, StoreError, codec,
    execution_records::{ExecutionRecord, StartRecord, StoredStart, WakeRecord},
    keys,
    records::{RECORDS_AT_ONCE, Record},
};
use crate::{
    journal::{Entries, JournalEntry},
    machine::{EarlySignal, ExecutionHeader, FrameRow},
};

/// The minimum number of journal records in the first read: most turns have several entries.
const ENTRY_RECORDS_MIN: usize = 16;
/// The minimum number of executions that are read of each workflow for a list over all workflows.
const STARTS_READ_MIN: usize = 16;
/// The maximum number of reads until no turn was committed during one.
const READS_MAX: usize = 200;

/// An execution that has not ended: the fields that a new process needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Active {
    /// Its id.
    pub id: String,
    /// Its subject.
    pub subject: Option<String>,
    /// Whether a call was in flight, so that it must be loaded at once.
    pub awake: bool,
    /// The time of its next wake-up, in milliseconds since the Unix epoch.
    pub next_wake_ms: Option<u64>,
}

/// An execution with everything that is needed to continue it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredExecution {
    /// Its header, with its input and the resources that it created.
    pub header: ExecutionHeader,
    /// The hash of its definition.
    pub definition_hash: String,
    /// Its frames.
    pub frames: Vec<FrameRow>,
}

/// A position in the list of a workflow's executions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartPosition {
    /// The execution's id.
    pub id: String,
    /// Its workflow.
    pub workflow: String,
    /// Its start time, in milliseconds since the Unix epoch.
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

    /// A page of [`Store::active`]: at most `limit`, only those after an id. There may be a million.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn active_after(&self, after: Option<&str>, limit: usize) -> Result<Vec<Active>, StoreError> {
        let from = after.map(|after| [keys::WAKE_RECORDS, after.as_bytes(), b"\0"].concat());
        let read = |(key, bytes): Record| {
            let WakeRecord { subject, awake, next_wake_ms } = codec::decode(&key, &bytes)?;
            let subject = subject.map(Cow::into_owned);
            let id = String::from_utf8_lossy(&key[keys::WAKE_RECORDS.len()..]).into_owned();
            Ok(Active { id, subject, awake, next_wake_ms })
        };
        self.records.scan(keys::WAKE_RECORDS, from.as_deref(), limit)?.into_iter().map(read).collect()
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
            // The first key after all keys of this workflow.
            from = [keys::BY_START, workflow.as_bytes(), b"\x01"].concat();
            found.push(workflow.to_owned());
        }
        Ok(found)
    }

    /// The executions of a workflow, the latest start first, at most `limit`, only those after the position `after`.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn starts_page(
        &self,
        workflow: &str,
        after: Option<&StartPosition>,
        limit: usize,
    ) -> Result<Vec<StartPosition>, StoreError> {
        let prefix = keys::of_workflow(workflow);
        let after_key = |key: &[u8]| [key, b"\0"].concat();
        let mut from = after.map(|after| after_key(&keys::by_start(&after.workflow, after.started_ms, &after.id)));
        let mut listed = Vec::new();
        while listed.len() < limit {
            let records = self.records.scan(&prefix, from.as_deref(), RECORDS_AT_ONCE.min(limit - listed.len()))?;
            let Some((last, _)) = records.last() else { break };
            from = Some(after_key(last));
            for (key, _) in &records {
                let (workflow, started_ms, id) = started(key)?;
                listed.push(StartPosition { id: id.to_owned(), workflow: workflow.to_owned(), started_ms });
            }
        }
        Ok(listed)
    }

    /// The headers of the latest executions, the latest start first, at most `limit`; without inputs and created resources.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn recent(&self, limit: usize) -> Result<Vec<ExecutionHeader>, StoreError> {
        self.recent_until(None, limit)
    }

    /// Like [`Store::recent`], only those that began at `until_ms` or earlier.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn recent_until(&self, until_ms: Option<u64>, limit: usize) -> Result<Vec<ExecutionHeader>, StoreError> {
        let at_once = limit.div_ceil(8).clamp(STARTS_READ_MIN, RECORDS_AT_ONCE);
        // The next executions of each workflow. The heap has the first of each.
        let mut lists = Vec::new();
        let mut firsts = BinaryHeap::new();
        for workflow in self.workflows()? {
            // No id is empty, so every execution that began at that time comes after this position.
            let after =
                until_ms.map(|started_ms| StartPosition { id: String::new(), workflow: workflow.clone(), started_ms });
            let list = VecDeque::from(self.starts_page(&workflow, after.as_ref(), at_once)?);
            firsts.extend(list.front().map(|first| (first.started_ms, first.id.clone(), lists.len())));
            lists.push(list);
        }
        let mut latest = Vec::new();
        while latest.len() < limit
            && let Some((.., number)) = firsts.pop()
            && let Some(list) = lists.get_mut(number)
            && let Some(first) = list.pop_front()
        {
            if list.is_empty() {
                list.extend(self.starts_page(&first.workflow, Some(&first), at_once)?);
            }
            firsts.extend(list.front().map(|first| (first.started_ms, first.id.clone(), number)));
            latest.push(first);
        }
        latest.sort_by(|a, b| (b.started_ms, &b.id).cmp(&(a.started_ms, &a.id)));
        let headers = latest.iter().filter_map(|listed| self.summary(&listed.id).transpose());
        headers.collect()
    }

    /// The latest start of all executions, in milliseconds since the Unix epoch; `None` without executions, or if they cannot be
    /// read.
    pub fn latest_start_ms(&self) -> Option<u64> {
        self.recent(1).ok()?.first().map(|header| header.started_ms)
    }

    /// The headers of all executions, the latest start first; without inputs and created resources.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn headers(&self) -> Result<Vec<ExecutionHeader>, StoreError> {
        self.recent(usize::MAX)
    }

    /// The header of an execution without its input and created resources.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn summary(&self, id: &str) -> Result<Option<ExecutionHeader>, StoreError> {
        Ok(self
            .execution_and_start_record(id)?
            .map(|(execution_record, start_record)| execution_record.header(id, start_record)))
    }

    /// The execution record.
    pub(super) fn execution_record(&self, id: &str) -> Result<Option<ExecutionRecord<'static>>, StoreError> {
        let record = self.raw_execution_record(id)?;
        record.map(|(key, bytes)| codec::decode(&key, &bytes)).transpose()
    }

    /// Whether an execution has the records that only format 2 writes.
    pub(super) fn has_executions_of_format_2(&self) -> Result<bool, StoreError> {
        Ok(!self.records.scan(keys::STARTS_IN_FORMAT_2, None, 1)?.is_empty())
    }

    fn execution_and_start_record(
        &self,
        id: &str,
    ) -> Result<Option<(ExecutionRecord<'static>, StartRecord)>, StoreError> {
        let Some(execution_record) = self.execution_record(id)? else { return Ok(None) };
        let key = match &execution_record.began {
            Some((workflow, started_ms)) => keys::by_start(workflow, *started_ms, id),
            None => keys::start_in_format_2(id),
        };
        let missing = |key: &[u8]| codec::damaged(key, "it is missing".to_owned());
        let start_record = match self.read(&key)?.ok_or_else(|| missing(&key))? {
            StoredStart::Record(start_record) => *start_record,
            // It started in format 2 and has continued in a later one.
            StoredStart::DefinitionHash(_) => {
                self.read(&keys::start_in_format_2(id))?.ok_or_else(|| missing(&keys::start_in_format_2(id)))?
            }
        };
        Ok(Some((execution_record, start_record)))
    }

    /// The header of an execution with its input and created resources.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn header(&self, id: &str) -> Result<Option<ExecutionHeader>, StoreError> {
        match self.execution_and_start_record(id)? {
            Some((execution_record, start_record)) => self.header_of(id, execution_record, start_record).map(Some),
            None => Ok(None),
        }
    }

    /// Loads everything that is needed to continue an execution.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn load(&self, id: &str) -> Result<Option<StoredExecution>, StoreError> {
        let Some((mut execution_record, start_record)) = self.execution_and_start_record(id)? else { return Ok(None) };
        let frames = self.frames_below(id, execution_record.began.is_some(), execution_record.top.take())?;
        let definition_hash = start_record.definition.clone();
        Ok(Some(StoredExecution {
            header: self.header_of(id, execution_record, start_record)?,
            definition_hash,
            frames,
        }))
    }

    /// As [`Store::load`], while a runner may write: all records are of one commit.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn load_consistent(&self, id: &str) -> Result<Option<StoredExecution>, StoreError> {
        self.at_one_moment(id, || self.load(id))
    }

    /// Reads several records of one commit: repeats the read if a turn was committed during it. Otherwise a value that the turn
    /// deleted would be reported as damage.
    pub(super) fn at_one_moment<T>(&self, id: &str, read: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut before = self.raw_execution_record(id)?;
        for _ in 0..READS_MAX {
            let found = read();
            let after = self.raw_execution_record(id)?;
            if after == before {
                return found;
            }
            before = after;
        }
        read()
    }

    /// The record that every turn of an execution rewrites.
    fn raw_execution_record(&self, id: &str) -> Result<Option<Record>, StoreError> {
        for key in self.keys_of_every_format(id) {
            if let Some(bytes) = self.records.get(&key)? {
                return Ok(Some((key, bytes)));
            }
        }
        Ok(None)
    }

    fn header_of(
        &self,
        id: &str,
        execution_record: ExecutionRecord<'_>,
        start_record: StartRecord,
    ) -> Result<ExecutionHeader, StoreError> {
        let is_apart = start_record.input.is_none();
        let early_signals = self.early_signals(id, &execution_record.early_signals)?;
        let mut header = execution_record.header(id, start_record);
        if is_apart && let Some(input) = self.read::<Value>(&keys::input(id))? {
            header.input = Arc::new(input);
        }
        header.early_signals = Arc::new(early_signals);
        let prefix = keys::all_created(id);
        let created = self.records.scan(&prefix, None, usize::MAX)?;
        let read = |(key, bytes): &Record| {
            let name = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
            // Earlier formats have no timestamp: treat it as 0.
            Ok((name, codec::decode::<Option<u64>>(key, bytes)?.unwrap_or_default()))
        };
        header.created = Arc::new(created.iter().map(read).collect::<Result<BTreeMap<_, _>, StoreError>>()?);
        Ok(header)
    }

    fn early_signals(&self, id: &str, numbers: &[u64]) -> Result<Vec<EarlySignal>, StoreError> {
        let read = |number: &u64| {
            let key = keys::early_signal(id, *number);
            self.read(&key)?.ok_or_else(|| codec::damaged(&key, "it is missing".to_owned()))
        };
        numbers.iter().map(read).collect()
    }

    /// The pinned definition of an execution, and its hash.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn definition(&self, id: &str) -> Result<Option<(String, Value)>, StoreError> {
        let Some((_, start_record)) = self.execution_and_start_record(id)? else { return Ok(None) };
        let hash = start_record.definition;
        let definition = self.read(&keys::definition(&hash))?;
        Ok(definition.map(|definition| (hash, definition)))
    }

    /// The journal of an execution from a sequence on, at most `limit` entries.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn entries(&self, id: &str, from_sequence: u64, limit: usize) -> Result<Vec<JournalEntry>, StoreError> {
        self.read_entries(&keys::entries(id), &keys::entry(id, from_sequence), from_sequence, limit)
    }

    /// The entries of a journal under a prefix from a sequence on, at most `limit`. Reads few records more than it needs.
    pub(super) fn read_entries(
        &self,
        prefix: &[u8],
        from_key: &[u8],
        from_sequence: u64,
        limit: usize,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        let mut entries: Vec<JournalEntry> = Vec::new();
        let (mut next, mut step) = (from_key.to_vec(), ENTRY_RECORDS_MIN);
        while entries.len() < limit {
            // A record has at least one entry. Its key has the sequence of the last one.
            let wanted = step.min(limit - entries.len());
            let records = self.records.scan(prefix, Some(&next), wanted)?;
            for (key, bytes) in &records {
                let Entries(turn) = codec::decode(key, bytes)?;
                entries.extend(turn.into_iter().filter(|entry| entry.sequence >= from_sequence));
                if entries.len() >= limit {
                    break;
                }
            }
            let Some((last, _)) = records.last().filter(|_| records.len() == wanted) else { break };
            next = [&last[..], b"\0"].concat();
            step = (step * 2).min(RECORDS_AT_ONCE);
        }
        entries.truncate(limit);
        Ok(entries)
    }
}

fn started(key: &[u8]) -> Result<(&str, u64, &str), StoreError> {
    keys::start_of(key).ok_or_else(|| codec::damaged(key, "it names no execution".to_owned()))
}
