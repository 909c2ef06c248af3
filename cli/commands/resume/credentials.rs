//! Compares the credentials of this process with the pins of the unfinished executions before `flow resume --all` takes the lock: an owner
//! that can act for none of them would refuse a process that can.

use std::sync::Arc;

use api::flow::{ListExecutions, ListRequest, ListResponse};
use engine::machine::ExecutionHeader;
use serde_json::Value;
use steps::LocalSettings;

use super::{GivenEnvironment, pinned, refuse_given_region};
use crate::{
    environments::Environments,
    exit::CliError,
    global::Global,
    interrupt,
    owner::{Handle, concerns_credentials, verify_each},
};

/// A store that is opened for all executions.
pub(super) struct Opened {
    /// The handle that drives them; a reader if there are refusals, or if there are no executions and no other owner.
    pub handle: Handle,
    /// The executions that had not ended and that no process drove before it was opened.
    pub known: Vec<ExecutionHeader>,
    /// The reasons why this process can act in none of the environments of the executions. Empty if it can act in one of them, or if
    /// another process owns the store.
    pub refusals: Refusals,
}

/// Why this process cannot act, by environment.
#[derive(Debug, Default)]
pub(super) struct Refusals(Vec<(Value, CliError)>);

impl Refusals {
    /// Why this process cannot act for an execution.
    pub fn of(&self, global: &Global, handle: &Handle, header: &ExecutionHeader) -> Option<CliError> {
        let environment = acts_in(global, handle.settings(), header)?;
        let (_, error) = self.0.iter().find(|(refused, _)| *refused == environment)?;
        Some(error.clone())
    }
}

/// Opens the store to drive all executions that have not ended. Opens it for reading if no process owns it, and all have
/// ended or this process can act for none of them.
///
/// # Errors
/// The store cannot be opened or read, or a signal arrived.
pub(super) async fn open(global: &Global, environments: Arc<Environments>) -> Result<Opened, CliError> {
    let (reader, ListResponse { executions: mut known, driven, .. }) = tokio::select! {
        listed = unfinished(&environments) => listed?,
        exit = interrupt::requested() => return Err(interrupt::nothing_begun(exit)),
    };
    if known.is_empty() && !reader.is_remote().await {
        // Nothing is driven, so the store is not opened a second time.
        return Ok(Opened { handle: reader, known, refusals: Refusals::default() });
    }
    let is_owned = reader.is_remote().await;
    // Releases the lock before the credentials are compared, which may take long.
    drop(reader);
    let needed = needed(global, environments.settings(), &known);
    // The process that drives an execution reports its end.
    known.retain(|header| !driven.contains(&header.id));
    if !is_owned && let Err(refusals) = verify_each(&environments, &needed).await {
        return read_without_credentials(&environments, known, refusals).await;
    }
    match Handle::drive_unless_stopped(environments.clone(), needed.clone()).await {
        Ok(handle) => Ok(Opened { handle, known, refusals: Refusals::default() }),
        // The owner has ended meanwhile.
        Err(error) if error.fault.as_deref().is_some_and(concerns_credentials) => {
            match verify_each(&environments, &needed).await {
                Ok(()) => Err(error),
                Err(refusals) => read_without_credentials(&environments, known, refusals).await,
            }
        }
        Err(error) => Err(error),
    }
}

/// The store, opened for reading by a process that can act in none of the environments.
async fn read_without_credentials(
    environments: &Environments,
    known: Vec<ExecutionHeader>,
    mut refusals: Vec<(Value, CliError)>,
) -> Result<Opened, CliError> {
    if let Some(exit) = interrupt::received() {
        return Err(interrupt::nothing_begun(exit));
    }
    let handle = Handle::read(environments.home()).await?;
    // Another process has become the owner meanwhile: it acts with its own credentials.
    if handle.is_remote().await {
        refusals.clear();
    }
    Ok(Opened { handle, known, refusals: Refusals(refusals) })
}

/// The store, opened for reading, and the executions that have not ended.
async fn unfinished(environments: &Environments) -> Result<(Handle, ListResponse), CliError> {
    let reader = Handle::read(environments.home()).await?;
    let request = ListRequest { unfinished: true, ..ListRequest::default() };
    let listed = reader.call::<ListExecutions>(request).await?;
    Ok((reader, listed))
}

/// The distinct environments of the executions. This process must be able to act in one of them. Empty if it may be the owner in any case,
/// because an execution needs no account.
fn needed(global: &Global, settings: &LocalSettings, executions: &[ExecutionHeader]) -> Vec<Value> {
    let mut needed = Vec::new();
    for header in executions {
        // One of another region than the options give is refused in any case.
        if pinned(header).is_some_and(|pinned| refuse_given_region(global, &pinned).is_err()) {
            continue;
        }
        match acts_in(global, settings, header) {
            None => return Vec::new(),
            Some(environment) if needed.contains(&environment) => {}
            Some(environment) => needed.push(environment),
        }
    }
    needed
}

/// The environment in which this command continues an execution, if it is in an account.
fn acts_in(global: &Global, settings: &LocalSettings, header: &ExecutionHeader) -> Option<Value> {
    GivenEnvironment::of(global, settings, header, pinned(header).as_ref()).acts_in
}
