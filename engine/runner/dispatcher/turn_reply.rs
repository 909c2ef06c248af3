//! Replies to requests, which wait for a turn to be durable.

use super::drive::not_waiting;
use crate::{
    machine::{ExecutionHeader, Transition},
    runner::{RunnerError, message::Reply},
};

/// The reply to a request, sent once the turn of the request is durable. A variant for each type of reply.
pub(in crate::runner) enum TurnReply {
    /// The header after the turn.
    Header(Reply<ExecutionHeader>),
    /// Nothing but that the turn is durable.
    Done(Reply<()>),
    /// The same for an answer to a Task. A turn that changes nothing has refused the answer: the Task timed out between check and turn.
    Answer(Reply<()>),
}

impl TurnReply {
    /// Sends an error.
    pub(super) fn refuse(reply: Option<Self>, error: RunnerError) {
        match reply {
            None => {}
            Some(TurnReply::Header(sender)) => drop(sender.send(Err(error))),
            Some(TurnReply::Done(sender) | TurnReply::Answer(sender)) => drop(sender.send(Err(error))),
        }
    }

    /// Reports that the turn is durable.
    pub(super) fn confirm(reply: Option<Self>, header: Option<&ExecutionHeader>) {
        match (reply, header) {
            (Some(TurnReply::Header(sender)), Some(header)) => drop(sender.send(Ok(header.clone()))),
            (Some(TurnReply::Done(sender) | TurnReply::Answer(sender)), _) => drop(sender.send(Ok(()))),
            (Some(TurnReply::Header(_)), None) | (None, _) => {}
        }
    }

    /// The reply that remains to be sent after a turn: an answer that changed nothing is refused at once.
    pub(super) fn after_turn(reply: Option<Self>, id: &str, transition: &Transition) -> Option<Self> {
        match reply {
            Some(answer @ TurnReply::Answer(_)) if transition.is_empty() => {
                Self::refuse(Some(answer), RunnerError::NotWaiting { message: not_waiting(id) });
                None
            }
            reply => reply,
        }
    }
}
