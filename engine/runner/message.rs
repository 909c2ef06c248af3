//! What reaches the dispatcher.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::oneshot;

use super::{RunnerError, event::Asleep, lanes::Done};
use crate::{
    asl::StateMachine,
    journal::{Entry, Signaller},
    machine::{Command, ExecutionHeader, Identity, Input, Reentry, SignalAnswer},
    store::{Definition, DocumentChanges, StoreError},
};

/// An execution to begin.
#[derive(Debug, Clone)]
pub struct NewExecution {
    /// Its id; see [`crate::store::ExecutionId`].
    pub id: String,
    /// The workflow's name.
    pub workflow: String,
    /// What it works on; two running executions on one subject are refused.
    pub subject: Option<String>,
    /// Who it is in its context object; `None` for one that no API started.
    pub identity: Option<Identity>,
    /// Where it acts: pinned in its header and passed to [`crate::step::Registries::step`].
    pub environment: Value,
    /// The definition, which is pinned.
    pub definition: Definition,
    /// The machine of the definition, where the caller has read it already.
    pub machine: Option<Arc<StateMachine>>,
    /// The input.
    pub input: Value,
    /// The state it begins at, with what an earlier execution recorded of it; empty for the definition's `StartAt`.
    pub from: Vec<Reentry>,
    /// Documents that become durable with its beginning.
    pub documents: DocumentChanges,
    /// Whether the id was made at random for this start: the store is not asked for an execution that has it.
    pub is_id_new: bool,
}

pub(super) type Reply<T> = oneshot::Sender<Result<T, RunnerError>>;

/// Where the dispatcher's messages are sent to. It has no limit of its own: each of its senders waits for an answer, or is one of a
/// limited number of calls and commits.
pub(super) type Messages = mpsc::Sender<Message>;

/// The names of the documents that belong to an execution.
pub(super) type DocumentsOf = Box<dyn Fn(&str) -> Vec<String> + Send>;

pub(super) enum Message {
    Start {
        new: Box<NewExecution>,
        reply: Reply<ExecutionHeader>,
    },
    /// Drives an execution of the store; with `resume`, continues it after a pause or a failure.
    Drive {
        id: String,
        resume: Option<Resume>,
        reply: Reply<()>,
    },
    /// Answers a Task that need not wait yet.
    SignalEarly {
        id: String,
        state: String,
        answer: SignalAnswer,
        by: Option<Signaller>,
        /// Receives, before the reply, whether the answer is kept because no Task of that name waits.
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
    /// A turn that ran beside the dispatcher.
    TurnDone(Box<Done>),
    Durable {
        committed: Vec<Committed>,
    },
    StoreFailed {
        error: StoreError,
    },
    /// Whether an execution that is driven is asleep.
    Asleep {
        id: String,
        reply: oneshot::Sender<Option<Asleep>>,
    },
    /// Which of these executions are driven.
    Driven {
        ids: Vec<String>,
        reply: oneshot::Sender<Vec<String>>,
    },
    /// Forgets ended executions, and the documents that the function names for each.
    Forget {
        ids: Vec<String>,
        documents: DocumentsOf,
        reply: Reply<usize>,
    },
    /// Whether the dispatcher answers.
    Ping {
        reply: oneshot::Sender<()>,
    },
    Drain {
        limit: Duration,
        reply: oneshot::Sender<usize>,
    },
    /// No handle is left.
    Stop,
}

/// How an execution is resumed.
pub(super) struct Resume {
    /// Where it acts from now on, if not where it did.
    pub environment: Option<Value>,
    /// The state it continues at; empty to continue where it stopped.
    pub from: Vec<Reentry>,
}

/// One execution's part of a batch that is durable now.
pub(super) struct Committed {
    pub id: Arc<str>,
    pub environment: Arc<Value>,
    pub commands: Vec<Command>,
    pub entries: Arc<Vec<Entry>>,
    pub header: Option<Arc<ExecutionHeader>>,
    pub reply: Option<Reply<ExecutionHeader>>,
    pub done: Option<Reply<()>>,
}
