//! Tasks that are answered from outside: by workers of activities and by holders of a task token.

use std::time::Duration;

use engine::{journal::ErrorAndCause, step::TaskToken};
use serde::Deserialize;
use serde_json::json;

use crate::{Answer, Api, Fault, executions::input};

/// The time that a request for a task waits (API Reference, GetActivityTask).
const LONG_POLL: Duration = Duration::from_secs(60);

/// A request of GetActivityTask.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActivityTaskRequest {
    activity_arn: String,
    #[serde(default)]
    worker_name: Option<String>,
}

/// A request of SendTaskSuccess.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskSuccessRequest {
    task_token: String,
    output: String,
}

/// A request of SendTaskFailure.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskFailureRequest {
    task_token: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    cause: String,
}

/// A request of SendTaskHeartbeat.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskHeartbeatRequest {
    task_token: String,
}

impl Api {
    pub(crate) async fn get_activity_task(&self, request: ActivityTaskRequest) -> Answer {
        self.activity(&request.activity_arn)?;
        match self.runner.fetch(&request.activity_arn, request.worker_name, LONG_POLL).await? {
            Some(offer) => Ok(json!({ "taskToken": offer.token.encode(), "input": offer.input.to_string() })),
            None => Ok(json!({})),
        }
    }

    pub(crate) async fn send_task_success(&self, request: TaskSuccessRequest) -> Answer {
        let token = checked_token(&request.task_token)?;
        let output = input::read_output(&request.output)?;
        self.still_waited(&token, self.runner.answer_task(&token, Ok(output), None).await?)
    }

    pub(crate) async fn send_task_failure(&self, request: TaskFailureRequest) -> Answer {
        let token = checked_token(&request.task_token)?;
        let failure = ErrorAndCause { error: request.error, cause: request.cause };
        let answered = self.runner.answer_task(&token, Err(failure), None).await?;
        self.still_waited(&token, answered)
    }

    pub(crate) async fn send_task_heartbeat(&self, request: TaskHeartbeatRequest) -> Answer {
        let token = checked_token(&request.task_token)?;
        let beaten = self.runner.heartbeat(&token).await?;
        self.still_waited(&token, beaten)
    }

    fn still_waited(&self, token: &TaskToken, waited: bool) -> Answer {
        if waited {
            return Ok(json!({}));
        }
        // AWS distinguishes a task that has ended from one that never existed.
        match self.runner.store().header(&token.execution)? {
            Some(_) => Err(Fault::new("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")),
            None => Err(Fault::new("TaskDoesNotExist", "Task does not exist")),
        }
    }
}

fn checked_token(text: &str) -> Result<TaskToken, Fault> {
    TaskToken::decode(text).ok_or_else(Fault::invalid_token)
}
