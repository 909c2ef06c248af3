//! Continues an execution after the owner of the store has ended.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use api::flow::{DescribeExecution, DescribeExecutionRequest, DescribeExecutionResponse};
use engine::machine::ExecutionStatus;
use serde_json::Value;

use super::{
    Backend, Handle, Local, Purpose, backend,
    errors::failed,
    verification::{concerns_credentials, lacks_credentials},
};
use crate::{
    checks::lacking_when_recovered,
    exit::{CliError, Exit},
    interrupt,
    proposed::OPTIONS,
    shell::quote_name,
};

/// The interval at which a process tries to become the owner in place of one that cannot act for its execution.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// An owner that cannot act for an execution, and why.
struct RefusingOwner {
    owner: String,
    error: CliError,
}

impl Handle {
    /// Finds the next owner after one has ended, or for an execution that the owner does not drive, and verifies that it can act for the
    /// execution.
    ///
    /// An owner without the credentials of the execution is not requested to drive it. A process that has the credentials waits until that
    /// owner ends, at most for `wait_max`, and becomes the owner. A process without the credentials ends: as the owner it would block a
    /// process that has them.
    ///
    /// # Errors
    /// As [`Handle::drive`]; neither the owner nor this process can act for the execution; or a signal or `wait_max` ends the wait.
    pub async fn take_over(&self, id: &str, wait_max: Option<Duration>) -> Result<(), CliError> {
        let began = Instant::now();
        let mut known: Option<RefusingOwner> = None;
        loop {
            // The watch of another execution may have taken over the store already.
            self.find_next_owner().await.map_err(|error| of_next_owner(id, error))?;
            let DescribeExecutionResponse { execution, driven, .. } = self.describe(id, true).await?;
            let owner = self.owner_elsewhere().await;
            // An execution that another process drives is only followed.
            if execution.recovers_without_calls() || (owner.is_some() && driven) {
                return Ok(());
            }
            let refusal = match (known, owner) {
                (Some(known), Some(owner)) if known.owner == owner => known,
                (_, owner) => match self.refusing_owner(id, owner, &execution.environment).await? {
                    Some(refusal) => refusal,
                    None => return Ok(()),
                },
            };
            if wait_max.is_some_and(|wait_max| began.elapsed() >= wait_max) {
                return Err(CliError { exit: Exit::Waiting, ..interrupted(id, refusal.error) });
            }
            self.say_that_it_waits(&refusal).await;
            known = Some(refusal);
            tokio::select! {
                exit = interrupt::requested() => {
                    return Err(interrupted(id, CliError::new(exit, "stopped while waiting for the owner of the store to end")));
                }
                () = tokio::time::sleep(RETRY_INTERVAL) => {}
            }
        }
    }

    /// Refuses to continue an execution in place of the owner that has ended, if the execution can still run programs that this process
    /// does not allow. A process that began as the owner has refused such an execution already.
    ///
    /// # Errors
    /// The refusal, or the execution cannot be read.
    pub(super) async fn refuse_lacking_programs(&self, local: &Local, id: &str) -> Result<(), CliError> {
        if !self.began_beside_owner || self.purpose != Purpose::Drive {
            return Ok(());
        }
        let request = DescribeExecutionRequest { id: id.to_owned(), as_shown: true };
        let described = local.api().respond::<DescribeExecution>(request).await.map_err(CliError::from)?;
        match lacking_when_recovered(&described, self.settings()).filter(|_| !described.driven) {
            Some(lacking) => Err(lacking.interruption(id)),
            None => Ok(()),
        }
    }

