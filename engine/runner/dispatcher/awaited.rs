//! Tasks that wait for another execution: when that one ends or pauses, they are polled at once.

use std::{collections::HashMap, sync::Arc};

use super::Dispatcher;
use crate::machine::{FrameState, Input, Transition};

/// The awaited executions, each with the executions that wait for it, recorded since this process began. A new process finds them again
/// because it polls every such Task once ([`Input::Recover`]).
#[derive(Debug, Default)]
pub(super) struct Awaited(HashMap<String, Vec<Arc<str>>>);

impl Awaited {
    /// Records the executions that the Tasks of an execution wait for after a turn.
    pub fn record(&mut self, id: &Arc<str>, transition: &Transition) {
        for write in &transition.frames_put {
            let FrameState::Task { waiting: Some(waiting), .. } = &write.row.frame_state else { continue };
            let Some(awaited) = &waiting.execution else { continue };
            let waiting = self.0.entry(awaited.clone()).or_default();
            if !waiting.contains(id) {
                waiting.push(id.clone());
            }
        }
    }
}

impl Dispatcher {
    /// Polls the Tasks that wait for an execution which has ended or paused.
    pub(super) fn wake_awaiting(&mut self, settled: &str) {
        for id in self.awaited.0.remove(settled).unwrap_or_default() {
            if self.driven.contains_key(&id) {
                self.advance(&id, Input::AwaitedSettled { execution: settled.to_owned() }, None, None);
            }
        }
    }
}
