//! `flow run --id` with the id of an execution that exists already.

use api::flow::{DescribeExecution, DescribeExecutionRequest};
use engine::machine::ExecutionStatus;
use serde_json::json;

use crate::{
    exit::{CliError, Exit},
    global::{Global, Output},
    owner::Handle,
    ui::json,
};

/// The status of the execution with this id; `None` if there is none.
///
/// # Errors
/// The execution cannot be read.
pub(super) async fn status(handle: &Handle, id: &str) -> Result<Option<ExecutionStatus>, CliError> {
    let request = DescribeExecutionRequest { id: id.to_owned(), as_shown: false };
    match handle.call::<DescribeExecution>(request).await {
        Ok(described) => Ok(Some(described.execution.status)),
        Err(error) if error.exit == Exit::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reports that nothing is run, because the execution has ended already.
pub(super) fn report(global: &Global, id: &str, status: ExecutionStatus) {
    let status = status_name(status);
    let verb = if status == "ABORTED" { "was" } else { "has" };
    let message = format!("{id} exists already and {verb} {status}; nothing was run");
    match global.output {
        Output::Json => {
            json::print(json!({ "type": "execution", "execution": id, "displayStatus": status, "message": message }))
        }
        Output::Human if global.quiet => {}
        Output::Human => say!("{message}"),
    }
}

fn status_name(status: ExecutionStatus) -> &'static str {
    match status {
        ExecutionStatus::Running => "RUNNING",
        ExecutionStatus::Succeeded => "SUCCEEDED",
        ExecutionStatus::Failed => "FAILED",
        ExecutionStatus::TimedOut => "TIMED_OUT",
        ExecutionStatus::Aborted => "ABORTED",
    }
}
