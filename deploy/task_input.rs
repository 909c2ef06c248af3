//! The input of an activity's task, as the compiler writes it into the definition and a worker reads it.

use engine::step::idempotency_token;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The error with which a worker gives a task back for another one. The compiled definition retries it.
pub const WORKER_STOPPED: &str = "Flow.WorkerStopped";

/// A step's arguments, with the visit of the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskInput {
    /// The visit.
    pub flow: Visit,
    /// The step's arguments.
    pub input: Value,
}

/// A visit of a state, from the context object of Step Functions. Only `retry_count` differs between attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Visit {
    /// `$$.Execution.Id`: the execution's ARN, or that of a child execution of a distributed Map.
    pub execution: String,
    /// `$$.Execution.StartTime`, RFC 3339.
    pub started_at: String,
    /// The state's path in the definition.
    pub state_path: String,
    /// `$$.State.EnteredTime`, RFC 3339. It distinguishes visits, because Step Functions does not number them.
    pub entered_at: String,
    /// `$$.State.RetryCount`: 0 at the first attempt.
    #[serde(default)]
    pub retry_count: u32,
    /// The index in each inline Map that contains the state, outermost first.
    #[serde(default)]
    pub index: Vec<u64>,
    /// The state's HeartbeatSeconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_seconds: Option<u64>,
    /// `$$.Execution.RedriveCount`, if the Task has a time-out and no rule of the author retries it; else `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive_count: Option<u32>,
    /// The state's TimeoutSeconds. They limit one attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
}

/// The error of a task's input that cannot be parsed.
#[derive(Debug, PartialEq, Eq)]
pub struct TaskInputError(String);

impl std::fmt::Display for TaskInputError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the task's input is not one that `flow deploy` wrote: {}", self.0)
    }
}

impl std::error::Error for TaskInputError {}

impl TaskInput {
    /// Parses a task's input.
    ///
    /// # Errors
    /// The compiler did not write it.
    pub fn read(text: &str) -> Result<Self, TaskInputError> {
        let input: TaskInput = serde_json::from_str(text).map_err(|error| TaskInputError(error.to_string()))?;
        for time in [&input.flow.started_at, &input.flow.entered_at] {
            milliseconds(time).ok_or_else(|| TaskInputError(format!("'{time}' is not a time")))?;
        }
        Ok(input)
    }
}

impl Visit {
    /// The state's path with the indexes of the Maps that contain it, such as `Create subnet[0,3]`.
    pub fn indexed_path(&self) -> String {
        if self.index.is_empty() {
            return self.state_path.clone();
        }
        let index: Vec<String> = self.index.iter().map(u64::to_string).collect();
        format!("{}[{}]", self.state_path, index.join(","))
    }

    /// The state's name.
    pub fn state_name(&self) -> &str {
        self.state_path.rsplit('/').next().unwrap_or_default()
    }

    /// The idempotency token: the same for every attempt of a visit, different for every other visit.
    pub fn token(&self) -> String {
        idempotency_token(&self.execution, &self.indexed_path(), self.entered_ms())
    }

    /// Whether every earlier attempt since the entry of the state ended with its worker. If so, this attempt continues the first one. It is
    /// not known after a redrive, which counts the retries from 0 again and keeps the time of the entry.
    pub fn continues(&self) -> bool {
        self.retry_count > 0 && self.redrive_count == Some(0)
    }

    /// When the state was entered, in milliseconds since the Unix epoch.
    pub fn entered_ms(&self) -> u64 {
        milliseconds(&self.entered_at).unwrap_or(0)
    }

    /// When the execution was started, in milliseconds since the Unix epoch.
    pub fn started_ms(&self) -> u64 {
        milliseconds(&self.started_at).unwrap_or(0)
    }
}

fn milliseconds(time: &str) -> Option<u64> {
    u64::try_from(time.parse::<jiff::Timestamp>().ok()?.as_millisecond()).ok()
}
