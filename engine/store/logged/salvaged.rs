//! Records of a store that cannot be opened, as far as they can be read.

use std::path::Path;

use super::{checkpoint, log_files, overlay, overlay::Overlay};
use crate::store::{Batch, MemoryRecords, Mirror, Records, SledRecords, StoreError, log, payload, records::Record};

/// Read, never written.
pub(in crate::store) struct SalvagedRecords {
    place: Box<dyn Records>,
    overlay: Overlay,
}

impl SalvagedRecords {
    /// What can be read in a folder, and what is wrong with the rest.
    ///
    /// # Errors
    /// The folder's files cannot be opened at all.
    pub fn open(folder: &Path) -> Result<(Self, Vec<StoreError>), StoreError> {
        let mut problems = Vec::new();
        let place: Box<dyn Records> = match SledRecords::open(folder) {
            Ok(place) => Box::new(place),
            Err(problem) => {
                problems.push(problem);
                Box::new(mirrored(folder, &mut problems))
            }
        };
        let checkpoint = checkpoint::last(place.as_ref()).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        let (found, damage) = log::salvage(log_files(folder)?, checkpoint);
        problems.extend(damage);
        let mut overlay = Overlay::default();
        for (_, bytes) in found.iter().flat_map(log::FoundFile::frames) {
            match payload::decode(bytes) {
                Ok(changes) => overlay.extend(changes),
                Err(problem) => problems.push(problem),
            }
        }
        Ok((SalvagedRecords { place, overlay }, problems))
    }
}

/// What the mirror has: in memory, because where it lies nothing is to be written any more.
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
        self.overlay.get(key).map_or_else(|| self.place.get(key), Ok)
    }

    fn scan(&self, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        let changes = self.overlay.range(prefix, from.unwrap_or(prefix), limit);
        overlay::scan_under(changes, self.place.as_ref(), prefix, from, limit)
    }

    fn commit(&self, _batch: Batch) -> Result<(), StoreError> {
        Err(StoreError::not_written("a store that is damaged is only read"))
    }
}
