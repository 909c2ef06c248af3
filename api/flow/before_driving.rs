//! The verification that precedes driving: a process drives an execution only if it can act in the environment that the execution pins.

use std::time::Duration;

use engine::machine::{ExecutionHeader, ExecutionStatus};
use serde_json::Value;

use crate::{Api, ENVIRONMENT_UNREACHABLE, Fault};

/// The time that an operation waits for the verification. Clients end a call that takes longer. So they first call
/// [`super::VerifyEnvironment`], which has no such limit: the host caches its result.
const VERIFICATION_MAX: Duration = Duration::from_secs(5);

/// An operation's intention for an execution of the store.
#[derive(Debug, Clone, Copy)]
enum Intent<'i> {
    /// Drive it as it is.
    Recover,
    /// Continue it after a pause or its end, in another environment if one is given.
    Resume(Option<&'i Value>),
}

impl Api {
    /// Verifies, before an execution is driven, that this process can act for it. An execution that makes no calls, or that this process
    /// drives already, needs no verification.
    pub(crate) async fn verify_recovered(&self, id: &str) -> Result<(), Fault> {
        self.verify_execution(id, Intent::Recover).await
    }

    /// Verifies, before an execution is resumed, that this process can act for it.
    pub(crate) async fn verify_resumed(&self, id: &str, environment: Option<&Value>) -> Result<(), Fault> {
        self.verify_execution(id, Intent::Resume(environment)).await
    }

    async fn verify_execution(&self, id: &str, intent: Intent<'_>) -> Result<(), Fault> {
        let Some(header) = self.runner.store().summary(id)? else { return Ok(()) };
        // Without a runner, nothing is driven.
        if !self.runner.has_runner()
            || makes_no_calls(&header, intent)
            || (stays_driven(&header, intent) && self.drives(id).await)
        {
            return Ok(());
        }
        let environment = match intent {
            Intent::Resume(Some(environment)) => environment,
            Intent::Resume(None) | Intent::Recover => &*header.environment,
        };
        self.verify_environment(environment).await
    }

    /// Verifies that this process can act in an environment.
    pub(crate) async fn verify_environment(&self, environment: &Value) -> Result<(), Fault> {
        let verified = tokio::time::timeout(VERIFICATION_MAX, self.options.host.verify(environment)).await;
        verified.unwrap_or_else(|_| {
            let seconds = VERIFICATION_MAX.as_secs();
            let message = format!("the credentials could not be compared with the pinned account within {seconds} s");
            Err(Fault::new(ENVIRONMENT_UNREACHABLE, message))
        })
    }

    async fn drives(&self, id: &str) -> bool {
        !self.runner.driven(vec![id.to_owned()]).await.is_empty()
    }
}

/// Whether the operation leads to no call of a step.
fn makes_no_calls(header: &ExecutionHeader, intent: Intent<'_>) -> bool {
    match intent {
        Intent::Recover => header.recovers_without_calls(),
        Intent::Resume(_) => header.status == ExecutionStatus::Succeeded,
    }
}

/// Whether the operation changes nothing for an execution that is driven.
fn stays_driven(header: &ExecutionHeader, intent: Intent<'_>) -> bool {
    match intent {
        Intent::Recover => true,
        Intent::Resume(environment) => {
            header.status == ExecutionStatus::Running && !header.paused && environment.is_none()
        }
    }
}
