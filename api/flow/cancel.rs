//! Cancelling an execution.

use engine::machine::{ExecutionStatus, FrameRow, FrameState};
use serde::{Deserialize, Serialize};

use crate::{Api, Fault, Operation};

/// Ends an execution as ABORTED, as StopExecution does. Reports how it ended if it had ended already.
pub struct CancelExecution;

/// A request of [`CancelExecution`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelExecutionRequest {
    /// The execution's id.
    pub id: String,
    /// The error in the history.
    pub error: String,
    /// The cause in the history, for people.
    pub cause: String,
    /// Whether to wait for the calls in flight. No new calls are made.
    #[serde(rename = "whenIdle", default)]
    pub after_calls: bool,
}

/// The response of [`CancelExecution`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancelExecutionResponse {
    /// The status with which the execution had ended already; `None` if this request cancels it.
    pub ended_before: Option<ExecutionStatus>,
    /// The Tasks whose calls are in flight, or were when the last process that ran the execution ended.
    #[serde(default)]
    pub in_flight: Vec<CallInFlight>,
    /// Whether the execution ends only when these calls have answered.
    #[serde(default)]
    pub waits: bool,
    /// The executions whose ends it waits for, which are cancelled with it.
    #[serde(default)]
    pub awaited: Vec<String>,
}

impl CancelExecutionResponse {
    /// The response for an execution that has ended already.
    pub fn ended(status: ExecutionStatus) -> Self {
        let (in_flight, awaited) = (Vec::new(), Vec::new());
        CancelExecutionResponse { ended_before: Some(status), in_flight, waits: false, awaited }
    }
}

/// A Task with a call that has not answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CallInFlight {
    /// The state's path.
    pub state_path: String,
    /// The time of the call, in milliseconds since the Unix epoch.
    pub called_ms: u64,
}

fn calls_in_flight(frames: &[FrameRow]) -> Vec<CallInFlight> {
    let call = |row: &FrameRow| match row.frame_state {
        FrameState::Task { next_poll_ms: None, parked: None, poll_started_ms, .. } => {
            Some(CallInFlight { state_path: row.state_path(), called_ms: poll_started_ms })
        }
        _ => None,
    };
    frames.iter().filter_map(call).collect()
}

/// The executions that Tasks have started and whose ends they wait for.
fn awaited(frames: &[FrameRow]) -> Vec<String> {
    let execution = |row: &FrameRow| match &row.frame_state {
        FrameState::Task { waiting: Some(waiting), .. } => waiting.execution.clone(),
        _ => None,
    };
    frames.iter().filter_map(execution).collect()
}

impl Operation for CancelExecution {
    const NAME: &'static str = "Flow.CancelExecution";
    type Request = CancelExecutionRequest;
    type Response = CancelExecutionResponse;

    async fn answer(api: &Api, request: CancelExecutionRequest) -> Result<CancelExecutionResponse, Fault> {
        let header = api.header_of(&request.id)?;
        if header.status != ExecutionStatus::Running {
            return Ok(CancelExecutionResponse::ended(header.status));
        }
        if header.id.split(':').count() > 2 {
            let message =
                format!("{} is an EXPRESS execution: it cannot be stopped and ends within five minutes", header.id);
            return Err(Fault::new("StateMachineTypeNotSupported", message));
        }
        let frames = api.runner.store().frames(&header.id)?;
        let (in_flight, awaited) = (calls_in_flight(&frames), awaited(&frames));
        // A call of a process that has ended will not answer: waiting for it is useless.
        let is_driven = !api.runner.driven(vec![header.id.clone()]).await.is_empty();
        if !request.after_calls || !is_driven {
            api.runner.cancel(&header.id, &request.error, &request.cause).await?;
            return Ok(CancelExecutionResponse { ended_before: None, in_flight, waits: false, awaited });
        }
        api.runner.cancel_after_calls(&header.id, &request.error, &request.cause).await?;
        let waits = api.header_of(&header.id)?.status == ExecutionStatus::Running;
        Ok(CancelExecutionResponse { ended_before: None, in_flight, waits, awaited })
    }
}
