//! Looking a whole store through: every record's checksum and version, and that what belongs together is there.

use std::collections::BTreeMap;

use super::{
    Kept, Record, Store, StoreError, codec,
    frames::StoredFrame,
    keys,
    records::all_in_parts,
    standing::{Beginning, Begun, Standing, Waking},
};
use crate::{
    journal::Entries,
    machine::{EarlySignal, ExecutionHeader, ExecutionStatus},
};

/// What a look through a store found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// How many records there are.
    pub records: usize,
    /// How many executions.
    pub executions: usize,
    /// How many of them have not ended.
    pub active: usize,
    /// What is wrong, each with the key of its record.
    pub problems: Vec<StoreError>,
}

impl Store {
    /// Reads everything; what is damaged is among the findings.
    pub fn verify(&self) -> Findings {
        let mut findings = Findings::default();
        if let Err(problem) = self.verify_all(&mut findings) {
            findings.problems.push(problem);
        }
        findings
    }

    fn verify_all(&self, findings: &mut Findings) -> Result<(), StoreError> {
        findings.problems = self.records.examine()?;
        // By id, a record that names it.
        let mut ids = BTreeMap::new();
        all_in_parts(self.records.as_ref(), &[], |records| {
            findings.records += records.len();
            findings.active += records.iter().filter(|(key, _)| key.starts_with(keys::ACTIVE)).count();
            findings.problems.extend(records.iter().filter_map(|record| whole(record).err()));
            let listed = records.iter().filter(|(key, _)| key.starts_with(keys::LISTED));
            findings.problems.extend(listed.filter_map(|(key, _)| self.verify_listing(key).err()));
            let named = |(key, _): &Record| Some((keys::execution(key)?.to_owned(), key.clone()));
            ids.extend(records.iter().filter_map(named));
            Ok(())
        })?;
        findings.executions = ids.len();
        findings.problems.extend(ids.iter().filter_map(|(id, key)| self.verify_execution(id, key).err()));
        Ok(())
    }

    /// That an execution can be continued: its records are complete and its journal has no gap.
    fn verify_execution(&self, id: &str, found_at: &[u8]) -> Result<(), StoreError> {
        let header = self.at_one_moment(id, || self.verify_records(id, found_at))?;
        let Some(header) = header else { return Ok(()) };
        let missing = |key: Vec<u8>| codec::damaged(&key, "it is missing".to_owned());
        let mut entries = self.entries(id, 1, usize::MAX)?;
        // What was written since belongs to a later moment.
        entries.retain(|entry| entry.sequence <= header.last_sequence);
        let gap = entries.iter().zip(1..).find(|(entry, sequence)| entry.sequence != *sequence);
        let end = entries.len() as u64;
        match gap {
            Some((_, sequence)) => Err(missing(keys::entry(id, sequence))),
            None if end != header.last_sequence => Err(missing(keys::entry(id, end + 1))),
            None => Ok(()),
        }
    }

    /// Verifies all but the journal; answers with the header, `None` where the execution was forgotten meanwhile.
    fn verify_records(&self, id: &str, found_at: &[u8]) -> Result<Option<ExecutionHeader>, StoreError> {
        if !self.exists(id)? && self.records.get(found_at)?.is_none() {
            return Ok(None);
        }
        let missing = |key: Vec<u8>| codec::damaged(&key, "it is missing".to_owned());
        let Kept { header, definition_hash, frames } = self.kept(id)?.ok_or_else(|| missing(keys::standing(id)))?;
        let definition = keys::definition(&definition_hash);
        self.records.get(&definition)?.ok_or_else(|| missing(definition))?;
        if header.status == ExecutionStatus::Running && self.records.get(&keys::active(id))?.is_none() {
            return Err(missing(keys::active(id)));
        }
        if header.status == ExecutionStatus::Running && frames.is_empty() {
            return Err(missing(keys::frames(id)));
        }
        // Salvaged stores keep their format: earlier formats have no index for lists.
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

/// Whether a record is what its key says it is.
fn whole((key, bytes): &Record) -> Result<(), StoreError> {
    match key.get(..2) {
        // The checkpoint's number.
        Some(b"m/") if key.as_slice() != keys::FORMAT => Ok(()),
        Some(b"s/" | b"h/") => codec::decode::<Standing<'_>>(key, bytes).map(drop),
        Some(b"a/") => codec::decode::<Waking<'_>>(key, bytes).map(drop),
        Some(b"o/") => codec::decode::<Beginning>(key, bytes).map(drop),
        Some(b"e/") => codec::decode::<EarlySignal>(key, bytes).map(drop),
        Some(b"j/") => codec::decode::<Entries>(key, bytes).map(drop),
        Some(b"t/") => codec::decode::<Begun>(key, bytes).map(drop),
        Some(b"f/") if is_row(key) => codec::decode::<StoredFrame<'_>>(key, bytes).map(drop),
        _ => codec::json(key, bytes).map(drop),
    }
}

/// A part has a byte more than its frame.
fn is_row(key: &[u8]) -> bool {
    let id_ends = key.iter().position(|byte| *byte == 0);
    id_ends.is_some_and(|end| key.len() == end + 1 + 8)
}
