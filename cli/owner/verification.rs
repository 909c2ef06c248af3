//! Verifies that a process can act where an execution is pinned. Where it cannot, the error names that process and what works.

use std::time::Duration;

use api::{Host, OwnerDescription, flow};
use engine::store::OwnerLock;
use futures::{StreamExt, stream::FuturesUnordered};
use serde_json::Value;

use super::{Backend, Handle};
use crate::{
    environments::Environments,
    exit::{CliError, Exit},
    interrupt,
    proposed::OPTIONS,
    shell::{option, quote_name},
};

/// The time that a message waits for a verification.
const SHORT_VERIFICATION_MAX: Duration = Duration::from_secs(2);

/// Whether a fault of this kind is about credentials: a process has other credentials than the required ones, or they could not be
/// compared.
pub fn concerns_credentials(kind: &str) -> bool {
    matches!(kind, api::CREDENTIALS_UNUSABLE | api::ENVIRONMENT_REFUSED | api::ENVIRONMENT_UNREACHABLE)
}

/// Whether an error is that a process has no credentials of the pinned account.
pub(super) fn lacks_credentials(error: &CliError) -> bool {
    matches!(error.fault.as_deref(), Some(api::CREDENTIALS_UNUSABLE | api::ENVIRONMENT_REFUSED))
}

pub(super) fn stopped(exit: Exit) -> CliError {
    CliError::new(exit, "stopped before the first call")
}

/// Verifies that this process can act in an environment.
///
/// # Errors
/// It cannot. The message names the pinned account and the one in use. Or a signal arrived.
async fn verify_own(environments: &Environments, environment: &Value) -> Result<(), CliError> {
    tokio::select! {
        verified = environments.verify(environment) => verified.map_err(CliError::from),
        exit = interrupt::requested() => Err(stopped(exit)),
    }
}

/// Verifies that this process can act in one of these environments.
///
/// # Errors
/// It can act in none of them, with the error of the first one; or a signal arrived.
pub(super) async fn verify_any(environments: &Environments, acts_in: &[Value]) -> Result<(), CliError> {
    let verified = verify_each(environments, acts_in).await;
    verified.or_else(|refusals| refusals.into_iter().next().map_or(Ok(()), |(_, first)| Err(first)))
}

/// Verifies, side by side, that this process can act in one of these environments. Does not wait for the others once it can act in one.
///
/// # Errors
/// It can act in none of them, with the error of each; or a signal arrived.
pub async fn verify_each(environments: &Environments, acts_in: &[Value]) -> Result<(), Vec<(Value, CliError)>> {
    let verified = acts_in.iter().enumerate();
    let verified =
        verified.map(|(index, environment)| async move { (index, verify_own(environments, environment).await) });
    let mut verified: FuturesUnordered<_> = verified.collect();
    let mut refusals: Vec<Option<CliError>> = vec![None; acts_in.len()];
    while let Some((index, verified)) = verified.next().await {
        match verified {
            Ok(()) => return Ok(()),
            Err(error) => refusals[index] = Some(error),
        }
    }
    match refusals.is_empty() {
        true => Ok(()),
        false => Err(acts_in.iter().cloned().zip(refusals.into_iter().flatten()).collect()),
    }
}

impl Handle {
    /// Verifies that the owner of the store can act in an environment. If the owner cannot act there and is about to end, this process
    /// waits for that end. Then it verifies the next owner, which may be this process.
    ///
    /// # Errors
    /// The owner cannot act there: the message names it, the pinned account and the one in use.
    pub async fn verify_acting(&self, environment: &Value) -> Result<(), CliError> {
        loop {
            let Err(refused) = self.verify(environment).await else { return Ok(()) };
            if !self.wait_for_end(&refused, environment).await? {
                return Err(refused);
            }
        }
    }

