//! Executions for which this process cannot act. It stops driving them: a process that can act continues them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use super::{Dispatcher, NEVER_MS};
use crate::{
    machine::{Execution, ExecutionStatus, FrameId, Input},
    runner::{RunnerEvent, message::CallKey},
};

/// The calls that were declined, by execution: no step was called. The store has them as in flight until the execution is released.
#[derive(Debug, Default)]
pub(super) struct Declined(HashMap<Arc<str>, DeclinedCalls>);

#[derive(Debug, Default)]
struct DeclinedCalls {
    /// The visit and the attempt of each call.
    frames: BTreeMap<FrameId, (u64, u32)>,
    /// The calls whose steps had begun. They stay in flight.
    begun: BTreeSet<FrameId>,
    /// The reason of the last one.
    reason: String,
    /// Whether it is being recorded that they were not made. The execution is released then.
    releases: bool,
}

impl DeclinedCalls {
    /// The inputs that record that these calls were not made. A call stays in flight if its step had begun or an earlier process may have
    /// made it.
    fn withheld(&self, execution: &Execution) -> Vec<Input> {
        let withheld = |(frame, (visit, attempt)): (&FrameId, &(u64, u32))| {
            let (frame, visit, attempt) = (*frame, *visit, *attempt);
            let reason = self.reason.clone();
            execution.can_withhold(frame, visit, attempt).then_some(Input::Withheld { frame, visit, attempt, reason })
        };
        self.frames.iter().filter(|(frame, _)| !self.begun.contains(frame)).filter_map(withheld).collect()
    }
}

impl Declined {
    /// Whether calls are declined of an execution that is still driven.
    pub fn has_any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether an execution is about to be released: its due times are not for this process.
    pub fn releases(&self, id: &str) -> bool {
        self.0.get(id).is_some_and(|calls| calls.releases)
    }

    /// Removes the declined call of a frame, because the frame makes another call. Returns whether the execution was about to be released.
    /// If so, it stays in this process, and its declined calls are due.
    pub fn remove(&mut self, id: &str, frame: FrameId) -> bool {
        let Some(calls) = self.0.get_mut(id) else { return false };
        if calls.releases {
            self.0.remove(id);
            return true;
        }
        calls.frames.remove(&frame);
        calls.begun.remove(&frame);
        false
    }
}

impl Dispatcher {
    /// Notes that a call was declined, unless its attempt has ended meanwhile.
    pub(super) fn call_declined(&mut self, id: &str, call: CallKey, has_begun: bool, reason: String) {
        let Some((key, driven)) = self.driven.get_key_value(id) else { return };
        let calls = |execution: &Execution| execution.is_calling(call.frame, call.visit, call.attempt);
        if !driven.execution.as_deref().is_some_and(calls) {
            return;
        }
        let key = key.clone();
        let declined = self.declined.0.entry(key.clone()).or_default();
        declined.frames.insert(call.frame, (call.visit, call.attempt));
        if has_begun {
            declined.begun.insert(call.frame);
        }
        declined.reason = reason;
        self.release_declined(&key);
    }

    /// Stops driving an execution once all its calls in flight are declined ones. The journal records each as not
    /// made and due: the next process that drives the execution makes it as a first call. Calls that were made end first.
    pub(super) fn release_declined(&mut self, id: &Arc<str>) {
        let Some(declined) = self.declined.0.get_mut(id) else { return };
        let Some(driven) = self.driven.get(id) else {
            self.declined.0.remove(id);
            return;
        };
        if driven.uncommitted > 0 || driven.in_lane.is_some() {
            return;
        }
        let execution = driven.execution.as_deref();
        let runs = execution.is_some_and(|execution| execution.header.status == ExecutionStatus::Running);
        let in_flight = execution.map(Execution::frames_in_flight);
        let is_idle = in_flight.is_none_or(BTreeSet::is_empty);
        // The execution has ended, or the attempts of the declined calls have: it continues with what comes next.
        if !runs || (is_idle && !declined.releases) {
            self.declined.0.remove(id);
            return;
        }
        if in_flight.is_some_and(|frames| frames.iter().any(|frame| !declined.frames.contains_key(frame))) {
            return;
        }
        if !declined.releases {
            declined.releases = true;
            let withheld = execution.map_or_else(Vec::new, |execution| declined.withheld(execution));
            if !withheld.is_empty() {
                // Once this is durable, the execution is released.
                return withheld.into_iter().for_each(|input| self.advance(id, input, None, None));
            }
        }
        let reason = self.declined.0.remove(id).map(|declined| declined.reason).unwrap_or_default();
        self.wake_at(id, NEVER_MS);
        self.driven.remove(id);
        self.broadcast(RunnerEvent::Released { execution: id.to_string(), reason });
    }
}
