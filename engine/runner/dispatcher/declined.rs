//! Executions for which this process cannot act: it stops driving them, so that a process that can act continues them.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{Dispatcher, NEVER_MS};
use crate::{
    machine::{Execution, FrameId},
    runner::{RunnerEvent, message::CallKey},
};

/// The calls that were declined, by execution: no step was called, and the store has them as in flight.
#[derive(Debug, Default)]
pub(super) struct Declined(HashMap<Arc<str>, DeclinedCalls>);

#[derive(Debug, Default)]
struct DeclinedCalls {
    frames: BTreeSet<FrameId>,
    /// The reason of the last one.
    reason: String,
}

impl Declined {
    /// Whether calls are declined of an execution that is still driven.
    pub fn is_any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Removes the declined call of a frame, because the frame makes another call.
    pub fn forget(&mut self, id: &str, frame: FrameId) {
        if let Some(calls) = self.0.get_mut(id) {
            calls.frames.remove(&frame);
        }
    }
}

impl Dispatcher {
    /// Notes that a call was declined, unless its attempt has ended meanwhile.
    pub(super) fn call_declined(&mut self, id: &str, call: CallKey, reason: String) {
        let Some((key, driven)) = self.driven.get_key_value(id) else { return };
        let calls = |execution: &Execution| execution.is_calling(call.frame, call.visit, call.attempt);
        if !driven.execution.as_deref().is_some_and(calls) {
            return;
        }
        let key = key.clone();
        let declined = self.declined.0.entry(key.clone()).or_default();
        declined.frames.insert(call.frame);
        declined.reason = reason;
        self.release_declined(&key);
    }

    /// Stops driving an execution once all its calls in flight are declined ones. Nothing is recorded: the store has it as after a crash,
    /// and the next process that drives it makes the calls. Calls that were made end first.
    pub(super) fn release_declined(&mut self, id: &Arc<str>) {
        let Some(declined) = self.declined.0.get(id) else { return };
        let Some(driven) = self.driven.get(id) else {
            self.declined.0.remove(id);
            return;
        };
        if driven.uncommitted > 0 || driven.away.is_some() {
            return;
        }
        let in_flight = driven.execution.as_deref().map(Execution::frames_in_flight);
        let is_idle = in_flight.is_none_or(BTreeSet::is_empty);
        if !is_idle && !in_flight.is_some_and(|frames| frames.is_subset(&declined.frames)) {
            return;
        }
        let reason = self.declined.0.remove(id).map(|declined| declined.reason).unwrap_or_default();
        // The attempts of the declined calls have ended: it continues with what comes next.
        if is_idle {
            return;
        }
        self.wake_at(id, NEVER_MS);
        self.driven.remove(id);
        self.show(RunnerEvent::Released { execution: id.to_string(), reason });
    }
}
