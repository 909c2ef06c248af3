//! Executions that wait for the end of others: when one ends or pauses, those that wait for it are called at once.

use super::*;

/// Who waits for which execution, as far as this process has seen it. A new process learns it by calling every Task that waits for an
/// execution once more ([`Input::Recover`]).
#[derive(Debug, Default)]
pub(super) struct Awaited(HashMap<String, Vec<Arc<str>>>);

impl Awaited {
    /// Notes what the Tasks of an execution wait for after a turn.
    pub fn note(&mut self, id: &Arc<str>, transition: &Transition) {
        for write in &transition.frames_put {
            let Activity::Task { waiting: Some(waiting), .. } = &write.row.activity else { continue };
            let Some(awaited) = &waiting.execution else { continue };
            let waiting = self.0.entry(awaited.clone()).or_default();
            if !waiting.contains(id) {
                waiting.push(id.clone());
            }
        }
    }
}

impl Dispatcher {
    /// Calls the Tasks that wait for an execution, which has ended or paused.
    pub(super) fn wake_awaiting(&mut self, rested: &str) {
        for id in self.awaited.0.remove(rested).unwrap_or_default() {
            if self.driven.contains_key(&id) {
                self.advance(&id, Input::AwaitedRested { execution: rested.to_owned() }, None, None);
            }
        }
    }
}
