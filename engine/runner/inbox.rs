//! The dispatcher's inbox: a channel whose receiver can wait with a time-out.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use super::message::Message;

/// The result of waiting for a message.
pub(super) enum Received {
    Message(Message),
    TimedOut,
    /// No sender is left, so no message will arrive.
    Closed,
}

/// Messages in the order in which they were sent.
pub(super) struct Inbox {
    messages: Receiver<Message>,
    /// A message that [`Inbox::is_empty`] received; the next one to return.
    peeked: Option<Message>,
}

impl Inbox {
    pub fn new(messages: Receiver<Message>) -> Self {
        Inbox { messages, peeked: None }
    }

    /// Whether no message is waiting.
    pub fn is_empty(&mut self) -> bool {
        if self.peeked.is_none() {
            self.peeked = self.messages.try_recv().ok();
        }
        self.peeked.is_none()
    }

    /// The next message if one is waiting.
    pub fn try_next(&mut self) -> Received {
        match self.is_empty() {
            false => self.next(None),
            true => Received::TimedOut,
        }
    }

    /// Waits for the next message, at most `wait_max` if given.
    pub fn next(&mut self, wait_max: Option<Duration>) -> Received {
        if let Some(message) = self.peeked.take() {
            return Received::Message(message);
        }
        let received = match wait_max {
            Some(wait) => self.messages.recv_timeout(wait),
            None => self.messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(message) => Received::Message(message),
            Err(RecvTimeoutError::Timeout) => Received::TimedOut,
            Err(RecvTimeoutError::Disconnected) => Received::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn drain() -> Message {
        Message::Drain { limit: Duration::ZERO, reply: tokio::sync::oneshot::channel().0 }
    }

    #[test]
    fn a_message_that_was_peeked_at_is_received_once_and_first() {
        let (messages, received) = mpsc::channel();
        let mut inbox = Inbox::new(received);
        assert!(inbox.is_empty() && matches!(inbox.try_next(), Received::TimedOut));
        assert!(messages.send(drain()).is_ok() && messages.send(Message::Stop).is_ok());
        assert!(!inbox.is_empty() && !inbox.is_empty());
        assert!(matches!(inbox.next(Some(Duration::ZERO)), Received::Message(Message::Drain { .. })));
        assert!(matches!(inbox.try_next(), Received::Message(Message::Stop)));
        assert!(matches!(inbox.next(Some(Duration::ZERO)), Received::TimedOut));
        drop(messages);
        assert!(matches!(inbox.next(None), Received::Closed));
    }
}
