//! Reads and writes map runs and child executions: a record for each of them, and a record for each turn of a child execution with
//! the entries that the turn added to its history. None of this is needed to continue an execution; API operations read it.

use serde::{Deserialize, Serialize};

use super::{Batch, Store, StoreError, codec, keys, records::Record, write::RECORD_ENTRIES_MAX};
use crate::{
    journal::{JournalEntry, write_entries},
    machine::{Child, ChildId, MapRun, MapRunChanges, uuid_prefix},
};

/// Numbers in a block, which is one read, differ in the last byte only.
const BLOCK_BITS: u32 = 8;
/// Frames and map runs share their numbers. A range of this many numbers without a map run is skipped.
const SKIPPED_BITS: u32 = 16;

/// The execution and the number of a map run. Its key is the prefix that the UUIDs of the run and of its child executions share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapRunByUuid {
    /// The execution.
    pub execution: String,
    /// The map run's number.
    pub number: u64,
}

pub(super) fn put(batch: &mut Batch, id: &str, changes: &MapRunChanges) -> Result<(), StoreError> {
    let mut put = |key: Vec<u8>, bytes: Result<Vec<u8>, StoreError>| bytes.map(|bytes| batch.put(key, bytes));
    for run in &changes.runs {
        let key = keys::map_run(id, run.number);
        put(key.clone(), codec::encode(&key, run))?;
        if changes.begun.contains(&run.number) {
            let key = keys::map_run_by_uuid(run.uuid_prefix());
            let by_uuid = MapRunByUuid { execution: id.to_owned(), number: run.number };
            put(key.clone(), codec::encode(&key, &by_uuid))?;
        }
    }
    for child in &changes.children {
        let key = keys::child(id, child.id);
        put(key.clone(), codec::encode(&key, child))?;
    }
    for of in &changes.entries {
        for entries in of.entries.chunks(RECORD_ENTRIES_MAX) {
            let Some(last) = entries.last() else { continue };
            let key = keys::child_entry(id, of.id, last.sequence);
            put(key.clone(), codec::encode_written(&key, |json| write_entries(entries, json)))?;
        }
    }
    Ok(())
}

impl Store {
    /// The map runs of an execution and of its child executions, the latest first.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn map_runs(&self, id: &str) -> Result<Vec<MapRun>, StoreError> {
        let found = self.records.scan(&keys::map_runs(id), None, usize::MAX)?;
        found.iter().rev().map(|(key, bytes)| codec::decode(key, bytes)).collect()
    }

    /// The map runs of an execution and of its child executions with a number below `before`, the latest first, at most `limit`.
    /// The cost does not depend on the number of map runs.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn map_runs_before(&self, id: &str, before: u64, limit: usize) -> Result<Vec<MapRun>, StoreError> {
        let (mut found, mut before) = (Vec::new(), before);
        while found.len() < limit && before > 0 {
            let last = before - 1;
            if !self.has_map_runs(id, last >> SKIPPED_BITS)? {
                before = last >> SKIPPED_BITS << SKIPPED_BITS;
                continue;
            }
            let block = keys::map_runs_sharing(id, last, BLOCK_BITS);
            let records = self.records.scan(&block, None, 1 << BLOCK_BITS)?;
            let runs = records.iter().map(|(key, bytes)| codec::decode(key, bytes));
            let mut runs: Vec<MapRun> = runs.collect::<Result<_, _>>()?;
            runs.retain(|run| run.number < before);
            found.extend(runs.into_iter().rev());
            before = last >> BLOCK_BITS << BLOCK_BITS;
        }
        found.truncate(limit);
        Ok(found)
    }

    /// Whether an execution has a map run whose number has these upper bits.
    fn has_map_runs(&self, id: &str, first_bits: u64) -> Result<bool, StoreError> {
        let prefix = keys::map_runs_sharing(id, first_bits << SKIPPED_BITS, SKIPPED_BITS);
        Ok(!self.records.scan(&prefix, None, 1)?.is_empty())
    }

    /// A map run by its number.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn map_run_numbered(&self, id: &str, number: u64) -> Result<Option<MapRun>, StoreError> {
        self.read(&keys::map_run(id, number))
    }

    /// A map run and its execution, by its UUID or by that of a child execution.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn map_run(&self, uuid: &str) -> Result<Option<(String, MapRun)>, StoreError> {
        let Some(prefix) = uuid_prefix(uuid) else { return Ok(None) };
        let found: Option<MapRunByUuid> = self.read(&keys::map_run_by_uuid(prefix))?;
        let Some(MapRunByUuid { execution, number }) = found else { return Ok(None) };
        Ok(self.map_run_numbered(&execution, number)?.map(|run| (execution, run)))
    }

    /// A child execution.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn child(&self, id: &str, child: ChildId) -> Result<Option<Child>, StoreError> {
        self.read(&keys::child(id, child))
    }

    /// The child executions of a map run, the latest first, at most `limit`, only those after the index `after`.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn children(&self, id: &str, run: u64, after: Option<u64>, limit: usize) -> Result<Vec<Child>, StoreError> {
        let from = after.map(|index| [&keys::child(id, ChildId { run, index })[..], b"\0"].concat());
        let found = self.records.scan(&keys::children(id, run), from.as_deref(), limit)?;
        found.iter().map(|(key, bytes)| codec::decode(key, bytes)).collect()
    }

    /// The history of a child execution from a sequence on, at most `limit` entries.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn child_entries(
        &self,
        id: &str,
        child: ChildId,
        from_sequence: u64,
        limit: usize,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        let from = keys::child_entry(id, child, from_sequence);
        self.read_entries(&keys::child_entries(id, child), &from, from_sequence, limit)
    }

    /// Deletes the map runs of an execution.
    pub(super) fn delete_map_runs(&self, batch: &mut Batch, id: &str) -> Result<(), StoreError> {
        let delete = |(key, _): Record, batch: &mut Batch| batch.delete(key);
        for run in self.map_runs(id)? {
            batch.delete(keys::map_run_by_uuid(run.uuid_prefix()));
        }
        for prefix in [keys::map_runs(id), keys::all_children(id), keys::all_child_entries(id)] {
            let records = self.records.scan(&prefix, None, usize::MAX)?;
            records.into_iter().for_each(|record| delete(record, batch));
        }
        Ok(())
    }
}
