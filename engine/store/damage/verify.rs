//! Verifies a store: the checksum and version of every record, and that records which belong together exist.

use std::collections::BTreeMap;

use crate::{
    journal::Entries,
    machine::{EarlySignal, ExecutionHeader, ExecutionStatus},
    store::{
        Record, Store, StoreError, StoredExecution, codec,
        execution_records::{ExecutionRecord, StartRecord, StoredStart, WakeRecord},
        frames::StoredFrame,
        keys::{self, RecordKind},
        records::scan_pages,
    },
};

/// The result of a verification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// The number of records.
    pub records: usize,
    /// The number of executions.
    pub executions: usize,
    /// The number of executions that have not ended.
    pub active: usize,
    /// The problems, each with the key of its record.
    pub problems: Vec<StoreError>,
}

impl Store {
    /// Reads all records. Damage is a finding, not an error.
    pub fn verify(&self) -> Findings {
        let mut findings = Findings::default();
        if let Err(problem) = self.verify_all(&mut findings) {
            findings.problems.push(problem);
        }
        findings
    }

    fn verify_all(&self, findings: &mut Findings) -> Result<(), StoreError> {
        findings.problems = self.records.scrub()?;
        // A record that names each id.
        let mut ids = BTreeMap::new();
        scan_pages(self.records.as_ref(), &[], |records| {
            findings.records += records.len();
            findings.active += records.iter().filter(|(key, _)| keys::kind(key) == RecordKind::Wake).count();
            findings.problems.extend(records.iter().filter_map(|record| verify_record(record).err()));
            let listed = records.iter().filter(|(key, _)| keys::kind(key) == RecordKind::Listing);
            findings.problems.extend(listed.filter_map(|(key, _)| self.verify_listing(key).err()));
            let named = |(key, _): &Record| Some((keys::execution(key)?.to_owned(), key.clone()));
            ids.extend(records.iter().filter_map(named));
            Ok(())
        })?;
        findings.executions = ids.len();
        findings.problems.extend(ids.iter().filter_map(|(id, key)| self.verify_execution(id, key).err()));
        Ok(())
    }

    /// Verifies that an execution can be continued: its records are complete and its journal has no gap.
    fn verify_execution(&self, id: &str, found_at: &[u8]) -> Result<(), StoreError> {
        let header = self.at_one_moment(id, || self.verify_records(id, found_at))?;
        let Some(header) = header else { return Ok(()) };
        let missing = |key: Vec<u8>| codec::damaged(&key, "it is missing".to_owned());
        let mut entries = self.entries(id, 1, usize::MAX)?;
        // Entries of later turns do not belong to this header.
        entries.retain(|entry| entry.sequence <= header.last_sequence);
        let gap = entries.iter().zip(1..).find(|(entry, sequence)| entry.sequence != *sequence);
        let end = entries.len() as u64;
        match gap {
            Some((_, sequence)) => Err(missing(keys::entry(id, sequence))),
            None if end != header.last_sequence => Err(missing(keys::entry(id, end + 1))),
            None => Ok(()),
        }
    }

    /// Verifies everything but the journal. Returns the header, or `None` if the execution was deleted during the verification.
    fn verify_records(&self, id: &str, found_at: &[u8]) -> Result<Option<ExecutionHeader>, StoreError> {
        if !self.exists(id)? && self.records.get(found_at)?.is_none() {
            return Ok(None);
        }
        let missing = |key: Vec<u8>| codec::damaged(&key, "it is missing".to_owned());
        let StoredExecution { header, definition_hash, frames } =
            self.load(id)?.ok_or_else(|| missing(keys::execution_record(id)))?;
        let definition = keys::definition(&definition_hash);
        self.records.get(&definition)?.ok_or_else(|| missing(definition))?;
        if header.status == ExecutionStatus::Running && self.records.get(&keys::active(id))?.is_none() {
            return Err(missing(keys::active(id)));
        }
        if header.status == ExecutionStatus::Running && frames.is_empty() {
            return Err(missing(keys::frames(id)));
        }
        // A salvaged store keeps its format. Earlier formats have no index for lists.
        let has_lists = self.read::<u32>(keys::FORMAT).is_ok_and(|format| format == Some(codec::FORMAT));
        if has_lists && !self.is_listed(&header)? {
            return Err(missing(Store::listing_key(&header)));
        }
        let parentless =
            frames.iter().find(|row| row.parent.is_some_and(|parent| !frames.iter().any(|f| f.id == parent)));
        if let Some(row) = parentless {
            return Err(codec::damaged(&keys::frame(id, row.id), "the frame above it is missing".to_owned()));
        }
        Ok(Some(header))
    }
}

/// Decodes a record as its key says.
fn verify_record((key, bytes): &Record) -> Result<(), StoreError> {
    match keys::kind(key) {
        RecordKind::Checkpoint => Ok(()),
        RecordKind::Execution => codec::decode::<ExecutionRecord<'_>>(key, bytes).map(drop),
        RecordKind::Wake => codec::decode::<WakeRecord<'_>>(key, bytes).map(drop),
        RecordKind::Origin => codec::decode::<StartRecord>(key, bytes).map(drop),
        RecordKind::EarlySignal => codec::decode::<EarlySignal>(key, bytes).map(drop),
        RecordKind::Entries => codec::decode::<Entries>(key, bytes).map(drop),
        RecordKind::Start => codec::decode::<StoredStart>(key, bytes).map(drop),
        RecordKind::Frame => codec::decode::<StoredFrame<'_>>(key, bytes).map(drop),
        RecordKind::Format
        | RecordKind::Input
        | RecordKind::Definition
        | RecordKind::Listing
        | RecordKind::Part
        | RecordKind::Created
        | RecordKind::MapRun
        | RecordKind::MapRunByUuid
        | RecordKind::Child
        | RecordKind::ChildEntries
        | RecordKind::Document
        | RecordKind::Unknown => codec::json(key, bytes).map(drop),
    }
}
