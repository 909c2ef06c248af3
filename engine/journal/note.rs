//! Notes: facts that Step Functions has no event for and that people need.

use serde::{Deserialize, Serialize};

use super::Signaller;
use crate::step::{Instructions, ResourceChange, StepError};

/// A note about one state (`state_path` such as `VPC and subnets/Create VPC`) or about the execution.
#[expect(missing_docs, reason = "the fields are named as in StepContext, StepError and ResourceChange")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Note {
    /// A poll found the result not ready. Written when reason or instructions change, not for every poll.
    Waiting {
        state_path: String,
        reason: String,
        #[serde(rename = "look")]
        poll: u32,
        #[serde(rename = "nextLookMs")]
        next_poll_ms: u64,
        deadline_ms: Option<u64>,
        instructions: Option<Instructions>,
    },
    /// A failed attempt will be repeated. The rule that matched allows attempts up to the number `attempts_max`; entries of earlier
    /// versions do not have it.
    RetryScheduled {
        state_path: String,
        attempt: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attempts_max: Option<u32>,
        next_attempt_ms: u64,
        failure: StepFailure,
    },
    /// A `Catch` rule matched a failure, and the workflow continues at `next`.
    Caught { state_path: String, next: String, failure: StepFailure },
    /// A change that a step made to a resource.
    #[serde(rename = "effect")]
    ResourceChanged {
        state_path: String,
        #[serde(rename = "effect")]
        change: ResourceChange,
    },
    /// The execution is paused until a person repairs something (credentials) and calls `flow resume`.
    Paused { state_path: String, failure: StepFailure },
    /// A pause ended.
    Continued { state_path: String },
    /// The execution continues at a state that it, or the execution that it repeats, entered earlier. The StateEntered event follows.
    ResumedFrom { state_path: String },
    /// A process ended while a call was in flight of which no answer is recorded: the next process calls it again.
    CalledAgain { state_path: String, attempt: u32, reason: String },
    /// An attempt failed for good: the details of the error whose name and cause the history reports.
    Failure { state_path: String, attempt: u32, failure: StepFailure },
    /// A person answered a Task from outside.
    Signalled { state_path: String, by: Signaller, succeeded: bool },
    /// An answer is stored for a Task that does not wait yet; `state` is the Task's name or path.
    SignalKept { state: String, by: Option<Signaller>, succeeded: bool },
    /// A Task began to wait and received the answer that was stored for it.
    SignalApplied { state_path: String, by: Option<Signaller>, succeeded: bool },
    /// A stored answer was dropped without being used.
    SignalDropped { state: String, by: Option<Signaller>, reason: String },
    /// A person withdrew the answer that was stored for a Task; `given_by` had given it.
    SignalWithdrawn { state: String, by: Signaller, given_by: Option<Signaller> },
    /// A note of a kind that a later version writes; this version reads it and never writes it.
    #[serde(other)]
    Unknown,
}

/// An error as `Retry` and `Catch` match it, with the details that the step reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFailure {
    /// The error name, such as `Flow.Throttled` or `States.Timeout`.
    pub error: String,
    /// The text for people.
    pub cause: String,
    /// The error of the step, if a step failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<StepError>,
}

impl StepFailure {
    /// The longest error name, in characters. Source: Step Functions API Reference, `SendTaskFailure`.
    pub const ERROR_CHARACTERS_MAX: usize = 256;
    /// The longest cause, in characters. Source: the same page.
    pub const CAUSE_CHARACTERS_MAX: usize = 32_768;

    /// Truncates error and cause to AWS's limits: the texts of a step or an expression have no limit.
    pub fn shortened(mut self) -> Self {
        cut(&mut self.error, Self::ERROR_CHARACTERS_MAX);
        cut(&mut self.cause, Self::CAUSE_CHARACTERS_MAX);
        if let Some(details) = &mut self.details {
            cut(&mut details.cause, Self::CAUSE_CHARACTERS_MAX);
        }
        self
    }
}

pub(super) fn cut(text: &mut String, characters_max: usize) {
    if text.len() > characters_max
        && let Some((end, _)) = text.char_indices().nth(characters_max)
    {
        text.truncate(end);
    }
}
