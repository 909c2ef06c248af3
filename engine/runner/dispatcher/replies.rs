//! The recipients that wait for a turn to be durable.

use super::drive::not_waiting;
use crate::{
    machine::{ExecutionHeader, Transition},
    runner::{RunnerError, message::Reply},
};

/// The recipient that waits for a turn to be durable.
pub(in crate::runner) enum Replies {
    /// Receives the header after the turn.
    Header(Reply<ExecutionHeader>),
    /// Is notified that the turn is durable.
    Done(Reply<()>),
    /// Has answered a Task. A turn that changes nothing has refused the answer: the Task timed out between check and turn.
    Answer(Reply<()>),
}

impl Replies {
    /// Sends an error.
    pub(super) fn refuse(replies: Option<Self>, error: RunnerError) {
        match replies {
            None => {}
            Some(Replies::Header(reply)) => drop(reply.send(Err(error))),
            Some(Replies::Done(reply) | Replies::Answer(reply)) => drop(reply.send(Err(error))),
        }
    }

    /// Reports that the turn is durable.
    pub(super) fn confirm(replies: Option<Self>, header: Option<&ExecutionHeader>) {
        match (replies, header) {
            (Some(Replies::Header(reply)), Some(header)) => drop(reply.send(Ok(header.clone()))),
            (Some(Replies::Done(reply) | Replies::Answer(reply)), _) => drop(reply.send(Ok(()))),
            (Some(Replies::Header(_)), None) | (None, _) => {}
        }
    }

    /// The recipient that still waits after a turn: that of an answer which changed nothing is refused.
    pub(super) fn of_turn(replies: Option<Self>, id: &str, transition: &Transition) -> Option<Self> {
        match replies {
            Some(answer @ Replies::Answer(_)) if transition.is_empty() => {
                Self::refuse(Some(answer), RunnerError::NotWaiting { message: not_waiting(id) });
                None
            }
            replies => replies,
        }
    }
}
