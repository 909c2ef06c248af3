//! Locks by name, in a fixed number: a name always has the same lock, and two names may share one.

use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::sync::{Mutex, MutexGuard};

const LOCKS: usize = 64;

/// Locks that serialize changes to a named thing.
pub(crate) struct Locks([Mutex<()>; LOCKS]);

impl Default for Locks {
    fn default() -> Self {
        Locks(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Locks {
    /// Waits for the lock of a name.
    pub async fn lock(&self, name: &str) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let index = hasher.finish() % LOCKS as u64;
        self.0[index as usize].lock().await
    }
}
