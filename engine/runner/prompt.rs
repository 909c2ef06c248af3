//! Remembers which steps answered at once in their last call.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The longest time of a call that counts as prompt. It must also not have waited for anything.
const PROMPT: Duration = Duration::from_micros(50);

/// The most steps that are remembered.
const KEPT_MAX: usize = 1_024;

/// The resources of steps whose last call was prompt.
#[derive(Default)]
pub(super) struct Prompt(Mutex<HashSet<String>>);

impl Prompt {
    fn resources(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the last call of the step for a `Resource` was prompt.
    pub fn is(&self, resource: &str) -> bool {
        self.resources().contains(resource)
    }

    /// Records a call: when it began, and whether its first poll `answered`.
    pub fn was(&self, resource: &str, began: Instant, answered: bool) {
        let mut resources = self.resources();
        if !answered || began.elapsed() > PROMPT {
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
