//! The readable records of a store that cannot be opened.

use std::{io, path::Path};

use crate::store::{
    Batch, DiskIndex, MemoryRecords, Records, StoreError, batch_codec, commit_log,
    logged::{
        LOG_NAMES, checkpoint, log_files,
        memtable::{self, Memtable},
    },
    mirror::{Mirror, MirroredIndex},
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
        let opened = DiskIndex::open(folder).and_then(|index| MirroredIndex::open(folder, index));
        let index: Box<dyn Records> = match opened {
            Ok(index) => index.into_records(),
            Err(problem) => {
                problems.push(problem);
                Box::new(mirrored(folder, &mut problems))
            }
        };
        let (records, _) = Self::over(index, folder, &mut problems)?;
        Ok((records, problems))
    }

    /// All records in a folder, from the mirror and the log. The index is not opened, because that writes.
    ///
    /// # Errors
    /// A record is missing or unreadable, or the files cannot be read.
    pub fn complete(folder: &Path) -> Result<Self, StoreError> {
        let mut problems = Vec::new();
        let index = mirrored(folder, &mut problems);
        let is_missing = index.scan(&[], None, 1)?.is_empty();
        let (records, has_log) = Self::over(Box::new(index), folder, &mut problems)?;
        let is_used = |name: &&str| folder.join(name).metadata().is_ok_and(|found| found.len() > 0);
        // A log that does not continue the mirror begins after changes that the mirror has lost.
        if is_missing || (!has_log && LOG_NAMES.iter().any(is_used)) {
            let message = format!("the mirror in {} is missing or not complete", folder.display());
            problems.push(StoreError::Read { message, kind: io::ErrorKind::NotFound });
        }
        problems.into_iter().next().map_or(Ok(records), Err)
    }

    /// An index with the readable changes of the log, and whether a log continues the index. `problems` receives the errors of what is not
    /// readable.
    fn over(
        index: Box<dyn Records>,
        folder: &Path,
        problems: &mut Vec<StoreError>,
    ) -> Result<(Self, bool), StoreError> {
        let checkpoint = checkpoint::last(index.as_ref()).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        let (found, damage) = commit_log::salvage(log_files(folder)?, checkpoint);
        problems.extend(damage);
        let mut memtable = Memtable::default();
        for (_, bytes) in found.iter().flat_map(commit_log::FoundFile::frames) {
            match batch_codec::decode(bytes, commit_log::NAME) {
                Ok(changes) => memtable.extend(changes),
                Err(problem) => problems.push(problem),
            }
        }
        Ok((SalvagedRecords { index, memtable }, !found.is_empty()))
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
        Err(StoreError::not_written("it was opened to be read only"))
    }
}
