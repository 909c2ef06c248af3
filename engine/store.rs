//! Durable data. A [`Store`] writes everything that a group of transitions changed in one durable batch, and reads it back.
//!
//! The records are in any sorted map with a durable batch ([`Records`]): in memory a map ([`MemoryRecords`]), on disk a commit log in front
//! of an index and its mirror ([`LoggedRecords`]). The index is any [`Index`]. One conformance suite tests them all.

mod batch_codec;
mod close;
mod codec;
mod commit_log;
mod compact;
mod damage;
mod delete;
mod documents;
mod error;
mod execution_records;
mod executions;
mod folder;
mod frames;
mod free_space;
mod id;
mod keys;
mod listing;
mod lock;
mod logged;
mod lookup;
mod map_runs;
mod memory;
mod mirror;
#[cfg(test)]
mod one_file;
mod records;
mod sled_records;
#[cfg(test)]
mod tests;
mod transfer;
mod write;

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use commit_log::{DiskFile, LogFile, synchronizations};
pub use compact::compact;
pub use damage::{Findings, rebuild};
pub use documents::DocumentChanges;
pub use error::StoreError;
pub use executions::{Active, StartPosition, StoredExecution};
pub use folder::complete_replacement;
pub use free_space::{check_free_space, lacks_room};
pub use id::{ExecutionId, InvalidId, is_name, name_problem};
pub use listing::{ListFilter, ListPosition};
pub use lock::{LockOwner, OwnerLock, refuse_shared};
pub use logged::LoggedRecords;
#[cfg(test)]
pub(crate) use logged::{ByHand, compact_by_hand, rebuild_by_hand};
pub use memory::MemoryRecords;
#[cfg(test)]
pub(crate) use mirror::MirrorFiles;
pub use records::{Batch, Change, ChangeRef, Index, Record, Records};
pub use sled_records::SledRecords;
pub use transfer::{EXPORT_VERSION, ExportLine, Exported, FIRST_VERSION_WITH_AN_END};
pub use write::{Definition, RECORD_ENTRIES_MAX, StartData, Write};

/// The index of a store on disk. Another one is a file that implements [`Index`] and has a function `open`, and is named here.
type DiskIndex = SledRecords;

/// The durable data of executions, and documents.
pub struct Store {
    records: Box<dyn Records>,
    /// The hashes of definitions that are certainly in the store.
    known_definitions: Mutex<HashSet<Arc<str>>>,
    document_versions: documents::DocumentVersions,
    /// Whether some executions have the records of format 2.
    has_format_2: bool,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// A store over records. Empty records get the format of this version.
    ///
    /// # Errors
    /// The records are of another format, or cannot be read or written.
    pub fn new(records: impl Records) -> Result<Self, StoreError> {
        let mut store = Store::over(Box::new(records));
        store.has_format_2 = store.has_executions_of_format_2()?;
        let Some(bytes) = store.records.get(keys::FORMAT)? else { return store.with_current_format() };
        // The format is read first, so its record is the same in every version.
        match serde_json::from_slice(bytes.get(5..).unwrap_or_default()) {
            Ok(codec::FORMAT) => Ok(store),
            Ok(found) if codec::EARLIER_FORMATS.contains(&found) => store.with_current_format(),
            Ok(found) => Err(StoreError::Format { found, known: codec::FORMAT }),
            Err(error) => Err(codec::damaged(keys::FORMAT, error.to_string())),
        }
    }

    fn over(records: Box<dyn Records>) -> Self {
        let (known_definitions, document_versions) = Default::default();
        Store { records, known_definitions, document_versions, has_format_2: true }
    }

    /// Converts the store to the current format. Writes the format's number last: a crash before that repeats the conversion.
    fn with_current_format(self) -> Result<Self, StoreError> {
        self.build_listings()?;
        let mut batch = Batch::default();
        batch.put(keys::FORMAT.to_vec(), codec::encode(keys::FORMAT, &codec::FORMAT)?);
        self.write(batch)?;
        Ok(self)
    }

    /// The readable part of a store that cannot be opened, and the errors of the rest. It refuses writes.
    ///
    /// # Errors
    /// Its files cannot be opened at all.
    pub fn salvage(folder: &Path) -> Result<(Self, Vec<StoreError>), StoreError> {
        let (records, problems) = damage::SalvagedRecords::open(folder)?;
        Ok((Store::over(Box::new(records)), problems))
    }

    /// Opens a store for reading only, from the mirror and the log: opening the index writes, for which a full disk has no room.
    ///
    /// # Errors
    /// A record is missing or unreadable, the records are of another format, or the files cannot be read.
    pub fn read_only(folder: &Path) -> Result<Self, StoreError> {
        let mut files = std::fs::read_dir(folder).map_err(|error| StoreError::open_error(folder, &error))?;
        // An empty folder is a new store whose creation failed because the disk is full.
        match files.next() {
            None => Store::new(MemoryRecords::new()),
            Some(_) => Store::new(damage::SalvagedRecords::complete(folder)?),
        }
    }

    /// Called when the dispatcher is idle: appends the acknowledgement marker without fsync.
    pub(crate) fn on_idle(&self) {
        self.records.on_idle();
    }

    /// Writes all committed changes to the index, so that the next opening has nothing to repeat.
    ///
    /// # Errors
    /// The records cannot be written. Committed changes stay durable.
    pub fn checkpoint(&self) -> Result<(), StoreError> {
        self.records.checkpoint(None)
    }

    /// Releases the store without its destructors: the process ends soon, and freeing memory takes time. Waits for the checkpoint in
    /// progress first: an interrupted checkpoint would start again at every opening.
    pub fn leave(self) {
        if self.records.wait_for_checkpoint().is_ok() {
            std::mem::forget(self);
        }
    }

    fn known_definitions(&self) -> MutexGuard<'_, HashSet<Arc<str>>> {
        self.known_definitions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a batch and returns when it is durable.
    fn write(&self, batch: Batch) -> Result<(), StoreError> {
        let kinds = documents::changed_kinds(&batch.changes);
        self.records.commit(batch)?;
        self.document_versions.count(kinds);
        Ok(())
    }

    fn read<T: serde::de::DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.records.get(key)?.map(|bytes| codec::decode(key, &bytes)).transpose()
    }
}
