//! The readable records of a store that cannot be opened.

use std::path::Path;

use crate::store::{
    Batch, DiskIndex, MemoryRecords, Mirror, Records, StoreError, batch_codec, commit_log,
    logged::{
        checkpoint, log_files,
        memtable::{self, Memtable},
    },
    records::Record,
};

/// Refuses writes.
pub(in crate::store) struct SalvagedRecords {
    index: Box<dyn Records>,
    memtable: Memtable,
}

impl SalvagedRecords {
    /// The readable records in a folder, and the errors of the rest.
    ///
    /// # Errors
    /// The folder's files cannot be opened at all.
    pub fn open(folder: &Path) -> Result<(Self, Vec<StoreError>), StoreError> {
        let mut problems = Vec::new();
        let index: Box<dyn Records> = match DiskIndex::open(folder) {
            Ok(index) => Box::new(index),
            Err(problem) => {
                problems.push(problem);
                Box::new(mirrored(folder, &mut problems))
            }
        };
        let checkpoint = checkpoint::last(index.as_ref()).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        let (found, damage) = commit_log::salvage(log_files(folder)?, checkpoint);
        problems.extend(damage);
        let mut memtable = Memtable::default();
        for (_, bytes) in found.iter().flat_map(commit_log::FoundFile::frames) {
            match batch_codec::decode(bytes) {
                Ok(changes) => memtable.extend(changes),
                Err(problem) => problems.push(problem),
            }
        }
        Ok((SalvagedRecords { index, memtable }, problems))
    }
}

/// The records of the mirror, in memory: the folder must not be written.
fn mirrored(folder: &Path, problems: &mut Vec<StoreError>) -> MemoryRecords {
    let records = MemoryRecords::new();
    let read = || match Mirror::found(folder)? {
        Some(mut mirror) => mirror.records(|change| records.commit(Batch { changes: vec![change] })),
        None => Ok(()),
    };
    problems.extend(read().err());
    records
}

impl Records for SalvagedRecords {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.memtable.get(key).map_or_else(|| self.index.get(key), Ok)
    }

    fn scan(&self, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        let changes = self.memtable.range(prefix, from.unwrap_or(prefix), limit);
        memtable::scan_under(changes, self.index.as_ref(), prefix, from, limit)
    }

    fn commit(&self, _batch: Batch) -> Result<(), StoreError> {
        Err(StoreError::not_written("a store that is damaged is only read"))
    }
}
