//! `flow run --again ID`: the input of an earlier execution, and its definition where no other is named.

use api::flow::{DescribeExecution, DescribeExecutionRequest};
use serde_json::Value;

use super::RunArguments;
use crate::{arguments::Global, exit::CliError, locate::locate};

/// What an earlier execution ran with.
pub struct Earlier {
    /// The workflow's name.
    pub workflow: String,
    /// The definition that it has pinned.
    pub definition: Value,
}

/// Reads the earlier execution. Its input becomes that of the arguments, unless they name another.
///
/// # Errors
/// No single execution is meant, or its store cannot be read.
pub async fn read(global: &Global, arguments: &mut RunArguments) -> Result<Option<Earlier>, CliError> {
    let Some(wanted) = &arguments.again else { return Ok(None) };
    let located = locate(global, wanted).await?;
    let request = DescribeExecutionRequest { id: located.header.id.clone(), as_shown: false };
    let described = located.store.call::<DescribeExecution>(request).await?;
    // Closed, not left to the end of this process: it drives the store next.
    drop(located.store);
    if arguments.input.is_none() {
        arguments.input = Some(described.execution.input.to_string());
    }
    let workflow = described.execution.workflow.clone();
    if !arguments.workflow.is_empty() {
        return Ok(None);
    }
    if workflows::find(&workflow).is_some() {
        arguments.workflow = workflow;
        return Ok(None);
    }
    Ok(Some(Earlier { workflow, definition: described.definition }))
}
