//! Continues an execution after the owner of the store has ended.

use std::time::Duration;

use api::flow::{DescribeExecution, DescribeExecutionRequest};

use super::Handle;
use crate::{
    exit::{CliError, Exit},
    interrupt,
    proposed::{OPTIONS, quoted},
};

/// The interval at which a process tries to become the owner in place of one that cannot act for its execution.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

impl Handle {
    /// Called after the owner ended. Becomes the owner or a client of the next one, and checks that this owner may act in the pinned
    /// environment of an execution, which [`Handle::follow`] then continues. An execution acts with the credentials of its own command:
    /// with `waits`, an owner without them is not asked to drive it, and this process becomes the owner after that one. If nothing with
    /// credentials remains, the engine pauses the execution at its next call, with the reason.
    ///
    /// # Errors
    /// As [`Handle::drive`], the environment cannot be reached, or a signal ends the wait.
    pub async fn take_over(&self, id: &str, waits: bool) -> Result<(), CliError> {
        let mut refused_by = None;
        loop {
            // The watch of another execution may have taken over the store already.
            self.find_next_owner().await?;
            let request = DescribeExecutionRequest { id: id.to_owned(), as_shown: true };
            let described = self.call::<DescribeExecution>(request).await?;
            let owner = self.owner_elsewhere().await;
            // What another process drives already is watched.
            if described.execution.is_quiescent() || (owner.is_some() && described.driven) {
                return Ok(());
            }
            if owner.is_none() || owner != refused_by {
                let Err(error) = self.verify(&described.execution.environment).await else { return Ok(()) };
                let fault = error.fault.as_deref();
                if !matches!(fault, Some(api::CREDENTIALS_UNUSABLE | api::ENVIRONMENT_REFUSED)) {
                    return Err(interrupted(id, error));
                }
                let Some(owner) = owner.filter(|_| waits) else { return Ok(()) };
                self.say_that_it_waits(&owner, &error).await;
                refused_by = Some(owner);
            }
            tokio::select! {
                exit = interrupt::requested() => {
                    return Err(interrupted(id, CliError::new(exit, "stopped before another process could drive it")));
                }
                () = tokio::time::sleep(RETRY_INTERVAL) => {}
            }
        }
    }

    /// Says once for each owner that this process waits for its end.
    async fn say_that_it_waits(&self, owner: &str, error: &CliError) {
        let mut awaited = self.awaited_owner.lock().await;
        if awaited.as_deref() != Some(owner) {
            eprintln!("flow: {}", error.message);
            eprintln!("flow: waiting until {owner} has ended: this process then continues with its own credentials");
            *awaited = Some(owner.to_owned());
        }
    }
}

/// The error of an execution that has begun: it is interrupted, not refused.
fn interrupted(id: &str, error: CliError) -> CliError {
    let exit = if error.exit == Exit::Refused { Exit::Waiting } else { error.exit };
    let message = format!("{id} is interrupted: {}", error.message);
    CliError { exit, message, ..error }.hint(format!("to continue it: flow resume {}{OPTIONS}", quoted(id)))
}
