//! The operations and their shapes.

use engine::store::{Store, StoreError};
use engine::{
    journal::Entry,
    machine::{ExecutionHeader, FrameRow},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The header that names the operation.
pub const TARGET: &str = "x-amz-target";

/// `Flow.Start`: what StartExecution does, with what it cannot say: definition, subject, environment.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    pub id: String,
    pub workflow: String,
    pub subject: Option<String>,
    pub environment: Value,
    pub definition: Value,
    pub input: Value,
}

/// `Flow.Status` of one execution.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    pub header: ExecutionHeader,
    pub frames: Vec<FrameRow>,
    pub definition: Value,
    /// Whether a process drives it right now.
    pub driven: bool,
    /// What Step Functions' operations call it; `None` where nobody was there to ask.
    #[serde(default)]
    pub execution_arn: Option<String>,
}

/// `Flow.List`: which executions; all where nothing is said.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Which {
    /// Only so many, those begun last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<usize>,
    /// Only those that these words may mean: an id, `@latest`; all for what may be a prefix or an ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named: Option<String>,
}

impl Which {
    /// The executions, those begun last first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn headers(&self, store: &Store) -> Result<Vec<ExecutionHeader>, StoreError> {
        let limit = self.latest.unwrap_or(usize::MAX);
        match self.named.as_deref() {
            Some("@latest") => store.latest(limit.min(1)),
            Some(id) => match store.summary(id)? {
                Some(header) => Ok(vec![header]),
                None => store.latest(limit),
            },
            None => store.latest(limit),
        }
    }
}

/// `Flow.List`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct List {
    pub headers: Vec<ExecutionHeader>,
    /// The ids of those that a process drives right now.
    pub driven: Vec<String>,
}

/// The id of an execution: `Flow.Status`, `Flow.Recover`, `Flow.Resume`.
#[derive(Debug, Serialize, Deserialize)]
pub struct Id {
    pub id: String,
}

/// `Flow.Export`: executions' ids; all where there is none.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Ids {
    pub ids: Vec<String>,
}

/// `Flow.Entries` and `Flow.Follow`: the journal from a sequence on.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct From {
    pub id: String,
    pub from_sequence: u64,
}

/// `Flow.Entries`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Entries {
    pub entries: Vec<Entry>,
}

/// `Flow.TaskToken`: a state that waits, by its path or its name.
#[derive(Debug, Serialize, Deserialize)]
pub struct Waiting {
    pub id: String,
    pub state: String,
}

/// `Flow.TaskToken`: what SendTaskSuccess and SendTaskFailure take.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskToken {
    pub task_token: String,
}

/// An error, in the shape of AWS JSON 1.0.
#[derive(Debug, Serialize, Deserialize)]
pub struct Refusal {
    #[serde(rename = "__type")]
    pub kind: String,
    pub message: String,
}
