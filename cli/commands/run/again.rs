//! `flow run --again ID`: the input of an earlier execution, and its definition where no other is named.

use api::flow::{DescribeExecution, DescribeExecutionRequest, PlanReentryResponse};
use serde_json::Value;

use super::RunArguments;
use crate::{arguments::Global, exit::CliError, locate::locate, reentry};

/// What an earlier execution ran with.
pub struct Earlier {
    /// The workflow's name.
    pub workflow: String,
    /// The definition that it has pinned.
    pub definition: Value,
}

/// What `--again` and `--from` say.
#[derive(Default)]
pub struct Again {
    /// The earlier execution, where its own definition is to run.
    pub earlier: Option<Earlier>,
    /// The state to begin at.
    pub from: Option<PlanReentryResponse>,
}

/// Reads the earlier execution. Its input becomes that of the arguments, unless they name another.
///
/// # Errors
/// No single execution is meant, or its store cannot be read.
pub async fn read(global: &Global, arguments: &mut RunArguments) -> Result<Again, CliError> {
    let Some(wanted) = &arguments.again else { return Ok(Again::default()) };
    let located = locate(global, wanted).await?;
    let request = DescribeExecutionRequest { id: located.header.id.clone(), as_shown: false };
    let described = located.store.call::<DescribeExecution>(request).await?;
    let from = match &arguments.from {
        Some(state) => Some(reentry::plan(&located.store, &located.header.id, state).await?),
        None => None,
    };
    // Closed, not left to the end of this process: it drives the store next.
    drop(located.store);
    if arguments.input.is_none() {
        arguments.input = Some(described.execution.input.to_string());
    }
    let workflow = described.execution.workflow.clone();
    if !arguments.workflow.is_empty() {
        return Ok(Again { earlier: None, from });
    }
    if workflows::find(&workflow).is_some() {
        arguments.workflow = workflow;
        return Ok(Again { earlier: None, from });
    }
    Ok(Again { earlier: Some(Earlier { workflow, definition: described.definition }), from })
}
