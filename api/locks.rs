//! Locks by name, in a fixed number: two names may share one, one name always has the same.

use std::hash::{DefaultHasher, Hash, Hasher};

use tokio::sync::{Mutex, MutexGuard};

const LOCKS: usize = 64;

/// Locks for whoever changes something that has a name.
pub(crate) struct Locks([Mutex<()>; LOCKS]);

impl Default for Locks {
    fn default() -> Self {
        Locks(std::array::from_fn(|_| Mutex::default()))
    }
}

impl Locks {
    /// Waits until nobody else holds the lock of that name.
    pub async fn lock(&self, name: &str) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        let index = hasher.finish() % LOCKS as u64;
        self.0[index as usize].lock().await
    }
}