    /// The backend of a watch after the owner has ended, for a process that cannot act for the execution. An execution that has ended is
    /// only read, which needs no credentials.
    ///
    /// # Errors
    /// The refusal, if the execution has not ended; or the store cannot be read.
    pub(super) async fn read_only_after_end(&self, refusal: CliError) -> Result<Arc<Backend>, CliError> {
        let concerns_watch = refusal.fault.as_deref().is_some_and(concerns_credentials);
        let Some(id) = self.watched.get().filter(|_| concerns_watch) else { return Err(refusal) };
        let reader = backend::open(&self.environments, Purpose::Read, &[]).await?;
        let request = DescribeExecutionRequest { id: id.clone(), as_shown: true };
        let described = match &reader {
            Backend::ReadOnly(store) => {
                store.api().respond::<DescribeExecution>(request).await.map_err(CliError::from)?
            }
            Backend::Remote(client) => {
                let described = client.call::<DescribeExecution>(&request).await;
                described.map_err(|error| failed(self.home(), error))?
            }
            Backend::Local(_) | Backend::StepFunctions(_) => return Err(refusal),
        };
        match described.execution.status {
            ExecutionStatus::Running => Err(refusal),
            _ => Ok(Arc::new(reader)),
        }
    }

    /// The reason why the owner, another process, cannot act for an execution for which this process can act; `None` if the owner can act
    /// too.
    ///
    /// # Errors
    /// Neither can act for it, or it could not be verified.
    async fn refusing_owner(
        &self,
        id: &str,
        owner: Option<String>,
        environment: &Value,
    ) -> Result<Option<RefusingOwner>, CliError> {
        let Err(error) = self.compare(environment).await else { return Ok(None) };
        let Some(owner) = owner.filter(|_| lacks_credentials(&error)) else {
            return Err(interrupted(id, self.name_owner_in(error, environment).await));
        };
        self.verify_this_process(environment).await.map_err(|own| interrupted(id, own))?;
        let error = self.name_owner_in(error, environment).await;
        Ok(Some(RefusingOwner { owner, error }))
    }

    /// Reports, once for each owner, that this process waits for its end.
    async fn say_that_it_waits(&self, RefusingOwner { owner, error }: &RefusingOwner) {
        let mut awaited = self.awaited_owner.lock().await;
        if awaited.as_ref() != Some(owner) {
            report!("flow: {}", error.message);
            let end =
                self.command_that_ends_the_owner().map_or_else(String::new, |end| format!(". To end it:   {end}"));
            report!("flow: waiting until {owner} has ended: this process then continues with its own credentials{end}");
            *awaited = Some(owner.clone());
        }
    }
}

/// The error of an execution whose owner has ended: no owner answers, or this process cannot act for it and does not become the owner.
fn of_next_owner(id: &str, error: CliError) -> CliError {
    match error.fault.as_deref().is_some_and(concerns_credentials) {
        true => interrupted(id, error),
        false => error,
    }
}

/// The error of an execution that has begun and continues later. Credentials of another account are refused; anything else is a wait.
fn interrupted(id: &str, error: CliError) -> CliError {
    let is_refused = error.exit == Exit::Refused && lacks_credentials(&error);
    let exit = if error.exit == Exit::Refused && !is_refused { Exit::Waiting } else { error.exit };
    let message = format!("{id} is interrupted: {}", error.message);
    let resume = format!("to continue it: flow resume {}{OPTIONS}", quote_name(id));
    let hint = match &error.hint {
        Some(hint) => format!("{hint}; {resume}"),
        None => resume,
    };
    CliError { exit, message, ..error }.hint(hint)
}

#[cfg(test)]
mod tests {
    use super::{CliError, Exit, interrupted};

    #[test]
    fn an_interrupted_execution_is_refused_to_another_account_and_waits_for_new_credentials() {
        let of = |kind: &'static str| interrupted("x-1", CliError::from(api::Fault::new(kind, "why")));
        let other = of(api::ENVIRONMENT_REFUSED);
        assert_eq!((other.exit, other.message.as_str()), (Exit::Refused, "x-1 is interrupted: why"));
        let hint = other.hint.unwrap_or_default();
        assert!(hint.contains("credentials of the pinned account") && hint.contains("flow resume x-1"), "{hint}");
        assert_eq!(of(api::CREDENTIALS_UNUSABLE).exit, Exit::Waiting);
        assert_eq!(of("ValidationException").exit, Exit::Waiting);
    }
}
