//! Notes: what Step Functions has no event for, but a person wants to know.

use serde::{Deserialize, Serialize};

use super::Signaller;
use crate::step::{Effect, Instructions, StepError};

/// A note about one state (`state_path` such as `VPC and subnets/Create VPC`) or the whole execution.
#[expect(missing_docs, reason = "the fields are named as in StepContext, StepError and Effect")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Note {
    /// A look found it not ready. Written when reason or instructions change, not for every look.
    Waiting {
        state_path: String,
        reason: String,
        look: u32,
        next_look_ms: u64,
        deadline_ms: Option<u64>,
        instructions: Option<Instructions>,
    },
    /// A failed attempt will be repeated.
    RetryScheduled { state_path: String, attempt: u32, next_attempt_ms: u64, failure: StepFailure },
    /// A failure was caught and the workflow goes on elsewhere.
    Caught { state_path: String, next: String, failure: StepFailure },
    /// What a step did to the world.
    Effect { state_path: String, effect: Effect },
    /// The execution cannot go on until a person mends something (credentials); `flow resume` goes on.
    Paused { state_path: String, failure: StepFailure },
    /// A pause ended.
    Continued { state_path: String },
    /// The execution continues at a state that it, or the execution that it repeats, had entered before; the entering follows.
    ResumedFrom { state_path: String },
    /// An attempt failed for good; the details behind the error name and cause in the history.
    Failure { state_path: String, attempt: u32, failure: StepFailure },
    /// A person answered a Task from outside.
    Signalled { state_path: String, by: Signaller, succeeded: bool },
    /// An answer is kept for a Task that does not wait yet; `state` is its name or path.
    SignalKept { state: String, by: Option<Signaller>, succeeded: bool },
    /// A Task came to wait and was given the answer that was kept for it.
    SignalApplied { state_path: String, by: Option<Signaller>, succeeded: bool },
    /// An answer that was kept is not needed any more.
    SignalDropped { state: String, by: Option<Signaller>, reason: String },
    /// A note of a kind that a later version writes; this version reads it and never writes it.
    #[serde(other)]
    Unknown,
}

/// An error as `Retry` and `Catch` see it, with what the step knows beyond that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFailure {
    /// The error name, such as `Flow.Throttled` or `States.Timeout`.
    pub error: String,
    /// The text for people.
    pub cause: String,
    /// What the step knows, where it was a step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<StepError>,
}

impl StepFailure {
    /// The longest error name, in characters. Source: Step Functions API Reference, `SendTaskFailure`.
    const ERROR_CHARACTERS_MAX: usize = 256;
    /// The longest cause, in characters. Source: as above.
    const CAUSE_CHARACTERS_MAX: usize = 32_768;

    /// The same, with texts no longer than AWS takes them: what a step or an expression says has no bound of its own.
    pub(crate) fn shortened(mut self) -> Self {
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
