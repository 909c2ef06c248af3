//! Continues an execution after the owner of the store has ended.

use std::{sync::Arc, time::Duration};

use api::{
    Operation,
    flow::{DescribeExecution, DescribeExecutionRequest},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{Handle, Side, failed, may_have_been_carried_out, patience::Patience};
use crate::{
    exit::{CliError, Exit},
    interrupt,
    proposed::{OPTIONS, quoted},
    wire::client::ClientError,
};

/// The interval at which a process tries to become the owner in place of one that cannot act for its execution.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

impl Handle {
    /// Finds the next owner after one has ended, and verifies that it may act for an execution.
    ///
    /// With `waits`, an owner without the credentials is not asked to drive it; this process waits until that owner ends. Without a
    /// process that has them, the engine pauses the execution at its next call.
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
            // An execution that another process drives is only followed.
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
                    return Err(interrupted(id, CliError::new(exit, "stopped while waiting for the owner of the store to end")));
                }
                () = tokio::time::sleep(RETRY_INTERVAL) => {}
            }
        }
    }

    /// Like [`Handle::call`], at an owner that may act in an environment. If the owner ends meanwhile, the next one is verified before
    /// it receives the call.
    ///
    /// # Errors
    /// As [`Handle::verify`] and [`Handle::call`].
    pub async fn call_verified<O: Operation>(
        &self,
        request: O::Request,
        environment: &Value,
    ) -> Result<O::Response, CliError>
    where
        O::Request: Serialize,
        O::Response: DeserializeOwned,
    {
        let said = |error, is_repeated| if is_repeated { may_have_been_carried_out(error) } else { error };
        let mut patience = Patience::begin();
        let mut is_repeated = false;
        loop {
            let side = self.side().await;
            let stopped = match self.verify(environment).await {
                Ok(()) => interrupt::received(),
                Err(error) => return Err(said(error, is_repeated)),
            };
            if let Some(exit) = stopped {
                return Err(said(CliError::new(exit, "stopped before the first call"), is_repeated));
            }
            // The owner ended during the verification: verify the next one.
            if !Arc::ptr_eq(&side, &self.side().await) {
                continue;
            }
            let Side::Remote(client) = &*side else {
                return self.call::<O>(request).await.map_err(|error| said(error, is_repeated));
            };
            match client.call::<O>(&request).await {
                Ok(response) => return Ok(response),
                Err(error) if patience.lasts(self.home(), &error) => {
                    is_repeated |= matches!(error, ClientError::Gone(_));
                    self.reopen(&side).await?;
                }
                Err(error) => return Err(said(failed(self.home(), error), is_repeated)),
            }
        }
    }

    /// Says once for each owner that this process waits for its end.
    async fn say_that_it_waits(&self, owner: &str, error: &CliError) {
        let mut awaited = self.awaited_owner.lock().await;
        if awaited.as_deref() != Some(owner) {
            report!("flow: {}", error.message);
            report!("flow: waiting until {owner} has ended: this process then continues with its own credentials");
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
