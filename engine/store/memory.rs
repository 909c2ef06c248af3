//! Records in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    Batch, Records, StoreError,
    records::{ChangeRef, Index, Record},
};

/// A map in memory. Clones share it, as two openings of one disk do.
#[derive(Debug, Default, Clone)]
pub struct MemoryRecords {
    contents: Arc<Mutex<Contents>>,
}

#[derive(Debug, Default)]
struct Contents {
    map: BTreeMap<Vec<u8>, Vec<u8>>,
    position: Option<Vec<u8>>,
}

impl MemoryRecords {
    /// Empty records.
    pub fn new() -> Self {
        MemoryRecords::default()
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records for MemoryRecords {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.contents().map.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        let contents = self.contents();
        let from = from.unwrap_or(prefix).to_vec();
        let records = contents.map.range(from..).take_while(|(key, _)| key.starts_with(prefix)).take(limit);
        Ok(records.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.write(&batch.by_reference())
    }
}

impl Index for MemoryRecords {
    fn write(&self, changes: &[ChangeRef<'_>]) -> Result<(), StoreError> {
        let mut contents = self.contents();
        for (key, value) in changes {
            match value {
                Some(value) => contents.map.insert(key.to_vec(), value.to_vec()),
                None => contents.map.remove(*key),
            };
        }
        Ok(())
    }

    fn synchronize(&self, position: Option<&[u8]>) -> Result<(), StoreError> {
        if let Some(position) = position {
            self.contents().position = Some(position.to_vec());
        }
        Ok(())
    }

    fn position(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.contents().position.clone())
    }
}
