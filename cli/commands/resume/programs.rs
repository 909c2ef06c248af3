//! Refuses to continue an execution whose programs this process does not allow: its Task would fail. In another process it would run.

use api::flow::DescribeExecutionResponse;
use engine::machine::{ExecutionHeader, Reentry};

use crate::{checks::lacking_when_resumed, exit::CliError, owner::Handle, shell::quote_name};

/// Refuses an execution whose programs this process does not allow, if no other process owns the store, so that this process would drive
/// it. `state` and `path`: the state that the execution enters again.
///
/// # Errors
/// The hint is the command that allows them.
pub(super) async fn refuse(
    handle: &Handle,
    described: &DescribeExecutionResponse,
    state: Option<&str>,
    path: &[Reentry],
) -> Result<(), CliError> {
    if handle.owner_elsewhere().await.is_some() {
        return Ok(());
    }
    let Some(lacking) = lacking_when_resumed(described, path, handle.settings()) else { return Ok(()) };
    let from = state.map_or_else(String::new, |state| format!(" --from {}", quote_name(state)));
    Err(lacking.refusal(&described.execution.id, &from))
}

/// The reason why this process, the owner of the store, does not continue one of all executions; `None` if it continues the execution, or
/// if the execution was pruned meanwhile.
pub(super) async fn refusal_among_all(handle: &Handle, header: &ExecutionHeader) -> Option<CliError> {
    // The person who ran it has pinned what is allowed: no definition is read.
    if header.environment["has_own_settings"] == true {
        return None;
    }
    let described = handle.describe(&header.id, true).await.ok()?;
    lacking_when_resumed(&described, &[], handle.settings()).map(|lacking| lacking.refusal_among_all())
}
