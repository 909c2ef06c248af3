//! What a step answers when it did not fail.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Approval;

/// The answer of one look.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<T> {
    /// The step is finished; the output becomes the Task's result.
    Done(Done<T>),
    /// Nothing to do until later: the engine stores when to look again and forgets the step until then.
    Pending(Pending),
}

/// A finished step.
#[derive(Debug, Clone, PartialEq)]
pub struct Done<T> {
    /// The Task's result.
    pub output: T,
    /// What the step did to the world, in order.
    pub effects: Vec<Effect>,
}

impl<T> Answer<T> {
    /// Finished without anything to report about the world.
    pub fn done(output: T) -> Self {
        Answer::Done(Done { output, effects: Vec::new() })
    }

    /// Finished, with one thing done to the world.
    pub fn with_effect(output: T, effect: Effect) -> Self {
        Answer::Done(Done { output, effects: vec![effect] })
    }

    /// Not yet: look again after `check_again_after`.
    pub fn pending(reason: impl Into<String>, check_again_after: Duration) -> Self {
        Answer::Pending(Pending::new(reason, check_again_after))
    }

    /// Not yet, and what was called has begun and answered `submitted` (`.sync`).
    pub fn submitted(reason: impl Into<String>, submitted: serde_json::Value, check_again_after: Duration) -> Self {
        Answer::Pending(Pending { submitted: Some(submitted), ..Pending::new(reason, check_again_after) })
    }

    /// Not yet: another execution of this store must end first. The engine calls again when it has, or after `check_again_after`.
    pub fn awaiting(reason: impl Into<String>, execution: String, check_again_after: Duration) -> Self {
        Answer::Pending(Pending { execution: Some(execution), ..Pending::new(reason, check_again_after) })
    }
}

/// Why a step is not finished and when to look again.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    /// One short phrase a person understands, such as `creating` or `no such name`.
    pub reason: String,
    /// How long to wait before the next look.
    pub check_again_after: Duration,
    /// What a person must do, when it is a person that is waited for.
    pub instructions: Option<Instructions>,
    /// What the call that began it answered; the history records it once.
    pub submitted: Option<serde_json::Value>,
    /// The id of the execution whose end is waited for.
    pub execution: Option<String>,
}

impl Pending {
    /// Waits for something that a later call finds.
    pub fn new(reason: impl Into<String>, check_again_after: Duration) -> Self {
        let (instructions, submitted, execution) = (None, None, None);
        Pending { reason: reason.into(), check_again_after, instructions, submitted, execution }
    }
}

/// What a person must do before a wait can end: data that terminal, JSON and page all show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instructions {
    /// The sentence that says what to do, such as `Add this record at the DNS host of example.com:`.
    pub sentence: String,
    /// Named values to copy, in order, such as `("type", "CNAME")`.
    pub values: Vec<(String, String)>,
    /// The output with which the task may be signalled to continue without the check; `None` where only the check knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<serde_json::Value>,
    /// The question, where a person is asked to decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Box<Approval>>,
}

/// What happened to one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It did not exist and was made.
    Created,
    /// It existed, is this deployment's, but was made by another execution or in an attempt whose answer was lost.
    Adopted,
    /// It existed and was mended.
    Updated,
    /// It existed as wanted.
    Unchanged,
    /// It was removed.
    Deleted,
}

/// One thing a step did to, or found in, the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// What happened.
    pub change: Change,
    /// The kind of resource in CloudFormation's words, such as `AWS::EC2::VPC`.
    pub resource_type: String,
    /// Its id or ARN.
    pub id: String,
    /// Its name, where it has one that people use.
    pub name: Option<String>,
    /// Whether it costs money while it exists.
    pub billed: bool,
}

impl Effect {
    /// An effect on a resource that costs nothing to keep.
    pub fn new(change: Change, resource_type: &str, id: impl Into<String>) -> Self {
        Effect { change, resource_type: resource_type.to_owned(), id: id.into(), name: None, billed: false }
    }

    /// The same, with the name that people use for it.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same, for a resource that costs money while it exists.
    pub fn billed(mut self) -> Self {
        self.billed = true;
        self
    }
}
