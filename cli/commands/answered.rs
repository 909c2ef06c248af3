//! The report after a task was answered.

use api::flow::{DescribeExecution, DescribeExecutionRequest, MarkShown, MarkShownRequest};
use engine::machine::{ExecutionHeader, ExecutionStatus};

use crate::{
    clock,
    exit::CliError,
    owner::Handle,
    proposed::OPTIONS,
    ui::{display_status::display_status, summary},
};

/// Records that a person knows of the end of an execution, so that `flow resume --all` does not report it.
///
/// # Errors
/// The owner of the store does not answer.
pub async fn end_was_shown(handle: &Handle, execution: &ExecutionHeader) -> Result<(), CliError> {
    let request = MarkShownRequest { id: execution.id.clone(), sequence: execution.last_sequence };
    handle.call::<MarkShown>(request).await.map(drop)
}

/// The end of a sentence about an answer: how the execution ended, or how to continue it. Only a full stop if another
/// process drives the execution.
///
/// # Errors
/// The execution cannot be read.
pub async fn afterwards(handle: &Handle, id: &str) -> Result<String, CliError> {
    if handle.is_remote().await || handle.at_step_functions().await.is_some() {
        return Ok(".".to_owned());
    }
    let request = DescribeExecutionRequest { id: id.to_owned(), as_shown: false };
    let described = handle.call::<DescribeExecution>(request).await?;
    if described.execution.status == ExecutionStatus::Running {
        return Ok(format!(". No process drives it: flow resume {id}{OPTIONS}"));
    }
    end_was_shown(handle, &described.execution).await?;
    let now_ms = clock::of(handle.home()).now_ms();
    let status = display_status(&described.execution, false, None, now_ms);
    Ok(format!(". {}", summary::one_line(&described.view, status, now_ms)))
}
