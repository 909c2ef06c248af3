//! `flow cancel`.

use api::flow::{CancelExecution, CancelExecutionRequest};
use clap::Args;
use engine::machine::ExecutionStatus;
use serde_json::json;

use crate::{
    arguments::{Global, Output},
    exit::{CliError, Exit},
    locate::locate_at,
    owner::Answered,
    target::Target,
};

/// Arguments of `flow cancel`.
#[derive(Debug, Args)]
pub struct CancelArguments {
    /// The execution: its id, a unique prefix, its ARN, or @latest.
    id: String,
    /// The engine.
    #[command(flatten)]
    target: Target,
}

/// Ends an execution as ABORTED; what it made stays.
pub async fn run(global: &Global, arguments: CancelArguments) -> Result<Exit, CliError> {
    let (id, handle) = locate_at(global, &arguments.target, &arguments.id).await?.answer().await?;
    let request = CancelExecutionRequest {
        id: id.clone(),
        error: "Cancelled".to_owned(),
        cause: "cancelled by a person".to_owned(),
    };
    let answered = handle.call_once::<CancelExecution>(request).await;
    let closed = handle.close().await;
    let Answered { response, is_repeated } = answered?;
    closed?;
    // The owner that ended during the first call had cancelled it.
    let is_ours = is_repeated && response.ended_before == Some(ExecutionStatus::Aborted);
    if let Some(status) = response.ended_before.filter(|_| !is_ours) {
        let status = serde_json::to_value(status).unwrap_or_default();
        let message = format!("{id} had ended before ({}): nothing was changed", status.as_str().unwrap_or_default());
        return Err(CliError::new(Exit::Failed, message).hint(format!("flow status {id} shows it")));
    }
    match global.output {
        Output::Human if global.quiet => {}
        Output::Human => {
            say!("{id} is cancelled. What it created stays. To continue after all: flow resume {id}");
        }
        Output::Json => {
            say!("{}", json!({ "type": "cancelled", "execution": id, "message": format!("{id} is cancelled") }))
        }
    }
    Ok(Exit::Success)
}
