//! Turns that run in a lane. An execution runs in one if its evaluations may take long, or if its last turn reached the cost limit.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{Dispatcher, TurnReply};
use crate::{
    machine::{ExecutionStatus, Input},
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
pub(super) struct InLane {
    /// Set if the turn must end after the current state.
    is_interrupted: Arc<AtomicBool>,
    /// Inputs that arrived during the turn, in order. An input that ends the execution is moved to the front, but not in front of an input
    /// that resumes it.
    inputs: VecDeque<(Input, Option<TurnReply>)>,
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
    pub(super) fn in_lane(&mut self, id: &str) -> Option<&mut InLane> {
        self.driven.get_mut(id)?.in_lane.as_deref_mut()
    }

    pub(super) fn is_in_lane(&self, id: &str) -> bool {
        self.driven.get(id).is_some_and(|driven| driven.in_lane.is_some())
    }

    /// Keeps an input until the turn in the lane has ended. One that ends the execution does not wait for the evaluations of the
    /// execution: a turn that no lane has begun is taken back, a running one ends after its current state.
    pub(super) fn queue_input(&mut self, id: &Arc<str>, input: Input, reply: Option<TurnReply>) {
        let ends = input.ends_execution();
        let Some(in_lane) = self.in_lane(id) else { return };
        if !ends {
            return in_lane.inputs.push_back((input, reply));
        }
        let precedes = |earlier: &Input| earlier.ends_execution() || earlier.resumes_execution();
        let index = in_lane.inputs.iter().rposition(|(earlier, _)| precedes(earlier)).map_or(0, |last| last + 1);
        in_lane.inputs.insert(index, (input, reply));
        in_lane.is_interrupted.store(true, Ordering::Relaxed);
        let Some(turn) = self.lanes.as_ref().and_then(|lanes| lanes.take_back(id)) else { return };
        let Some(driven) = self.driven.get_mut(id) else { return };
        self.turns_in_lanes = self.turns_in_lanes.saturating_sub(1);
        driven.execution = Some(turn.execution);
        let mut in_lane = driven.in_lane.take().map(|in_lane| *in_lane).unwrap_or_default();
        in_lane.inputs.insert(index + 1, (turn.input, turn.reply));
        self.apply_queued(id, in_lane);
    }

    /// Keeps a message until the turn in the lane has ended. The caller has checked that one runs.
    pub(super) fn queue_message(&mut self, id: &str, message: Message) {
        if let Some(in_lane) = self.in_lane(id) {
            in_lane.messages.push(message);
        }
    }

    /// Moves a long turn to a lane. Returns the input if the dispatcher must run the turn.
    pub(super) fn run_in_lane(
        &mut self,
        id: &Arc<str>,
        input: Input,
        reply: Option<TurnReply>,
    ) -> Option<(Input, Option<TurnReply>)> {
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
        // These evaluate nothing.
        let is_short = input.ends_execution()
            || (execution.header.status != ExecutionStatus::Running && !input.resumes_execution());
        if !is_long || starts || is_short {
            return Some((input, reply));
        }
        let execution = driven.execution.take()?;
        let entropy = (self.rng)();
        let in_lane = Box::<InLane>::default();
        let is_interrupted = in_lane.is_interrupted.clone();
        match lanes.run(LaneTurn { id: id.clone(), execution, input, entropy, reply, is_interrupted }) {
            Ok(()) => {
                driven.in_lane = Some(in_lane);
                self.turns_in_lanes += 1;
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
        self.turns_in_lanes = self.turns_in_lanes.saturating_sub(1);
        let Some(driven) = self.driven.get_mut(&id) else { return };
        driven.execution = Some(execution);
        let in_lane = driven.in_lane.take().map(|in_lane| *in_lane).unwrap_or_default();
        self.commit_transition(&id, transition, None, reply);
        self.apply_queued(&id, in_lane);
    }

    /// Applies what arrived during a turn in a lane.
    fn apply_queued(&mut self, id: &Arc<str>, InLane { mut inputs, messages, .. }: InLane) {
        while let Some((input, reply)) = inputs.pop_front() {
            self.advance(id, input, None, reply);
            if let Some(in_lane) = self.in_lane(id) {
                in_lane.inputs = inputs;
                in_lane.messages = messages;
                return;
            }
        }
        messages.into_iter().for_each(|message| self.receive(message));
    }
}
