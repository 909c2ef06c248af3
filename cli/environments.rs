//! The environments of executions: pinned in their headers, opened when a step first needs them, and only in the pinned
//! account.

mod host;
mod pinned;
mod rehearsed;
mod reopened;

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use api::{Fault, Host};
use async_trait::async_trait;
use engine::step::{ErrorClass, Registries, Registry, Resource, Step, StepError};
use rehearsal::World;
use serde_json::Value;
use steps::{
    CallerIdentity, Environment, LocalSettings, RehearsalAddresses,
    plan::{PermissionQuestion, PlannedSteps},
};
use tokio::sync::Mutex;

pub use self::pinned::{Location, Pinned};
use self::{
    rehearsed::Rehearsed,
    reopened::{OpenedEnvironment, RefusedAccounts},
};
use crate::{home::Home, this_process};
pub use steps::Account;

/// The region in ARNs if none is configured.
pub const REGION_DEFAULT: &str = "us-east-1";
/// The most locations, or environments of executions, of which something is kept.
const KEPT_MAX: usize = 64;
/// The time for which unusable credentials are not tried again when a client starts an execution.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(30);
/// The time for which a verification is valid: long enough for the call that follows it. Every set of credentials is compared again before
/// its first call.
const VERIFIED_FOR: Duration = Duration::from_secs(10);
/// The time that loading the credentials of a location and comparing them with an account may take. It exceeds the limit for STS, and is
/// less than the ten seconds within which a command reports why it does not begin.
const COMPARISON_MAX: Duration = Duration::from_millis(9_500);

/// The environments of this process's executions, each opened once.
pub struct Environments {
    home: Home,
    /// The environment of executions that clients of the API start.
    default_location: Location,
    /// The permissions from this process's environment variables, for executions that pin nothing.
    settings: LocalSettings,
    /// The AWS environments by profile and region. Each asks STS once. The lock is not held while an environment is opened: a profile that
    /// does not answer must not stop the others.
    open: Mutex<HashMap<Location, OpenedEnvironment>>,
    /// For which calls were withheld.
    refused_accounts: RefusedAccounts,
    /// Since when the credentials of a location are unusable.
    unusable_since: Mutex<HashMap<Location, Arc<Mutex<Option<Instant>>>>>,
    /// The time at which the credentials of a location were last found to be of an account.
    verified: Mutex<HashMap<(Location, Account), Instant>>,
    registries: Mutex<HashMap<String, Registry>>,
    /// Steps that need no environment, because this process answers them.
    anywhere: OnceLock<Registry>,
}

impl Environments {
    /// Creates an empty set. Executions of the API's clients act where this process's environment variables say.
    pub fn new(home: Home) -> Arc<Self> {
        Self::with_default_location(home, Location::of_this_process())
    }

    /// Creates an empty set. Executions of the API's clients act in `default_location`.
    pub fn with_default_location(home: Home, default_location: Location) -> Arc<Self> {
        Arc::new(Environments {
            home,
            default_location,
            settings: LocalSettings::from_environment(),
            open: Mutex::default(),
            refused_accounts: RefusedAccounts::default(),
            unusable_since: Mutex::default(),
            verified: Mutex::default(),
            registries: Mutex::default(),
            anywhere: OnceLock::new(),
        })
    }

    /// The home of the executions.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The region in the ARNs of this process's API.
    pub fn region(&self) -> &str {
        self.default_location.region().unwrap_or(REGION_DEFAULT)
    }

    /// The permissions of local steps from this process's environment variables.
    pub fn settings(&self) -> &LocalSettings {
        &self.settings
    }

    /// Adds steps that need no environment.
    pub fn add(&self, steps: Registry) {
        let _ = self.anywhere.set(steps);
    }

