//! Cancelling an execution.

use engine::machine::ExecutionStatus;
use serde::{Deserialize, Serialize};

use crate::{Api, Fault, Operation};

/// Ends an execution as ABORTED, as StopExecution does, and says where it had ended before.
pub struct CancelExecution;

/// A request of [`CancelExecution`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelExecutionRequest {
    /// The execution's id.
    pub id: String,
    /// The error that the history names.
    pub error: String,
    /// Why, for people.
    pub cause: String,
}

/// The response of [`CancelExecution`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelExecutionResponse {
    /// How it had ended before; `None` where it was cancelled now.
    pub ended_before: Option<ExecutionStatus>,
}

impl Operation for CancelExecution {
    const NAME: &'static str = "Flow.CancelExecution";
    type Request = CancelExecutionRequest;
    type Response = CancelExecutionResponse;

    async fn answer(api: &Api, request: CancelExecutionRequest) -> Result<CancelExecutionResponse, Fault> {
        let header = api.standing_of(&request.id)?;
        if header.status != ExecutionStatus::Running {
            return Ok(CancelExecutionResponse { ended_before: Some(header.status) });
        }
        if header.id.split(':').count() > 2 {
            let message =
                format!("{} is an EXPRESS execution: it cannot be stopped and ends within five minutes", header.id);
            return Err(Fault::new("StateMachineTypeNotSupported", message));
        }
        api.runner.cancel(&header.id, &request.error, &request.cause).await?;
        Ok(CancelExecutionResponse { ended_before: None })
    }
}
