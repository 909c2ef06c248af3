//! The view of an execution that continues at an earlier state.

use super::{StateStatus, StateView, View};

impl View {
    /// Removes the state at which the execution continues and all states entered after it: they are entered again, or
    /// not at all.
    pub(super) fn remove_from(&mut self, state_path: &str) {
        let at = self.order.iter().position(|path| path == state_path).unwrap_or(self.order.len());
        let is_kept = |at_or_after: bool, state: &StateView| {
            !at_or_after && matches!(state.status, StateStatus::Exited { .. } | StateStatus::Caught { .. })
        };
        let order = std::mem::take(&mut self.order);
        for (number, path) in order.into_iter().enumerate() {
            match self.states.get(&path).is_some_and(|state| is_kept(number >= at, state)) {
                true => self.order.push(path),
                false => drop(self.states.remove(&path)),
            }
        }
    }
}
