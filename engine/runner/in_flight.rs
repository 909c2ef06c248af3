//! The calls in flight, each of which can be abandoned.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{machine::FrameId, step::Abandonment};

/// Execution, frame, visit and attempt of a call.
type Key = (String, FrameId, u64, u32);
/// Visit, attempt and abandonment by execution and frame: a frame makes one call at a time.
type Calls = HashMap<(String, FrameId), (u64, u32, Abandonment)>;

/// The calls that did not answer at once. At most [`super::step_call::CALLS_MAX`] of them run; the others wait for a permit.
#[derive(Default)]
pub(super) struct InFlight(Mutex<Calls>);

impl InFlight {
    /// Registers a call until the returned value is dropped.
    pub fn register(self: &Arc<Self>, key: Key, abandonment: Abandonment) -> Registered {
        let (execution, frame, visit, attempt) = key.clone();
        self.calls().insert((execution, frame), (visit, attempt, abandonment));
        Registered { calls: self.clone(), key }
    }

    /// Abandons the call of a visit, if one is in flight.
    pub fn abandon(&self, execution: &str, frame: FrameId, visit: u64) {
        let mut calls = self.calls();
        let key = (execution.to_owned(), frame);
        if calls.get(&key).is_some_and(|(called, ..)| *called == visit)
            && let Some((.., abandonment)) = calls.remove(&key)
        {
            abandonment.abandon();
        }
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A registered call. Dropping it removes it.
pub(super) struct Registered {
    calls: Arc<InFlight>,
    key: Key,
}

impl Drop for Registered {
    fn drop(&mut self) {
        let (execution, frame, visit, attempt) = self.key.clone();
        let mut calls = self.calls.calls();
        // The frame may have registered a later attempt already.
        let key = (execution, frame);
        if calls.get(&key).is_some_and(|(called, tried, _)| (*called, *tried) == (visit, attempt)) {
            calls.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn an_attempt_is_abandoned_and_a_later_one_is_not_removed_with_it() {
        let calls = Arc::new(InFlight::default());
        let key = |attempt| ("t-1".to_owned(), 3, 1, attempt);
        let (first, second) = (Abandonment::default(), Abandonment::default());
        let registered = calls.register(key(1), first.clone());
        calls.abandon("t-1", 3, 2);
        assert!(first.abandoned().now_or_never().is_none(), "another visit");
        calls.abandon("t-1", 3, 1);
        assert!(first.abandoned().now_or_never().is_some());
        let _kept = calls.register(key(2), second.clone());
        drop(registered);
        calls.abandon("t-1", 3, 1);
        assert!(second.abandoned().now_or_never().is_some());
        assert!(calls.calls().is_empty());
    }
}
