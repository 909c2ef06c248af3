//! `flow cancel`.

use clap::Args;
use engine::machine::ExecutionHeader;
use serde_json::{Value, json};

use crate::{
    arguments::{Global, Output},
    exit::{CliError, Exit},
    session::{Session, locate},
};

/// Arguments of `flow cancel`.
#[derive(Debug, Args)]
pub struct CancelArguments {
    /// The execution: its id, a unique prefix, or @latest.
    id: String,
}

/// Ends an execution as ABORTED; what it made stays.
pub async fn run(global: &Global, arguments: CancelArguments) -> Result<Exit, CliError> {
    let (place, ExecutionHeader { id, .. }) = locate(global, &arguments.id).await?;
    let mut session = Session::open(&place).await?;
    let answer = stop(&mut session, &id).await;
    session.close().await;
    answer?;
    if global.output == Output::Human {
        say!("{id} is cancelled. What it made stays; flow resume {id} goes on, the teardown workflow removes it.");
    }
    Ok(Exit::Success)
}

async fn stop(session: &mut Session, id: &str) -> Result<Value, CliError> {
    let execution_arn = session.execution_arn(id).await?;
    if execution_arn.contains(":express:") {
        let message = format!("{id} is an EXPRESS execution, and Step Functions cannot stop those");
        return Err(CliError::refused(message).hint("it ends by itself within five minutes"));
    }
    let request = json!({ "executionArn": execution_arn, "error": "Cancelled", "cause": "cancelled by a person" });
    session.call("AWSStepFunctions.StopExecution", &request).await
}
