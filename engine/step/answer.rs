//! The answer of a step that did not fail.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Approval;

/// The answer of one call.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer<T> {
    /// The step has finished; the output becomes the Task's result.
    Done(Done<T>),
    /// The step waits: the engine stores the time of the next poll and drops the call until then.
    Pending(Pending),
}

/// The result of a finished step.
#[derive(Debug, Clone, PartialEq)]
pub struct Done<T> {
    /// The Task's result.
    pub output: T,
    /// The changes that the step made to resources, in order.
    pub changes: Vec<ResourceChange>,
    /// The question of a call to a person, with a task token: the person's answer ends the Task.
    pub question: Option<Instructions>,
}

impl<T> Done<T> {
    /// A result with the changes to resources that the step made, in order.
    pub fn new(output: T, changes: Vec<ResourceChange>) -> Self {
        Done { output, changes, question: None }
    }
}

impl<T> Answer<T> {
    /// A finished step without resource changes.
    pub fn done(output: T) -> Self {
        Answer::Done(Done::new(output, Vec::new()))
    }

    /// A finished step with one resource change.
    pub fn with_change(output: T, change: ResourceChange) -> Self {
        Answer::Done(Done::new(output, vec![change]))
    }

    /// A step that waits: poll again after `check_again_after`.
    pub fn pending(reason: impl Into<String>, check_again_after: Duration) -> Self {
        Answer::Pending(Pending::new(reason, check_again_after))
    }

    /// A step that waits for the end of another execution of this store. The engine polls it then, or after `check_again_after`.
    pub fn awaiting(reason: impl Into<String>, execution: String, check_again_after: Duration) -> Self {
        Answer::Pending(Pending { execution: Some(execution), ..Pending::new(reason, check_again_after) })
    }
}

/// Why a step has not finished, and when to poll again.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    /// The reason for the wait: one short phrase for people, such as `creating` or `no such name`.
    pub reason: String,
    /// The time until the next poll.
    pub check_again_after: Duration,
    /// The instructions for a person, if the wait is for a person.
    pub instructions: Option<Instructions>,
    /// The answer of the call that began the job; the history records it once.
    pub submitted: Option<serde_json::Value>,
    /// The id of the execution whose end is awaited.
    pub execution: Option<String>,
}

impl Pending {
    /// A wait that a later poll ends.
    pub fn new(reason: impl Into<String>, check_again_after: Duration) -> Self {
        let (instructions, submitted, execution) = (None, None, None);
        Pending { reason: reason.into(), check_again_after, instructions, submitted, execution }
    }
}

/// The instructions for a person before a wait can end: data that terminal, JSON and page show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instructions {
    /// The action to take, such as `Add this record at the DNS host of example.com:`.
    pub sentence: String,
    /// Named values to copy, in order, such as `("type", "CNAME")`.
    pub values: Vec<(String, String)>,
    /// The output with which the task can be signalled to continue without the check; `None` if only a successful check returns it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<serde_json::Value>,
    /// The question, if a person is asked to decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Box<Approval>>,
}

/// A change of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeAction {
    /// It did not exist and was created.
    Created,
    /// It existed and belongs to this deployment, but was created by another execution or in an attempt whose answer was lost.
    Adopted,
    /// It existed and was changed to what is wanted.
    Updated,
    /// It existed and was as wanted.
    Unchanged,
    /// It was deleted.
    Deleted,
}

/// A change of a resource that a step made, or a resource that it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceChange {
    /// The kind of the change.
    #[serde(rename = "change")]
    pub action: ChangeAction,
    /// The kind of resource in CloudFormation's words, such as `AWS::EC2::VPC`.
    pub resource_type: String,
    /// Its id or ARN.
    pub id: String,
    /// Its name, if it has one that people use.
    pub name: Option<String>,
    /// Whether it costs money while it exists.
    pub billed: bool,
}

impl ResourceChange {
    /// A change of a resource that costs nothing to keep.
    pub fn new(action: ChangeAction, resource_type: &str, id: impl Into<String>) -> Self {
        ResourceChange { action, resource_type: resource_type.to_owned(), id: id.into(), name: None, billed: false }
    }

    /// Adds the name that people use for the resource.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Marks a resource that costs money while it exists.
    pub fn billed(mut self) -> Self {
        self.billed = true;
        self
    }
}
