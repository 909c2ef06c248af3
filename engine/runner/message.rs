//! Messages to the dispatcher.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::oneshot;

use super::{RunnerError, dispatcher::TurnReply, event::Asleep, lanes::FinishedTurn};
use crate::{
    asl::StateMachine,
    journal::{JournalEntry, Signaller},
    machine::{Command, ExecutionHeader, FrameId, Identity, Input, Reentry, SignalAnswer},
    store::{Definition, DocumentChanges, StoreError},
};

/// An execution to be started.
#[derive(Debug, Clone)]
pub struct NewExecution {
    /// Its id; see [`crate::store::ExecutionId`].
    pub id: String,
    /// The workflow's name.
    pub workflow: String,
    /// The subject it works on. A second running execution on the same subject is refused.
    pub subject: Option<String>,
    /// Its identity in the context object; `None` if no API started it.
    pub identity: Option<Identity>,
    /// The environment in which the execution acts: pinned in its header and passed to [`crate::step::Registries::step`].
    pub environment: Value,
    /// The definition, which is pinned in the execution.
    pub definition: Definition,
    /// The parsed machine of the definition, if the caller has it.
    pub machine: Option<Arc<StateMachine>>,
    /// The input.
    pub input: Value,
    /// The path of the state it starts at, with recorded data of an earlier execution; empty for the definition's `StartAt`.
    pub from: Vec<Reentry>,
    /// Documents that become durable with its start.
    pub documents: DocumentChanges,
    /// Whether the id was generated at random for this start. The store is then not searched for an execution with this id.
    pub is_id_new: bool,
}

impl NewExecution {
    /// An execution at the definition's `StartAt`, without subject, identity, environment and documents.
    pub fn new(id: &str, workflow: &str, definition: impl Into<Definition>, input: Value) -> Self {
        NewExecution {
            id: id.to_owned(),
            workflow: workflow.to_owned(),
            subject: None,
            identity: None,
            environment: Value::Null,
            definition: definition.into(),
            machine: None,
            input,
            from: Vec::new(),
            documents: DocumentChanges::default(),
            is_id_new: false,
        }
    }
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, RunnerError>>;

/// The sender of messages to the dispatcher. The channel is unbounded, because each sender waits for an answer, or is one of a limited
/// number of calls and commits.
pub(super) type Messages = mpsc::Sender<Message>;

/// The names of the documents that belong to an execution.
pub(super) type DocumentsOf = Box<dyn Fn(&str) -> Vec<String> + Send>;

pub(super) enum Message {
    Start {
        new: Box<NewExecution>,
        reply: Reply<ExecutionHeader>,
    },
    /// Continues an execution that another process left.
    Recover {
        id: String,
        reply: Reply<()>,
    },
    /// Continues an execution after a crash, a pause or a failure.
    Resume {
        id: String,
        resume: Resume,
        reply: Reply<()>,
    },
    /// Answers a Task that need not wait yet.
    SignalEarly {
        id: String,
        state: String,
        answer: SignalAnswer,
        by: Option<Signaller>,
        /// Receives, before the reply, whether the answer was stored because no Task of that name waits.
        kept: oneshot::Sender<bool>,
        reply: Reply<()>,
    },
    RecoverAll {
        reply: Reply<usize>,
    },
    Input {
        id: String,
        input: Input,
        reply: Reply<()>,
    },
    Answered {
        id: String,
        input: Input,
    },
    /// A call was not made, because this process cannot act in the environment of the execution.
    Declined {
        id: String,
        call: CallKey,
        /// Whether its step had begun: it may have made requests before.
        has_begun: bool,
        reason: String,
    },
    /// A turn that ran in a lane has ended.
    TurnDone(Box<FinishedTurn>),
    Durable {
        committed: Vec<Committed>,
    },
    StoreFailed {
        error: StoreError,
    },
    /// Asks whether an execution that is driven is asleep.
    Asleep {
        id: String,
        reply: oneshot::Sender<Option<Asleep>>,
    },
    /// Asks which of these executions are driven.
    Driven {
        ids: Vec<String>,
        reply: oneshot::Sender<Vec<String>>,
    },
    /// Asks whether executions are driven of which calls were declined.
    HasDeclined {
        reply: oneshot::Sender<bool>,
    },
    /// Deletes ended executions, and the documents that the function names for each.
    DeleteEnded {
        ids: Vec<String>,
        documents: DocumentsOf,
        reply: Reply<usize>,
    },
    /// Checks that the dispatcher answers.
    Ping {
        reply: oneshot::Sender<()>,
    },
    Drain {
        limit: Duration,
        reply: oneshot::Sender<usize>,
    },
    /// Begins to drain unless an execution has a call in flight, and answers whether it has begun.
    DrainWithoutCalls {
        reply: oneshot::Sender<bool>,
    },
    /// Stops the dispatcher: the last handle was dropped.
    Stop,
}

/// A call of an execution.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallKey {
    pub frame: FrameId,
    pub visit: u64,
    pub attempt: u32,
}

/// Options of resuming an execution.
pub(super) struct Resume {
    /// The environment in which it acts from now on; `None` if unchanged.
    pub environment: Option<Value>,
    /// The path of the state at which it continues; empty to continue where it stopped.
    pub from: Vec<Reentry>,
    /// Whether the request does nothing if the execution has ended.
    pub only_unfinished: bool,
}

/// A commit that is durable: what the dispatcher does next for its execution.
pub(super) struct Committed {
    pub id: Arc<str>,
    pub environment: Arc<Value>,
    pub commands: Vec<Command>,
    pub entries: Arc<Vec<JournalEntry>>,
    pub header: Option<Arc<ExecutionHeader>>,
    pub reply: Option<TurnReply>,
}
