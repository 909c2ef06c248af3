//! `flow run --id` with the id of an execution that exists already.

use engine::machine::{ExecutionHeader, ExecutionStatus};
use serde_json::{Value, json};

use crate::{
    clock,
    exit::{CliError, Exit},
    global::{Global, Output},
    home::Home,
    owner::Handle,
    ui::{display::Display, json},
};

/// The execution with this id; `None` if there is none.
///
/// # Errors
/// The execution cannot be read.
pub(super) async fn find(handle: &Handle, id: &str) -> Result<Option<ExecutionHeader>, CliError> {
    match handle.describe(id, false).await {
        Ok(described) => Ok(Some(described.execution)),
        Err(error) if error.exit == Exit::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The environments in which this process must be able to act before it becomes the owner of the store: the pinned one of an unfinished
/// execution with this id, or else that of the run. Without this check, the process would become the owner, be refused, and meanwhile
/// refuse a process that can act for the execution.
///
/// # Errors
/// The execution cannot be read.
pub(super) async fn acts_in(home: &Home, id: Option<&str>, environment: &Value) -> Result<Value, CliError> {
    let existing = match id {
        Some(id) => find(&Handle::read(home).await?, id).await?,
        None => None,
    };
    let pinned = existing.filter(calls_steps).map(|header| (*header.environment).clone());
    Ok(pinned.unwrap_or_else(|| environment.clone()))
}

/// Whether an execution is pinned to an account, and calls steps when a process drives it.
fn calls_steps(header: &ExecutionHeader) -> bool {
    !header.environment["accountId"].is_null() && !header.recovers_without_calls()
}

/// Refuses an owner that cannot act for an execution that has not ended, as `flow resume` does.
///
/// # Errors
/// The owner cannot act where the execution is pinned: the message names both accounts.
pub(super) async fn refuse_other_owner(handle: &Handle, header: &ExecutionHeader) -> Result<(), CliError> {
    if !calls_steps(header) {
        return Ok(());
    }
    handle.verify_acting(&header.environment).await
}

/// The display of an execution. The history of one that has ended is that of an earlier command: only the end is reported.
pub(super) fn display(global: &Global, handle: &Handle, id: &str, ended: Option<ExecutionStatus>) -> Display {
    let clock = clock::of(handle.home());
    let display = match ended {
        Some(_) if global.output == Output::Human => Display::none(clock),
        _ => Display::new(global, clock),
    };
    if let Some(ended) = ended {
        report(global, id, ended);
    }
    display
}

/// Reports that nothing is run, because the execution has ended already.
fn report(global: &Global, id: &str, status: ExecutionStatus) {
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
