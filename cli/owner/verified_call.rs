//! Calls an operation that begins to act in an environment, at an owner that can act there.

use std::sync::Arc;

use api::Operation;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Backend, Handle,
    attempts::{Attempts, CallKind},
    errors::failed,
    verification::{self, concerns_credentials},
};
use crate::{exit::CliError, interrupt, wire::client::ClientError};

impl Handle {
    /// Like [`Handle::call`], for an operation that begins to act in an environment: first verifies that the owner can act there. The
    /// operation verifies its owner too, because another process may have become the owner after the first verification. If the owner ends
    /// meanwhile, the next owner is verified before it receives the call.
    ///
    /// # Errors
    /// The owner cannot act there: the message names it, the pinned account and the one in use. As [`Handle::call`].
    pub async fn call_verified<O: Operation>(
        &self,
        request: O::Request,
        environment: &Value,
    ) -> Result<O::Response, CliError>
    where
        O::Request: Serialize,
        O::Response: DeserializeOwned,
    {
        let mut attempts = Attempts::begin(&self.home, CallKind::Act);
        let mut was_refused = false;
        loop {
            let backend = self.backend().await;
            let stopped = match self.verify_acting(environment).await {
                Ok(()) => interrupt::received(),
                Err(error) => return Err(attempts.explained(error)),
            };
            if let Some(exit) = stopped {
                return Err(attempts.explained(verification::stopped(exit)));
            }
            // The owner ended during the verification: verify the next one.
            if !Arc::ptr_eq(&backend, &self.backend().await) {
                continue;
            }
            let Backend::Remote(client) = &*backend else {
                return self.call::<O>(request).await.map_err(|error| attempts.explained(error));
            };
            match client.call::<O>(&request).await {
                Ok(response) => return Ok(response),
                // Another process became the owner after the verification and refused the call: verify that one.
                Err(ClientError::Fault(fault)) if !was_refused && concerns_credentials(&fault.kind) => {
                    was_refused = true;
                }
                Err(error) if attempts.may_continue(&error) => {
                    self.reopen(&backend).await.map_err(|error| attempts.explained(error))?;
                }
                Err(error) => {
                    let error = self.name_owner_in(failed(self.home(), error), environment).await;
                    return Err(attempts.explained(error));
                }
            }
        }
    }
}
