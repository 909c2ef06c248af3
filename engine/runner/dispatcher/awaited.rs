//! Tasks that wait for another execution: when that one ends or pauses, they are polled at once, and when such a Task is stopped or times
//! out, that one is stopped.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::oneshot;

use super::Dispatcher;
use crate::machine::{FrameState, Input, Transition};

/// The error of an execution that is stopped with the Task that waits for it.
const STOPPED: &str = "Cancelled";

/// The awaited executions, each with the executions that wait for it, recorded since this process began. A new process finds them again
/// because it polls every such Task once ([`Input::Recover`]).
#[derive(Debug, Default)]
pub(super) struct Awaited(HashMap<String, Vec<Arc<str>>>);

impl Awaited {
    /// Records the executions that the Tasks of an execution wait for after a turn.
    pub fn record(&mut self, id: &Arc<str>, transition: &Transition) {
        for write in &transition.frames_put {
            let FrameState::Task { waiting: Some(waiting), poll, .. } = &write.row.frame_state else { continue };
            // The call that began it is followed by a poll at once. It may have ended already, and would then never wake anything.
            if *poll <= 1 {
                continue;
            }
            let Some(awaited) = &waiting.execution else { continue };
            let waiting = self.0.entry(awaited.clone()).or_default();
            if !waiting.contains(id) {
                waiting.push(id.clone());
            }
        }
    }
}

impl Dispatcher {
    /// Stops an execution that `waiter` does not wait for any more; one that has ended does not change. Step Functions, too, makes only an
    /// attempt: nothing repeats it if this process ends first.
    pub(super) fn stop_awaited(&mut self, waiter: &str, awaited: &str) {
        let cause = format!("{waiter} does not wait for it any more");
        let (reply, _) = oneshot::channel();
        self.input(awaited, Input::Cancel { error: STOPPED.to_owned(), cause }, reply);
    }

    /// Polls the Tasks that wait for an execution which has ended or paused.
    pub(super) fn wake_awaiting(&mut self, settled: &str) {
        for id in self.awaited.0.remove(settled).unwrap_or_default() {
            if self.driven.contains_key(&id) {
                self.advance(&id, Input::AwaitedSettled { execution: settled.to_owned() }, None, None);
            }
        }
    }
}