    async fn open(&self, location: &Location) -> Result<Arc<Environment>, StepError> {
        let cell = limited(&mut *self.open.lock().await).entry(location.clone()).or_default().cell.clone();
        let open = async || {
            let environment = match location {
                Location::Aws { profile, region } => {
                    Environment::for_aws(profile.as_deref(), region.as_deref()).await.map_err(of_this_process)?
                }
                Location::Rehearsal { world } => Environment::for_rehearsal(self.addresses(world)?)?,
            };
            Ok(Arc::new(environment.with_keys_directory(self.home.keys())))
        };
        cell.get_or_try_init(open).await.cloned()
    }

    fn addresses(&self, id: &str) -> Result<RehearsalAddresses, StepError> {
        let gone = || {
            StepError::new(ErrorClass::Failed, crate::world::ENDED)
                .hint_of_new_execution("Run again in a new rehearsal.")
        };
        let world = World::read(self.home.folder()).ok().flatten().filter(|world| world.id == id).ok_or_else(gone)?;
        Ok(crate::world::addresses(world))
    }

    /// The identity of a location's credentials. STS is asked once for each set of credentials.
    ///
    /// # Errors
    /// There are no credentials, or they are refused.
    pub async fn identity(&self, location: &Location) -> Result<CallerIdentity, StepError> {
        self.open(location).await?.identity().await
    }

    /// The account of a location, if its credentials are usable. Unusable ones are not tried again for
    /// [`ASK_AGAIN_AFTER`].
    async fn account_if_any(&self, location: &Location) -> Option<Account> {
        let of_location = limited(&mut *self.unusable_since.lock().await).entry(location.clone()).or_default().clone();
        let mut unusable_since = of_location.lock().await;
        if unusable_since.is_some_and(|since| since.elapsed() < ASK_AGAIN_AFTER) {
            return None;
        }
        match self.identity(location).await {
            Ok(identity) => {
                let account = Account::of(&identity);
                self.note_verified(location.clone(), account.clone()).await;
                Some(account)
            }
            Err(_) => {
                self.reopen_after(location, Duration::ZERO).await;
                *unusable_since = Some(Instant::now());
                None
            }
        }
    }

    /// Notes that the credentials of a location are of an account.
    async fn note_verified(&self, location: Location, account: Account) {
        limited(&mut *self.verified.lock().await).insert((location, account), Instant::now());
    }

    /// The identity that would act in a location, and the location with its region resolved from the profile.
    ///
    /// # Errors
    /// There are no credentials, or they are refused.
    pub async fn pin(&self, location: Location) -> Result<(Location, CallerIdentity), StepError> {
        let identity = self.identity(&location).await?;
        let Location::Aws { profile, .. } = location.clone() else { return Ok((location, identity)) };
        let resolved = Location::Aws { profile, region: Some(identity.region.clone()) };
        let environment = self.open(&location).await?;
        limited(&mut *self.open.lock().await).insert(resolved.clone(), OpenedEnvironment::with(environment));
        self.note_verified(resolved.clone(), Account::of(&identity)).await;
        Ok((resolved, identity))
    }

    /// Opens the AWS environment of an execution, restricted to the pinned account.
    async fn restricted(&self, pinned: &Pinned) -> Result<Arc<Environment>, StepError> {
        let environment = self.open(&pinned.location).await?;
        let Some(account) = &pinned.account else { return Ok(environment) };
        account.compare(environment.identity().await)?;
        Ok(Arc::new(environment.restricted_to(account.clone())))
    }

    /// The environment that an execution pins, for this process. A pin without a profile uses the credentials of the process: those of the
    /// profile that the process was started with, if it was.
    fn pinned(&self, environment: &Value) -> Result<Pinned, StepError> {
        read(environment).map(|pinned| pinned.with_default_profile(self.default_location.profile()))
    }

    /// The steps for a plan: they read in the pinned environment and change nothing.
    ///
    /// # Errors
    /// The environment cannot be opened, or the credentials belong to another account.
    pub async fn planned(&self, pinned: &Pinned) -> Result<PlannedSteps, StepError> {
        Ok(PlannedSteps::new(&*self.restricted(pinned).await?))
    }

