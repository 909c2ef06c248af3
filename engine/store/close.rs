//! Closing a store, so that the same process can open its folder again.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Store, StoreError};

/// The interval of the checks whether other references are dropped.
const REFERENCES_POLL: Duration = Duration::from_millis(2);
/// Limits above this one count as no limit.
const LIMIT_MAX: Duration = Duration::from_secs(365 * 24 * 3_600);

impl Store {
    /// Closes the store: writes its log to its index ([`Store::checkpoint`]), waits until the caller has the only reference, ends
    /// the checkpointer thread and releases the folder. Blocks the calling thread for about `limit` at most.
    ///
    /// An owner first stops everything that has a reference: [`crate::runner::RunnerHandle::drain`], then dropping the handle.
    ///
    /// # Errors
    /// Others still have references, the checkpoint takes longer, or it cannot be written. Committed changes stay durable, but the
    /// folder may still be in use: the store is closed when the last reference is dropped.
    pub fn close(self: Arc<Self>, limit: Duration) -> Result<(), StoreError> {
        let until = Instant::now() + limit.min(LIMIT_MAX);
        let settled = self.records.checkpoint(Some(until));
        let store = self.into_only(until)?;
        if matches!(settled, Err(StoreError::NotClosed { .. })) {
            // Dropping it waits for the checkpoint, which exceeded the limit already.
            std::thread::spawn(move || drop(store));
        } else {
            drop(store);
        }
        settled
    }

    /// The store by value, once there is no other reference.
    fn into_only(mut self: Arc<Self>, until: Instant) -> Result<Self, StoreError> {
        loop {
            self = match Arc::try_unwrap(self) {
                Ok(store) => return Ok(store),
                Err(shared) => shared,
            };
            if Instant::now() >= until {
                let message = format!("{} other references to it are left", Arc::strong_count(&self) - 1);
                return Err(StoreError::NotClosed { message });
            }
            std::thread::sleep(REFERENCES_POLL);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::store::{DocumentChanges, LoggedRecords};

    /// A text that compression does not shorten.
    fn noise(seed: u64, bytes: usize) -> String {
        let mut state = seed | 1;
        let mut text = String::new();
        while text.len() < bytes {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            text.push_str(&format!("{state:x}"));
        }
        text
    }

    #[test]
    fn a_closed_store_is_opened_again_with_what_was_committed() {
        let folder = tempfile::tempdir().unwrap();
        for round in 0..5 {
            let store = Arc::new(Store::new(LoggedRecords::open(folder.path()).unwrap()).unwrap());
            assert_eq!(store.documents::<u64>("round/", None, 10).unwrap().len(), round as usize);
            let mut changes = DocumentChanges::default();
            changes.put(&format!("round/{round}"), &json!(round)).unwrap();
            // More than may stay in the log, so a checkpoint is necessary.
            for number in 0..40 {
                changes.put(&format!("long/{number}"), &json!(noise(round * 100 + number, 20_000))).unwrap();
            }
            store.change_documents(changes).unwrap();
            store.close(Duration::from_secs(30)).unwrap();
        }
    }

    #[test]
    fn a_store_that_others_refer_to_is_not_closed() {
        let store = Arc::new(Store::new(crate::store::MemoryRecords::new()).unwrap());
        let other = store.clone();
        let refused = store.close(Duration::from_millis(10)).unwrap_err();
        assert!(refused.to_string().contains("1 other references to it are left"), "{refused}");
        assert!(!other.exists("a-1").unwrap(), "it still works");
    }
}
