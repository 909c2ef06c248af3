//! `flow resume --from STATE`: shows which calls may be repeated, and asks for consent.

use api::flow::PlanReentryResponse;
use engine::machine::{ExecutionHeader, ExecutionStatus};

use crate::{
    execution::reentry,
    exit::CliError,
    global::Global,
    ids::REHEARSAL_PREFIX,
    owner::Handle,
    person::question::{self, Asked},
    proposed::{OPTIONS, again_from, quote_id},
};

/// Plans the re-entry of the state.
///
/// # Errors
/// The execution has not failed, never entered the state, or cannot enter it on its own.
pub async fn plan(handle: &Handle, header: &ExecutionHeader, state: &str) -> Result<PlanReentryResponse, CliError> {
    let id = &header.id;
    // First: no proposed command can enter a state that cannot be entered.
    let planned = reentry::plan(handle, id, state).await?;
    match header.status {
        ExecutionStatus::Running => {
            let message = format!("{id} has not ended: nothing was changed");
            Err(CliError::refused(message)
                .hint(format!("flow cancel {}{OPTIONS}   ends it; then repeat the command", quote_id(id))))
        }
        ExecutionStatus::Succeeded => {
            let message = format!("{id} has succeeded: nothing was changed");
            let place = if id.starts_with(REHEARSAL_PREFIX) { "at its beginning" } else { "there" };
            Err(CliError::refused(message).hint(format!("{}   starts a new one {place}", again_from(None, id, state))))
        }
        _ => Ok(planned),
    }
}

/// Shows the plan, and asks for consent unless it was given.
///
/// # Errors
/// The person refuses, or no terminal is available for the question.
pub async fn agree(
    global: &Global,
    header: &ExecutionHeader,
    planned: &PlanReentryResponse,
    agreed: bool,
) -> Result<(), CliError> {
    reentry::show(global, planned);
    if agreed {
        return Ok(());
    }
    question::can_ask(Asked::Change, "--yes continues without asking")?;
    question::consent(Asked::Change, format!("Resume {} from {}? [y/N] ", header.id, planned.state_path)).await
}
