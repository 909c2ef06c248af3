//! Executions as they stand in the store.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BinaryHeap, VecDeque},
    sync::Arc,
};

use serde_json::Value;

use super::{
    Store, StoreError, codec, keys,
    records::{RECORDS_AT_ONCE, Record},
    standing::{Beginning, Begun, Standing, Waking},
};
use crate::{
    journal::{Entries, JournalEntry},
    machine::{EarlySignal, ExecutionHeader, FrameRow},
};

/// How many records of a journal are read first: most turns have several entries.
const ENTRY_RECORDS_MIN: usize = 16;
/// How many executions of a workflow are read at least for a list of all workflows' executions.
const LISTED_MIN: usize = 16;
/// How often records that are being written are read again, until none was written meanwhile.
const READS_MAX: usize = 200;

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

/// An execution as a process takes it up.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Its header, with its input and what it created.
    pub header: ExecutionHeader,
    /// The hash of its definition.
    pub definition_hash: String,
    /// Its frames.
    pub frames: Vec<FrameRow>,
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
            let Waking { subject, awake, next_wake_ms } = codec::decode(&key, &bytes)?;
            let subject = subject.map(Cow::into_owned);
            let id = String::from_utf8_lossy(&key[keys::ACTIVE.len()..]).into_owned();
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
        let prefix = keys::of_workflow(workflow);
        let behind = |key: &[u8]| [key, b"\0"].concat();
        let mut from = after.map(|after| behind(&keys::by_start(&after.workflow, after.started_ms, &after.id)));
        let mut listed = Vec::new();
        while listed.len() < limit {
            let records = self.records.scan(&prefix, from.as_deref(), RECORDS_AT_ONCE.min(limit - listed.len()))?;
            let Some((last, _)) = records.last() else { break };
            from = Some(behind(last));
            for (key, _) in &records {
                let (workflow, started_ms, id) = started(key)?;
                listed.push(Listed { id: id.to_owned(), workflow: workflow.to_owned(), started_ms });
            }
        }
        Ok(listed)
    }

    /// The headers of the executions begun last, those first, at most `limit`; without inputs and what was created.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn latest(&self, limit: usize) -> Result<Vec<ExecutionHeader>, StoreError> {
        self.latest_until(None, limit)
    }

    /// Like [`Store::latest`], only those that began at `until_ms` or earlier.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn latest_until(&self, until_ms: Option<u64>, limit: usize) -> Result<Vec<ExecutionHeader>, StoreError> {
        let at_once = limit.div_ceil(8).clamp(LISTED_MIN, RECORDS_AT_ONCE);
        // The next executions of each workflow; the heap has the first of each.
        let mut lists = Vec::new();
        let mut firsts = BinaryHeap::new();
        for workflow in self.workflows()? {
            // No id is empty: every execution that began at that time is behind this place.
            let after = until_ms.map(|started_ms| Listed { id: String::new(), workflow: workflow.clone(), started_ms });
            let list = VecDeque::from(self.listed(&workflow, after.as_ref(), at_once)?);
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
                list.extend(self.listed(&first.workflow, Some(&first), at_once)?);
            }
            firsts.extend(list.front().map(|first| (first.started_ms, first.id.clone(), number)));
            latest.push(first);
        }
        latest.sort_by(|a, b| (b.started_ms, &b.id).cmp(&(a.started_ms, &a.id)));
        let headers = latest.iter().filter_map(|listed| self.summary(&listed.id).transpose());
        headers.collect()
    }

    /// When the execution begun last was started, in milliseconds since the Unix epoch; `None` where there is none, or it cannot be
    /// read.
    pub fn latest_start_ms(&self) -> Option<u64> {
        self.latest(1).ok()?.first().map(|header| header.started_ms)
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
        Ok(self.standing_and_beginning(id)?.map(|(standing, beginning)| standing.header(id, beginning)))
    }

    /// How an execution stands.
    pub(super) fn standing(&self, id: &str) -> Result<Option<Standing<'static>>, StoreError> {
        let record = self.standing_record(id)?;
        record.map(|(key, bytes)| codec::decode(&key, &bytes)).transpose()
    }

    /// Whether an execution has the records that only format 2 writes.
    pub(super) fn has_executions_of_format_2(&self) -> Result<bool, StoreError> {
        Ok(!self.records.scan(keys::ORIGINS, None, 1)?.is_empty())
    }

    fn standing_and_beginning(&self, id: &str) -> Result<Option<(Standing<'static>, Beginning)>, StoreError> {
        let Some(standing) = self.standing(id)? else { return Ok(None) };
        let key = match &standing.began {
            Some((workflow, started_ms)) => keys::by_start(workflow, *started_ms, id),
            None => keys::origin(id),
        };
        let missing = |key: &[u8]| codec::damaged(key, "it is missing".to_owned());
        let beginning = match self.read(&key)?.ok_or_else(|| missing(&key))? {
            Begun::With(beginning) => *beginning,
            // It began in format 2 and has gone on since.
            Begun::Elsewhere(_) => self.read(&keys::origin(id))?.ok_or_else(|| missing(&keys::origin(id)))?,
        };
        Ok(Some((standing, beginning)))
    }

    /// One execution's header, with its input and what it created.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn header(&self, id: &str) -> Result<Option<ExecutionHeader>, StoreError> {
        match self.standing_and_beginning(id)? {
            Some((standing, beginning)) => self.header_of(id, standing, beginning).map(Some),
            None => Ok(None),
        }
    }

    /// All that is needed to go on with an execution.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn kept(&self, id: &str) -> Result<Option<Kept>, StoreError> {
        let Some((mut standing, beginning)) = self.standing_and_beginning(id)? else { return Ok(None) };
        let frames = self.frames_below(id, standing.began.is_some(), standing.top.take())?;
        let definition_hash = beginning.definition.clone();
        Ok(Some(Kept { header: self.header_of(id, standing, beginning)?, definition_hash, frames }))
    }

    /// The same, while a runner may be writing: all of it as of one moment.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn kept_beside_a_writer(&self, id: &str) -> Result<Option<Kept>, StoreError> {
        self.at_one_moment(id, || self.kept(id))
    }

    /// Reads several records of an execution as of one moment: again, where a turn was committed meanwhile. Without this a value that
    /// the turn deleted would be taken for damage.
    pub(super) fn at_one_moment<T>(&self, id: &str, read: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut before = self.standing_record(id)?;
        for _ in 0..READS_MAX {
            let found = read();
            let after = self.standing_record(id)?;
            if after == before {
                return found;
            }
            before = after;
        }
        read()
    }

    /// The record that every turn of an execution rewrites.
    fn standing_record(&self, id: &str) -> Result<Option<Record>, StoreError> {
        for key in self.keys_of_every_format(id) {
            if let Some(bytes) = self.records.get(&key)? {
                return Ok(Some((key, bytes)));
            }
        }
        Ok(None)
    }

    fn header_of(&self, id: &str, standing: Standing<'_>, beginning: Beginning) -> Result<ExecutionHeader, StoreError> {
        let is_apart = beginning.input.is_none();
        let early_signals = self.early_signals(id, &standing.early_signals)?;
        let mut header = standing.header(id, beginning);
        if is_apart && let Some(input) = self.read::<Value>(&keys::input(id))? {
            header.input = Arc::new(input);
        }
        header.early_signals = Arc::new(early_signals);
        let prefix = keys::all_created(id);
        let created = self.records.scan(&prefix, None, usize::MAX)?;
        let read = |(key, bytes): &Record| {
            let name = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
            // Stores of earlier versions do not say when: long ago.
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

    /// The definition that an execution was started with, and its hash.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn definition(&self, id: &str) -> Result<Option<(String, Value)>, StoreError> {
        let Some((_, beginning)) = self.standing_and_beginning(id)? else { return Ok(None) };
        let hash = beginning.definition;
        let definition = self.read(&keys::definition(&hash))?;
        Ok(definition.map(|definition| (hash, definition)))
    }

    /// An execution's journal from a sequence on, at most `limit` entries.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn entries(&self, id: &str, from_sequence: u64, limit: usize) -> Result<Vec<JournalEntry>, StoreError> {
        self.read_entries(&keys::entries(id), &keys::entry(id, from_sequence), from_sequence, limit)
    }

    /// The entries of a journal under a prefix from a sequence on, at most `limit`. Reads few records more than hold them.
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
            // A record holds at least one entry, and its key has the last of them.
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
    keys::started(key).ok_or_else(|| codec::damaged(key, "it names no execution".to_owned()))
}
