//! Continuing executions.

use engine::machine::{ExecutionStatus, Reentry};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Empty;
use crate::{Api, Fault, Operation};

/// Continues an execution after a crash, a pause or a failure. Unlike RedriveExecution it has no limit of 14 days.
pub struct ResumeExecution;

/// A request of [`ResumeExecution`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResumeRequest {
    /// The execution's id.
    pub id: String,
    /// The environment from now on; `None` keeps the pinned one.
    #[serde(default)]
    pub environment: Option<Value>,
    /// The state at which it continues, as [`super::PlanReentry`] returns it. Empty continues where it stopped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<Reentry>,
    /// Whether an execution that has ended stays as it is: another process may have cancelled it since the caller read it.
    #[serde(default)]
    pub only_unfinished: bool,
}

/// The response of [`ResumeExecution`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResumeResponse {
    /// How the execution had ended before this request, if `only_unfinished` left it as it is.
    pub ended_before: Option<ExecutionStatus>,
}

/// The id of an execution.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExecutionIdRequest {
    /// The id.
    pub id: String,
}

impl Operation for ResumeExecution {
    const NAME: &'static str = "Flow.ResumeExecution";
    type Request = ResumeRequest;
    type Response = ResumeResponse;

    async fn answer(api: &Api, request: ResumeRequest) -> Result<ResumeResponse, Fault> {
        let ResumeRequest { id, environment, from, only_unfinished } = request;
        if only_unfinished {
            return Ok(ResumeResponse { ended_before: api.runner.resume_unfinished(&id, environment).await? });
        }
        match api.resume(&id, environment, from).await {
            // A prune deletes also what is about to be redriven. The API's text names an ARN, which the caller did not give.
            Err(fault) if fault.kind == "ExecutionDoesNotExist" => Err(Fault::no_execution(&id)),
            resumed => resumed.map(|()| ResumeResponse::default()),
        }
    }
}

/// Loads an execution that another process left, without changing its state: a paused or failed execution stays so.
pub struct RecoverExecution;

impl Operation for RecoverExecution {
    const NAME: &'static str = "Flow.RecoverExecution";
    type Request = ExecutionIdRequest;
    type Response = Empty;

    async fn answer(api: &Api, ExecutionIdRequest { id }: ExecutionIdRequest) -> Result<Empty, Fault> {
        api.runner.recover(&id).await?;
        Ok(Empty {})
    }
}
