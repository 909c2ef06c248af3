//! The Tasks that wait for an answer.

use std::collections::HashSet;

use engine::{
    asl::each_state,
    machine::{FrameRow, FrameState},
    step::waits_for_token,
};

use super::unanswerable::is_called;
use crate::{Api, Fault};

impl Api {
    /// The frames of the Tasks that wait for an answer: the Task is parked, its last poll returned that it waits, or its call in flight
    /// has passed the task token to somebody. The result of the last poll counts also while the next poll is in flight or after its process
    /// died.
    pub(super) fn waiting_tasks(&self, id: &str) -> Result<Vec<FrameRow>, Fault> {
        let mut rows = self.runner.store().frames(id)?;
        let of_token = if rows.iter().any(is_called) { self.token_states(id)? } else { HashSet::new() };
        rows.retain(|row| match &row.frame_state {
            // The call of a Map's reader or writer is no Task of the definition.
            FrameState::Task { resource: Some(_), .. } => false,
            FrameState::Task { parked, waiting, .. } => {
                parked.is_some() || waiting.is_some() || of_token.contains(&*row.state)
            }
            _ => false,
        });
        Ok(rows)
    }

    /// The names of the states that wait for their task token.
    fn token_states(&self, id: &str) -> Result<HashSet<String>, Fault> {
        let (_, definition) = self.runner.store().definition(id)?.unwrap_or_default();
        let mut names = HashSet::new();
        each_state(&definition, &mut |state| {
            if state.json["Resource"].as_str().is_some_and(waits_for_token) {
                names.insert(state.name.to_owned());
            }
        });
        Ok(names)
    }
}
