//! Turns that run in a lane: those of executions whose evaluations may take long, and those of executions whose last turn reached its
//! cost limit.

use std::{collections::VecDeque, sync::Arc};

use super::{Dispatcher, Replies};
use crate::{
    machine::Input,
    runner::{
        lanes::{FinishedTurn, LaneTurn, Lanes},
        message::Message,
    },
};

/// The cost limit of a turn that the dispatcher runs itself, in events: a few milliseconds.
const INLINE_COST_MAX: u64 = if cfg!(test) { 24 } else { 2_000 };
/// The first turn of such an execution only writes that it has started. Its second turn runs in a lane.
const START_COST_MAX: u64 = 1;

/// State of an execution whose turn runs in a lane.
#[derive(Default)]
pub(super) struct Away {
    /// Inputs that arrived during the turn, in order.
    inputs: VecDeque<(Input, Option<Replies>)>,
    /// Messages that need the execution in memory.
    messages: Vec<Message>,
}

impl Dispatcher {
    /// Runs long turns in lanes. Without lanes, the dispatcher runs every turn.
    pub fn with_lanes(mut self, lanes: Lanes) -> Self {
        self.lanes = Some(lanes);
        self
    }

    /// The state of an execution whose turn runs in a lane.
    pub(super) fn away(&mut self, id: &str) -> Option<&mut Away> {
        self.driven.get_mut(id)?.away.as_deref_mut()
    }

    pub(super) fn is_away(&self, id: &str) -> bool {
        self.driven.get(id).is_some_and(|driven| driven.away.is_some())
    }

    /// Keeps an input until the turn in the lane has ended.
    pub(super) fn put_off(&mut self, id: &str, input: Input, reply: Option<Replies>) {
        if let Some(away) = self.away(id) {
            away.inputs.push_back((input, reply));
        }
    }

    /// Keeps a message until the turn in the lane has ended. The caller has checked that one runs.
    pub(super) fn put_off_message(&mut self, id: &str, message: Message) {
        if let Some(away) = self.away(id) {
            away.messages.push(message);
        }
    }

    /// Moves a long turn to a lane. Returns the input if the dispatcher must run the turn.
    pub(super) fn run_beside(
        &mut self,
        id: &Arc<str>,
        input: Input,
        reply: Option<Replies>,
    ) -> Option<(Input, Option<Replies>)> {
        let (Some(lanes), Some(driven)) = (&mut self.lanes, self.driven.get_mut(id)) else {
            return Some((input, reply));
        };
        let Some(execution) = &mut driven.execution else { return Some((input, reply)) };
        let is_long = !execution.machine.is_cheap || driven.was_cut_short;
        let starts = matches!(input, Input::Start | Input::StartFrom { .. });
        execution.limit_turn(match (is_long, starts) {
            (true, true) => Some(START_COST_MAX),
            (true, false) => None,
            (false, _) => Some(INLINE_COST_MAX),
        });
        if !is_long || starts {
            return Some((input, reply));
        }
        let execution = driven.execution.take()?;
        let entropy = (self.rng)();
        match lanes.run(LaneTurn { id: id.clone(), execution, input, entropy, reply }) {
            Ok(()) => {
                driven.away = Some(Box::default());
                self.turns_beside += 1;
                None
            }
            Err(LaneTurn { execution, input, reply, .. }) => {
                driven.execution = Some(execution);
                Some((input, reply))
            }
        }
    }

    /// Takes an execution back from its lane and applies what arrived during the turn.
    pub(super) fn turn_done(&mut self, done: FinishedTurn) {
        let FinishedTurn { id, execution, transition, reply } = done;
        self.turns_beside = self.turns_beside.saturating_sub(1);
        let Some(driven) = self.driven.get_mut(&id) else { return };
        driven.execution = Some(execution);
        let Away { mut inputs, messages } = driven.away.take().map(|away| *away).unwrap_or_default();
        self.fold(&id, transition, None, reply);
        while let Some((input, reply)) = inputs.pop_front() {
            self.advance(&id, input, None, reply);
            if let Some(away) = self.away(&id) {
                away.inputs = inputs;
                away.messages = messages;
                return;
            }
        }
        messages.into_iter().for_each(|message| self.receive(message));
    }
}
