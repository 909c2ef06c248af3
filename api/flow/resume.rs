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
    /// Whether an execution that has ended is left unchanged: another process may have cancelled it since the caller read it.
    #[serde(default)]
    pub only_unfinished: bool,
    /// The execution's number of redrives when the caller read it. If another caller has redriven it since, it is not redriven again: both
    /// callers continue the same execution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive_count: Option<u32>,
}

/// The response of [`ResumeExecution`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResumeResponse {
    /// The status with which the execution had ended, if this request left it unchanged. Reasons: it had succeeded meanwhile, another
    /// caller had redriven it and it had ended again, or the request was only for an unfinished execution.
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
        let ResumeRequest { id, environment, from, only_unfinished, redrive_count } = request;
        if only_unfinished && let Some(status) = api.end_status(&id)? {
            return Ok(ResumeResponse { ended_before: Some(status) });
        }
        api.verify_resumed(&id, environment.as_ref()).await?;
        let resumed = match only_unfinished {
            true => api.runner.resume_unfinished(&id, environment).await.map_err(Fault::from),
            false => api.resume(&id, environment, from, redrive_count).await,
        };
        match resumed {
            // A prune deletes also what is about to be redriven. The API's text names an ARN, which the caller did not give.
            Err(fault) if fault.kind == "ExecutionDoesNotExist" => Err(Fault::no_execution(&id)),
            resumed => resumed.map(|ended_before| ResumeResponse { ended_before }),
        }
    }
}

/// Loads an execution that another process left, and does not change its state: a paused or failed execution remains paused or failed. An
/// owner that cannot act in the pinned environment refuses, so that another process can continue the execution.
pub struct RecoverExecution;

impl Operation for RecoverExecution {
    const NAME: &'static str = "Flow.RecoverExecution";
    type Request = ExecutionIdRequest;
    type Response = Empty;

    async fn answer(api: &Api, ExecutionIdRequest { id }: ExecutionIdRequest) -> Result<Empty, Fault> {
        api.verify_recovered(&id).await?;
        api.runner.recover(&id).await?;
        Ok(Empty {})
    }
}
