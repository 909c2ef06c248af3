//! Records in memory.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    Batch, Records, StoreError,
    records::{ChangeRef, Index, Record},
};

/// A map in memory. Clones share it, as two openings of one disk do.
#[derive(Debug, Default, Clone)]
pub struct MemoryRecords {
    map: std::sync::Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>,
}

impl MemoryRecords {
    /// Empty records.
    pub fn new() -> Self {
        MemoryRecords::default()
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Vec<u8>>> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records for MemoryRecords {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.map().get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        let map = self.map();
        let from = from.unwrap_or(prefix).to_vec();
        let records = map.range(from..).take_while(|(key, _)| key.starts_with(prefix)).take(limit);
        Ok(records.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.write(&batch.by_reference())
    }
}

impl Index for MemoryRecords {
    fn write(&self, changes: &[ChangeRef<'_>]) -> Result<(), StoreError> {
        let mut map = self.map();
        for (key, value) in changes {
            match value {
                Some(value) => map.insert(key.to_vec(), value.to_vec()),
                None => map.remove(*key),
            };
        }
        Ok(())
    }

    fn synchronize(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn ensure_space(&self, _bytes: u64) -> Result<(), StoreError> {
        Ok(())
    }
}
