//! The steps that answered at once in their last call.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The longest time of a call that counts as fast. It must also not have waited for anything.
const FAST: Duration = Duration::from_micros(50);

/// The most steps that are remembered.
const KEPT_MAX: usize = 1_024;

/// The resources of steps whose last call was fast.
#[derive(Default)]
pub(super) struct FastSteps(Mutex<HashSet<String>>);

impl FastSteps {
    fn resources(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the last call of the step for a `Resource` was fast.
    pub fn contains(&self, resource: &str) -> bool {
        self.resources().contains(resource)
    }

    /// Records a call: when it began, and whether its first poll `answered`.
    pub fn record(&self, resource: &str, began: Instant, answered: bool) {
        let mut resources = self.resources();
        if !answered || began.elapsed() > FAST {
            resources.remove(resource);
        } else if !resources.contains(resource) {
            // Definitions may name any number of steps. Those in use are added again by their next call.
            if resources.len() >= KEPT_MAX {
                resources.clear();
            }
            resources.insert(resource.to_owned());
        }
    }
}
