//! Executions as JSON lines, to move them to another store or another program.

use std::{collections::VecDeque, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Definition, DocumentChanges, Record, StartData, Store, StoreError, StoredExecution, Write, codec, keys,
    records::{RECORDS_AT_ONCE, scan_pages},
};
use crate::{
    journal::JournalEntry,
    machine::{EarlySignalChanges, ExecutionHeader, FrameRow, FrameWrite, Transition},
};

/// One line of an export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum ExportLine {
    /// The first line: the version of the format.
    Export {
        /// The version of the format. A program reads its own version and earlier ones.
        version: u32,
    },
    /// A complete execution.
    Execution(Box<Exported>),
    /// A document of the API: a state machine, an activity, the request of a start.
    Document {
        /// Its name.
        name: String,
        /// Its value.
        document: Value,
    },
    /// The last line. Without it the export is incomplete.
    End,
}

/// A complete execution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exported {
    /// Its header, with its input.
    pub header: ExecutionHeader,
    /// Its definition.
    pub definition: Value,
    /// Its frames.
    pub frames: Vec<FrameRow>,
    /// Its journal.
    pub entries: Vec<JournalEntry>,
}

impl Exported {
    /// Why this version cannot import the execution: an entry of a kind that only a later version has, and that it cannot write again.
    pub fn unknown_entry(&self) -> Option<String> {
        let entry = self.entries.iter().find(|entry| entry.content.is_unknown())?;
        let id = &self.header.id;
        Some(format!("entry {} of {id} is of a kind that this version does not know", entry.sequence))
    }
}

/// The version of the lines that this program writes. Version 2 added early signals and their notes, which readers of version 1 do
/// not know. Version 3 added the last line.
pub const EXPORT_VERSION: u32 = 3;

/// The first version whose exports have a last line.
pub const FIRST_VERSION_WITH_AN_END: u32 = 3;

/// The maximum number of documents in memory: one may be as long as an input.
const DOCUMENTS_AT_ONCE: usize = 64;

impl Store {
    /// A complete execution.
    ///
    /// # Errors
    /// There is no such execution, or one of its records cannot be read.
    pub fn export(&self, id: &str) -> Result<Exported, StoreError> {
        let missing = |key: Vec<u8>| move || codec::damaged(&key, "it is missing".to_owned());
        let StoredExecution { header, definition_hash, frames } =
            self.load_consistent(id)?.ok_or_else(missing(keys::execution_record(id)))?;
        let key = keys::definition(&definition_hash);
        let definition = self.read(&key)?.ok_or_else(missing(key))?;
        // Entries of later turns do not belong to this header.
        let mut entries = self.entries(id, 1, usize::MAX)?;
        entries.retain(|entry| entry.sequence <= header.last_sequence);
        Ok(Exported { header, definition, frames, entries })
    }

    /// The ids of all executions, also of those with damaged records.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn ids(&self) -> Result<Vec<String>, StoreError> {
        let mut ids = Vec::new();
        scan_pages(self.records.as_ref(), keys::BY_START, |records| {
            ids.extend(records.iter().filter_map(|(key, _)| keys::execution(key).map(str::to_owned)));
            Ok(())
        })?;
        Ok(ids)
    }

    /// As [`Store::ids`], read in pages. A failure to read the records is the last item.
    pub fn each_id(self: Arc<Self>) -> impl Iterator<Item = Result<String, StoreError>> + Send + 'static {
        let id = |(key, _): Record| keys::execution(&key).map(str::to_owned);
        self.each_record(keys::BY_START.to_vec(), RECORDS_AT_ONCE).filter_map(move |read| read.map(id).transpose())
    }

    /// All documents, read in pages; an error for each that cannot be read. A failure to read the records is the last item.
    pub fn each_document(self: Arc<Self>) -> impl Iterator<Item = Result<ExportLine, StoreError>> + Send + 'static {
        let prefix = keys::document("");
        let skipped = prefix.len();
        self.each_record(prefix, DOCUMENTS_AT_ONCE).map(move |read| {
            let (key, bytes) = read?;
            let name = String::from_utf8_lossy(&key[skipped..]).into_owned();
            codec::decode(&key, &bytes).map(|document| ExportLine::Document { name, document })
        })
    }

    /// The records under a prefix, read in pages of `at_once`.
    fn each_record(
        self: Arc<Self>,
        prefix: Vec<u8>,
        at_once: usize,
    ) -> impl Iterator<Item = Result<Record, StoreError>> + Send + 'static {
        let (mut from, mut page) = (Some(prefix.clone()), VecDeque::new());
        std::iter::from_fn(move || {
            if page.is_empty() {
                match self.records.scan(&prefix, Some(&from.take()?), at_once) {
                    Ok(found) => {
                        from = found.last().map(|(key, _)| [&key[..], b"\0"].concat());
                        page.extend(found);
                    }
                    Err(error) => return Some(Err(error)),
                }
            }
            page.pop_front().map(Ok)
        })
    }

    /// Adds an execution. Returns `false` and changes nothing if the store has an execution with that id.
    ///
    /// # Errors
    /// The store fails, or the journal has an entry of a kind of a later version, which this version cannot write.
    pub fn import(&self, exported: Exported) -> Result<bool, StoreError> {
        let id = exported.header.id.clone();
        if self.summary(&id)?.is_some() {
            return Ok(false);
        }
        if let Some(message) = exported.unknown_entry() {
            return Err(StoreError::Encode { message });
        }
        let Exported { header, definition, frames, entries } = exported;
        let start = StartData { definition: Definition::from(&definition), input: header.input.clone() };
        let early_signals = EarlySignalChanges { put: header.early_signals.to_vec(), deleted: Vec::new() };
        let transition = Transition {
            early_signals,
            header: Some(Arc::new(header)),
            frames_put: frames.into_iter().map(FrameWrite::new).collect(),
            entries: Arc::new(entries),
            ..Transition::default()
        };
        let write = Write { execution: id, start: Some(start), transition, documents: DocumentChanges::default() };
        self.commit(&[write])?;
        Ok(true)
    }
}