    /// The actions that IAM does not allow to an identity.
    ///
    /// # Errors
    /// IAM does not answer, or the caller may not ask.
    pub async fn denied_actions(
        &self,
        pinned: &Pinned,
        caller_arn: &str,
        questions: &[PermissionQuestion],
    ) -> Result<BTreeSet<String>, StepError> {
        let environment = self.restricted(pinned).await?;
        steps::plan::denied_actions(&environment, caller_arn, questions).await
    }

    /// The reason why the credentials of a location are not of an account: they are unusable or belong to another account. The message has
    /// no hint, because another process may show it.
    async fn refusal(&self, location: &Location, account: &Account) -> Option<Fault> {
        let identity = tokio::time::timeout(COMPARISON_MAX, self.identity(location)).await.unwrap_or_else(|_| {
            let seconds = COMPARISON_MAX.as_secs();
            let cause = format!("the credentials could not be loaded and compared within {seconds} s");
            Err(StepError::new(ErrorClass::Unknown, cause))
        });
        let (kind, error, kept_for) = match identity {
            Err(error) if error.class == ErrorClass::Credentials => (api::CREDENTIALS_UNUSABLE, error, Duration::ZERO),
            Err(error) => (api::ENVIRONMENT_UNREACHABLE, error, ASK_AGAIN_AFTER),
            Ok(identity) => (api::ENVIRONMENT_REFUSED, account.refuse_other(&identity).err()?, ASK_AGAIN_AFTER),
        };
        self.reopen_after(location, kept_for).await;
        Some(Fault::new(kind, error.to_string()))
    }

    /// Notes that calls are withheld in an account, for a reason, which it returns.
    async fn decline(&self, account: (Location, Account), reason: String) -> String {
        tracing::warn!("this process cannot act for an execution and leaves it: {reason}");
        self.refused_accounts.add(account).await;
        reason
    }
}

/// The map, emptied if it is full: its values are opened again when they are needed.
fn limited<K, V>(map: &mut HashMap<K, V>) -> &mut HashMap<K, V> {
    if map.len() >= KEPT_MAX {
        map.clear();
    }
    map
}

fn read(environment: &Value) -> Result<Pinned, StepError> {
    serde_json::from_value(environment.clone())
        .map_err(|error| StepError::new(ErrorClass::Invalid, format!("the pinned environment cannot be read: {error}")))
}

#[async_trait]
impl Registries for Environments {
    async fn registry(&self, environment: &Value) -> Result<Registry, StepError> {
        let key = environment.to_string();
        if let Some(registry) = self.registries.lock().await.get(&key) {
            return Ok(registry.clone());
        }
        let registry = steps::registry(self.restricted(&self.pinned(environment)?).await?);
        limited(&mut *self.registries.lock().await).insert(key, registry.clone());
        Ok(registry)
    }

    fn is_known(&self, resource: &str) -> bool {
        !steps::needs_account(resource) || described().is_ok_and(|steps| has_step(steps, resource))
    }

    /// Without credentials of the pinned account, or with credentials that cannot be compared with it, the execution is left to a process
    /// that can act. If this process has had them, the call is made: then unusable credentials pause the execution.
    async fn declines(&self, environment: &Value, resource: &str) -> Option<String> {
        if environment["accountId"].is_null() || !steps::needs_account(resource) || !self.is_known(resource) {
            return None;
        }
        let pinned = self.pinned(environment).ok()?;
        let account = (pinned.location, pinned.account?);
        if self.verified.lock().await.contains_key(&account) {
            return None;
        }
        let fault = self.verify(environment).await.err()?;
        let is_comparison = match fault.kind {
            api::CREDENTIALS_UNUSABLE | api::ENVIRONMENT_REFUSED => true,
            // The calls of a rehearsal whose world has ended fail.
            api::ENVIRONMENT_UNREACHABLE => matches!(account.0, Location::Aws { .. }),
            _ => false,
        };
        match is_comparison {
            true => Some(self.decline(account, fault.message).await),
            false => None,
        }
    }

