//! Deletes ended executions.

use std::collections::BTreeSet;

use super::{Batch, Store, StoreError, codec, execution_records::StoredStart, keys, records::scan_pages};

impl Store {
    /// Deletes ended executions, and the definitions that no other execution has.
    ///
    /// # Errors
    /// The records cannot be read or written.
    pub(crate) fn delete_executions(&self, ids: &[&str]) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for id in ids {
            if let Some(header) = self.summary(id)? {
                batch.delete(keys::by_start(&header.workflow, header.started_ms, id));
            }
            self.delete_listing(&mut batch, id)?;
            self.delete_map_runs(&mut batch, id)?;
            for prefix in [keys::frames(id), keys::entries(id), keys::all_created(id), keys::early_signals(id)] {
                for (key, _) in self.records.scan(&prefix, None, usize::MAX)? {
                    batch.delete(key);
                }
            }
            for key in [
                keys::execution_record(id),
                keys::wake_record(id),
                keys::ended_in_format_2(id),
                keys::start_in_format_2(id),
                keys::input(id),
            ] {
                if self.records.get(&key)?.is_some() {
                    batch.delete(key);
                }
            }
        }
        self.write(batch)
    }

    /// Deletes an ended execution. Its definition stays, because other executions may use it.
    ///
    /// # Errors
    /// The records cannot be read or written.
    pub fn delete_execution(&self, id: &str) -> Result<(), StoreError> {
        self.delete_executions(&[id])
    }

    /// Deletes the definitions that no execution has. Returns how many.
    ///
    /// # Errors
    /// The records cannot be read or written.
    pub fn delete_unused_definitions(&self) -> Result<usize, StoreError> {
        let mut used = BTreeSet::new();
        scan_pages(self.records.as_ref(), keys::BY_START, |records| {
            for (key, bytes) in records {
                used.insert(match codec::decode(key, bytes)? {
                    StoredStart::Record(start_record) => start_record.definition,
                    StoredStart::DefinitionHash(definition) => definition,
                });
            }
            Ok(())
        })?;
        let mut batch = Batch::default();
        for (key, _) in self.records.scan(keys::DEFINITIONS, None, usize::MAX)? {
            let hash = String::from_utf8_lossy(&key[keys::DEFINITIONS.len()..]).into_owned();
            if !used.contains(&hash) {
                self.known_definitions().remove(hash.as_str());
                batch.delete(key);
            }
        }
        let count = batch.changes.len();
        self.write(batch)?;
        Ok(count)
    }
}
