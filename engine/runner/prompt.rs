//! Which steps answer at once, by how they did the last time.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Within this time, and without waiting for anything.
const PROMPT: Duration = Duration::from_micros(50);

/// So many are remembered.
const KEPT_MAX: usize = 1_024;

/// The resources of steps that were prompt the last time.
#[derive(Default)]
pub(super) struct Prompt(Mutex<HashSet<String>>);

impl Prompt {
    fn resources(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the step behind a `Resource` was prompt.
    pub fn is(&self, resource: &str) -> bool {
        self.resources().contains(resource)
    }

    /// A call began then; when it was first left to itself, it had `answered` or not.
    pub fn was(&self, resource: &str, began: Instant, answered: bool) {
        let mut resources = self.resources();
        if !answered || began.elapsed() > PROMPT {
            resources.remove(resource);
        } else if !resources.contains(resource) {
            // Definitions may name any number of steps; those in use come back with their next call.
            if resources.len() >= KEPT_MAX {
                resources.clear();
            }
            resources.insert(resource.to_owned());
        }
    }
}