    /// Credentials that were replaced meanwhile, and that cannot be compared now, are compared again later.
    async fn declines_after(&self, environment: &Value, error: &StepError) -> Option<String> {
        if !steps::is_not_compared(error) {
            return None;
        }
        let pinned = self.pinned(environment).ok()?;
        let account = (pinned.location, pinned.account?);
        self.verified.lock().await.remove(&account);
        Some(self.decline(account, error.cause.clone()).await)
    }

    async fn step(&self, environment: &Value, resource: &str) -> Result<Option<Arc<dyn Step>>, StepError> {
        if let Some(step) = self.anywhere.get().and_then(|steps| steps.find(resource)) {
            return Ok(Some(step));
        }
        if steps::needs_account(resource) {
            let found = self.registry(environment).await?.find(resource);
            return Ok(match self.home.rehearsal {
                true => found.map(|step| Arc::new(Rehearsed(step)) as Arc<dyn Step>),
                false => found,
            });
        }
        let key = format!("local {environment}");
        let mut registries = self.registries.lock().await;
        if let Some(registry) = registries.get(&key) {
            return Ok(registry.find(resource));
        }
        let mut registry = Registry::new();
        steps::register_local(&mut registry, &read(environment)?.settings_or(&self.settings));
        limited(&mut *registries).insert(key, registry.clone());
        Ok(registry.find(resource))
    }
}

/// Adds to a missing region which process needs it: the error is also in the history, for readers on other machines.
fn of_this_process(error: StepError) -> StepError {
    if error.cause != steps::NO_REGION {
        return error;
    }
    let cause = format!("{} for the process that calls AWS, {}", steps::NO_REGION, this_process::command());
    StepError { cause, ..error }
}

/// All steps with their schemas, for checks and lists. Their environment cannot make calls.
///
/// # Errors
/// The environment cannot be created.
pub fn described() -> Result<&'static Registry, StepError> {
    static DESCRIBED: OnceLock<Registry> = OnceLock::new();
    if let Some(steps) = DESCRIBED.get() {
        return Ok(steps);
    }
    let nowhere = std::net::SocketAddr::from(([127, 0, 0, 1], 9));
    let environment = Environment::for_rehearsal(RehearsalAddresses {
        aws_endpoint: "http://127.0.0.1:9".to_owned(),
        region: "us-east-1".to_owned(),
        dns_server: nowhere,
        ssh_server: nowhere,
        https_server: nowhere,
        https_root_certificate_pem: String::new(),
        speed: 1.0,
    })?;
    let mut all = steps::registry(Arc::new(environment));
    steps::register_local(&mut all, &LocalSettings::default());
    Ok(DESCRIBED.get_or_init(|| all))
}

/// Whether a Task may name a resource: a registered step, or a resource of AWS.
pub fn is_known(steps: &Registry, resource: &str) -> bool {
    let recognized = || !resource.starts_with("flow:") && Resource::parse(resource).is_recognized();
    steps.find(resource).is_some() || recognized()
}

/// Whether this program makes the call of a Task's `Resource`: with a step, or in the API.
pub fn has_step(steps: &Registry, resource: &str) -> bool {
    let nested = |called: &&str| resource.ends_with(&format!(":{called}"));
    api::INTEGRATIONS.iter().any(nested) || steps.find(resource).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_region_names_the_process_that_needs_it() {
        let missing = StepError::new(ErrorClass::Invalid, steps::NO_REGION).hint("Give --region.");
        let named = of_this_process(missing);
        assert_eq!(
            named.cause,
            format!("no AWS region is set for the process that calls AWS, {}", this_process::command())
        );
        assert_eq!(named.hint.as_deref(), Some("Give --region."));
        assert_eq!(of_this_process(StepError::new(ErrorClass::Invalid, "other")).cause, "other");
    }
}
