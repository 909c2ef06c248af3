//! History events, with the names and details of AWS's `HistoryEvent` (Step Functions API Reference, GetExecutionHistory).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One event of an execution's history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryEvent {
    /// Position in the history: dense, from 1.
    pub id: u64,
    /// The id of the event that led to this one; 0 for the first.
    #[serde(rename = "previousEventId")]
    pub previous_event_id: u64,
    /// The path of the frame it happened in, such as `VPC and subnets[0]`; empty at the top.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub frame: Arc<str>,
    /// Type and details.
    #[serde(flatten)]
    pub details: HistoryEventDetails,
}

/// An error name and its cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorAndCause {
    /// The error name, such as `States.Timeout`.
    pub error: String,
    /// The text for people.
    pub cause: String,
}

/// The expression that failed, and its error (Step Functions API Reference, EvaluationFailedEventDetails).
#[expect(missing_docs, reason = "the fields are those of the API reference")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvaluationFailedEventDetails {
    pub state: String,
    pub location: String,
    pub error: String,
    pub cause: String,
}

/// The error of a [`HistoryEventDetails::TaskStartFailed`]: the attempt continues with the call, so no rule of the definition matches it.
pub const NOT_CALLED: &str = "Flow.NotCalled";

/// The types of event that this version of the machine writes, each with AWS's details.
#[expect(missing_docs, reason = "the fields are those of the API reference's event details, under their names")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum HistoryEventDetails {
    /// The execution began.
    ExecutionStarted { input: Arc<Value> },
    /// The execution succeeded.
    ExecutionSucceeded { output: Arc<Value> },
    /// The execution failed.
    ExecutionFailed(ErrorAndCause),
    /// The execution ran out of time.
    ExecutionTimedOut(ErrorAndCause),
    /// The execution was cancelled.
    ExecutionAborted(ErrorAndCause),
    /// The execution continues after a failure; `redrive_count` counts from 1.
    ExecutionRedriven { redrive_count: u32 },
    /// An expression failed.
    EvaluationFailed(Box<EvaluationFailedEventDetails>),
    /// A state was entered; `state_type` is the type of the state (`Task`, `Pass`, …), which AWS writes into the event's type.
    StateEntered { state_type: StateType, name: Arc<str>, input: Arc<Value> },
    /// A state was left.
    StateExited {
        state_type: StateType,
        name: Arc<str>,
        output: Arc<Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        assigned_variables: Option<Box<serde_json::Map<String, Value>>>,
    },
    /// A state was aborted: its branch or iteration failed, or a sibling did.
    StateAborted { state_type: StateType, name: Arc<str> },
    /// A Task's call is scheduled; durable before the call is made.
    TaskScheduled {
        name: Arc<str>,
        resource: Arc<str>,
        parameters: Arc<Value>,
        timeout_seconds: Option<u64>,
        heartbeat_seconds: Option<u64>,
        /// `RoleArn` of the Task's `Credentials`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role_arn: Option<Box<str>>,
    },
    /// A Task's call is being made.
    TaskStarted {
        name: Arc<str>,
        resource: Arc<str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        worker: Option<String>,
    },
    /// A Task's call succeeded.
    TaskSucceeded { name: Arc<str>, resource: Arc<str>, output: Arc<Value> },
    /// A Task's call that was scheduled was not made: the process stopped or cannot act for the execution. A TaskStarted follows when
    /// another process makes it. The error is [`NOT_CALLED`].
    TaskStartFailed {
        name: Arc<str>,
        resource: Arc<str>,
        #[serde(flatten)]
        failure: ErrorAndCause,
    },
    /// A Task could not be scheduled: its activity does not exist.
    TaskScheduleFailed {
        name: Arc<str>,
        resource: Arc<str>,
        #[serde(flatten)]
        failure: ErrorAndCause,
    },
    /// A Task's call failed.
    TaskFailed {
        name: Arc<str>,
        resource: Arc<str>,
        #[serde(flatten)]
        failure: ErrorAndCause,
    },
    /// A Task's call took too long.
    TaskTimedOut {
        name: Arc<str>,
        resource: Arc<str>,
        #[serde(flatten)]
        failure: ErrorAndCause,
    },
    /// A Task's call has begun, and the Task waits for its token (`.waitForTaskToken`) or for its next poll.
    TaskSubmitted { name: Arc<str>, resource: Arc<str>, output: Arc<Value> },
    /// A Parallel's branches began.
    ParallelStateStarted { name: Arc<str> },
    /// All branches of a Parallel succeeded.
    ParallelStateSucceeded { name: Arc<str> },
    /// A branch of a Parallel failed.
    ParallelStateFailed {
        name: Arc<str>,
        #[serde(flatten)]
        failure: ErrorAndCause,
    },
    /// A Map's iterations began.
    MapStateStarted { name: Arc<str>, length: u64 },
    /// All iterations of a Map succeeded.
    MapStateSucceeded { name: Arc<str> },
    /// A Map failed.
    MapStateFailed {
        name: Arc<str>,
        #[serde(flatten)]
        failure: ErrorAndCause,
    },
    /// The run of a distributed Map began; `map_run` is the part of its ARN after the account.
    MapRunStarted { map_run: String },
    /// The run of a distributed Map continues after a failure; `redrive_count` counts from 1.
    MapRunRedriven { map_run: String, redrive_count: u32 },
    /// The run of a distributed Map succeeded.
    MapRunSucceeded,
    /// The run of a distributed Map failed.
    MapRunFailed(ErrorAndCause),
    /// One iteration began.
    MapIterationStarted { name: Arc<str>, index: u64 },
    /// One iteration succeeded.
    MapIterationSucceeded { name: Arc<str>, index: u64 },
    /// One iteration failed.
    MapIterationFailed {
        name: Arc<str>,
        index: u64,
        #[serde(flatten)]
        failure: ErrorAndCause,
    },
    /// One iteration was cancelled.
    MapIterationAborted { name: Arc<str>, index: u64 },
    /// An event of a type that a later version writes; this version reads it and never writes it.
    #[serde(other)]
    Unknown,
}

/// The eight types of state, named as in a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StateType {
    /// Does nothing but transform.
    Pass,
    /// Calls a step.
    Task,
    /// Branches on data.
    Choice,
    /// Waits for a time.
    Wait,
    /// Succeeds.
    Succeed,
    /// Ends with an error.
    Fail,
    /// Runs branches concurrently.
    Parallel,
    /// Runs one machine for each item.
    Map,
}

impl StateType {
    /// The name of the type in a definition.
    pub fn name(self) -> &'static str {
        match self {
            StateType::Pass => "Pass",
            StateType::Task => "Task",
            StateType::Choice => "Choice",
            StateType::Wait => "Wait",
            StateType::Succeed => "Succeed",
            StateType::Fail => "Fail",
            StateType::Parallel => "Parallel",
            StateType::Map => "Map",
        }
    }
}