    /// Verifies that the owner of the store can act in an environment.
    ///
    /// # Errors
    /// It cannot. The message names the owner, if it is another process, the pinned account and the one in use.
    pub(super) async fn verify(&self, environment: &Value) -> Result<(), CliError> {
        match self.compare(environment).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.name_owner_in(error, environment).await),
        }
    }

    /// Compares the credentials of the owner of the store, which may be this process, with the account of an environment.
    ///
    /// # Errors
    /// They are unusable, of another account, or could not be compared: the message names no process. Or a signal arrived.
    pub async fn compare(&self, environment: &Value) -> Result<(), CliError> {
        let request = flow::VerifyEnvironmentRequest { environment: environment.clone() };
        // STS can take long to answer, and no call is in flight yet, so a signal does not wait for it.
        tokio::select! {
            verified = self.only::<flow::VerifyEnvironment>(request) => verified.map(drop),
            exit = interrupt::requested() => Err(stopped(exit)),
        }
    }

    /// Whether the owner of the store can act in an environment, as far as it answers soon.
    pub async fn owner_can_act(&self, environment: &Value) -> bool {
        if environment["accountId"].is_null() {
            return true;
        }
        match tokio::time::timeout(SHORT_VERIFICATION_MAX, self.compare(environment)).await {
            Ok(Err(error)) => !lacks_credentials(&error),
            Ok(Ok(())) | Err(_) => true,
        }
    }

    /// The description that the owner of the store returns, if it is another process that answers.
    pub(super) async fn description_of_owner(&self) -> Option<OwnerDescription> {
        let backend = self.backend().await;
        let Backend::Remote(client) = &*backend else { return None };
        client.call::<flow::DescribeOwner>(&flow::DescribeOwnerRequest {}).await.ok()
    }

    /// Verifies that this process can act in an environment, regardless of the owner of the store.
    ///
    /// # Errors
    /// It cannot. The message names the pinned account and the one in use.
    pub(super) async fn verify_this_process(&self, environment: &Value) -> Result<(), CliError> {
        verify_own(&self.environments, environment).await
    }

    /// Names the owner of the store in an error about its credentials, if it is another process: a login of this user does not give it any.
    pub async fn name_owner_in(&self, error: CliError, environment: &Value) -> CliError {
        let Some(kind) = error.fault.clone().filter(|kind| concerns_credentials(kind)) else { return error };
        let Some(owner) = self.owner_elsewhere().await else { return error };
        let what = match kind.as_str() {
            api::CREDENTIALS_UNUSABLE => "has no usable AWS credentials",
            api::ENVIRONMENT_REFUSED => "has credentials of another account",
            _ => "could not compare its credentials with the pinned account",
        };
        let message = format!("the owner of the store, {owner}, {what}: {}", error.message);
        let error = CliError { message, ..error };
        // The end of an owner does not help where STS does not answer.
        if kind == api::ENVIRONMENT_UNREACHABLE {
            return error;
        }
        let hint = self.hint_of_owner(environment).await;
        error.hint(hint)
    }

    /// The hint for an environment whose credentials the owner of the store, another process, does not have. It proposes to end the owner
    /// only if this process can then act.
    async fn hint_of_owner(&self, environment: &Value) -> String {
        let account = environment["accountId"].as_str().unwrap_or_default();
        if let Some(profile) = self.profile_of_owner(environment).await {
            return format!(
                "the profile of that process is of account {account}: repeat the command with{}",
                option("profile", &profile)
            );
        }
        if self.verify_this_process(environment).await.is_err() {
            return format!(
                "neither that process nor this command has credentials of account {account}: start that process again with them, \
                 or repeat this command with them"
            );
        }
        let with =
            self.command_that_ends_the_owner().map_or_else(String::new, |command| format!(" with   {command}   "));
        format!(
            "end that process{with}: this command then acts with its own credentials. Or start that process again with credentials \
             of account {account}, or give another --home"
        )
    }

    /// The commands that continue an execution, one after the other, if the owner of the store is another process that does not have the
    /// credentials of its account. Empty if it has them, or does not answer soon.
    pub async fn commands_beside_owner(&self, id: &str, environment: &Value) -> Vec<String> {
        // One that only reads or answers drives nothing, whatever its credentials are, and ends soon.
        let drives = self.description_of_owner().await.is_some_and(|owner| owner.drives());
        if !drives || self.owner_can_act(environment).await {
            return Vec::new();
        }
        let resume = |profile: &str| format!("flow resume {}{profile}{OPTIONS}", quote_name(id));
        match tokio::time::timeout(SHORT_VERIFICATION_MAX, self.profile_of_owner(environment)).await {
            Ok(Some(profile)) => vec![resume(&option("profile", &profile))],
            Ok(None) | Err(_) => self.command_that_ends_the_owner().into_iter().chain([resume("")]).collect(),
        }
    }

    /// The AWS profile with which the owner of the store was started, if that profile can act in the environment. `None` if it is the
    /// environment's own profile: with that one, the owner cannot act.
    async fn profile_of_owner(&self, environment: &Value) -> Option<String> {
        let profile = self.description_of_owner().await?.profile?;
        if environment["profile"] == profile.as_str() {
            return None;
        }
        let mut with_profile = environment.clone();
        with_profile["profile"] = profile.clone().into();
        self.compare(&with_profile).await.is_ok().then_some(profile)
    }

    /// The command that ends the owner of the store.
    pub(super) fn command_that_ends_the_owner(&self) -> Option<String> {
        OwnerLock::owner(self.home().folder()).map(|owner| format!("kill {}", owner.pid))
    }
}
