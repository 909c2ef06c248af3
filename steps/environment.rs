//! The environment of a step: AWS clients, DNS, SSH and HTTPS addresses, the folder of keys.
//!
//! The same steps run against AWS and in a rehearsal. Only this environment differs.

mod account;
mod addresses;
mod clients;
mod identity;
mod signed;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use aws_config::{
    BehaviorVersion, Region, SdkConfig, default_provider::region::DefaultRegionChain, ecs::EcsCredentialsProvider,
    imds::credentials::ImdsCredentialsProvider, meta::credentials::CredentialsProviderChain,
    profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig,
};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use engine::step::{ErrorClass, StepError};
use hickory_resolver::TokioResolver;

use crate::planned::{AnswerOfService, FoundResource, NoConnection, PlanRecord, SettingDifference};

pub use account::{Account, is_not_compared};
pub use addresses::RehearsalAddresses;
pub(crate) use addresses::{resolver_at, system_resolver};
use clients::Clients;
pub use identity::CallerIdentity;
use identity::Identities;

/// The pause before a read is repeated.
const AWS_READ_BACKOFF: Duration = Duration::from_secs(1);
const REHEARSAL_READ_BACKOFF: Duration = Duration::from_millis(20);

/// The cause of an environment without a region.
pub const NO_REGION: &str = "no AWS region is set";

/// The configuration of the AWS command line, with another profile or region if they are given, and the region. With a profile the
/// keys of the environment are not used, as with its `--profile` (AWS CLI User Guide, "Configuration settings and precedence").
///
/// # Errors
/// `Invalid` if no region is configured.
pub(crate) async fn configuration(
    profile: Option<&str>,
    region: Option<&str>,
) -> Result<(SdkConfig, String), StepError> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(profile) = profile {
        let own = provider_of(profile, region).await;
        loader = loader.profile_name(profile).credentials_provider(own);
    }
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    let config = loader.load().await;
    match config.region().map(|region| region.as_ref().to_owned()) {
        Some(region) => Ok((config, region)),
        None => Err(StepError::new(ErrorClass::Invalid, NO_REGION)
            .hint("Give --region, or set AWS_REGION, or a region in the profile.")),
    }
}

/// The credentials of a profile; for one that has none, those of the container or the instance. The default chain of the SDK would
/// use the keys of the environment first.
async fn provider_of(profile: &str, region: Option<&str>) -> CredentialsProviderChain {
    let region = match region {
        Some(region) => Some(Region::new(region.to_owned())),
        None => DefaultRegionChain::builder().profile_name(profile).build().region().await,
    };
    let settings = ProviderConfig::without_region().with_region(region);
    let of_profile = ProfileFileCredentialsProvider::builder().profile_name(profile).configure(&settings).build();
    let of_container = EcsCredentialsProvider::builder().configure(&settings).build();
    let of_instance = ImdsCredentialsProvider::builder().profile(profile).configure(&settings).build();
    CredentialsProviderChain::first_try("Profile", of_profile)
        .or_else("EcsContainer", of_container)
        .or_else("Ec2InstanceMetadata", of_instance)
}

/// The environment of a step.
pub struct Environment {
    region: String,
    rehearsal: Option<RehearsalAddresses>,
    keys_directory: PathBuf,
    clients: Clients,
    resolver: TokioResolver,
    https: reqwest::Client,
    identities: Arc<Identities>,
    read_backoff: Duration,
    /// The record of a plan, to which steps report what they would change.
    plan: Option<Arc<PlanRecord>>,
}

impl Environment {
    /// AWS, with the same credentials as the AWS command line: environment variables, the named profile, single
    /// sign-on, the instance's role.
    ///
    /// # Errors
    /// `Invalid` if no region is configured or the machine has no usable DNS configuration. Missing credentials are
    /// reported by the first call, as `Credentials`.
    pub async fn for_aws(profile: Option<&str>, region: Option<&str>) -> Result<Environment, StepError> {
        let (config, region) = configuration(profile, region).await?;
        Ok(Environment {
            region,
            rehearsal: None,
            keys_directory: default_keys_directory(),
            clients: Clients::new(&config, &config, AWS_READ_BACKOFF),
            resolver: system_resolver()?,
            https: addresses::https_client(None)?,
            identities: Arc::default(),
            read_backoff: AWS_READ_BACKOFF,
            plan: None,
        })
    }

    /// A rehearsal on this machine. Credentials are dummies set here. No environment variable, profile or proxy is
    /// read, and the HTTP client does not support TLS, so a rehearsal cannot reach AWS.
    ///
    /// # Errors
    /// `Invalid` if an address is not a loopback address or the root certificate cannot be parsed.
    pub fn for_rehearsal(addresses: RehearsalAddresses) -> Result<Environment, StepError> {
        addresses.refuse_other_than_loopback()?;
        let credentials = Credentials::new("rehearsal", "rehearsal", None, None, "rehearsal");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(addresses.region.clone()))
            .endpoint_url(addresses.aws_endpoint.clone())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        Ok(Environment {
            region: addresses.region.clone(),
            keys_directory: default_keys_directory(),
            clients: Clients::new(&config, &config, REHEARSAL_READ_BACKOFF),
            resolver: resolver_at(addresses.dns_server)?,
            https: addresses::https_client(Some(&addresses))?,
            identities: Arc::default(),
            read_backoff: REHEARSAL_READ_BACKOFF,
            plan: None,
            rehearsal: Some(addresses),
        })
    }

    /// Stores generated SSH keys in `directory`.
    pub fn with_keys_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.keys_directory = directory.into();
        self
    }

    /// Restricts the environment to one account: credentials of another account are refused before their first use, at
    /// any time.
    pub fn restricted_to(&self, account: Account) -> Environment {
        let config = account::restricted(self.clients.config(), account, self.identities.clone());
        self.with_clients(&config, &config, self.plan.clone())
    }

    /// The environment of a plan: reads reach AWS, the clients for changes have no connection, and `record` receives
    /// their calls. `answer` is the answer to such a call, of the service whose steps require fields in it.
    pub(crate) fn for_plan(&self, record: Arc<PlanRecord>, answer: AnswerOfService) -> Environment {
        let reads = self.clients.config();
        let changes = reads.to_builder().http_client(NoConnection::new(record.clone(), answer)).build();
        self.with_clients(reads, &changes, Some(record))
    }

    /// Replaces the clients. S3's only client makes changes.
    fn with_clients(&self, reads: &SdkConfig, changes: &SdkConfig, plan: Option<Arc<PlanRecord>>) -> Environment {
        Environment {
            region: self.region.clone(),
            rehearsal: self.rehearsal.clone(),
            keys_directory: self.keys_directory.clone(),
            clients: Clients::new(reads, changes, self.read_backoff),
            resolver: self.resolver.clone(),
            https: self.https.clone(),
            identities: self.identities.clone(),
            read_backoff: self.read_backoff,
            plan,
        }
    }

    /// Whether a plan is being made: nothing may be changed, including this machine.
    pub(crate) fn is_planning(&self) -> bool {
        self.plan.is_some()
    }

    /// Reports a difference between a resource and the input, before the call that changes it. Only a plan shows it.
    pub(crate) fn differs(&self, field: &str, from: impl ToString, to: impl ToString) {
        if let Some(plan) = &self.plan {
            let (field, from, to) = (field.to_owned(), from.to_string(), to.to_string());
            plan.record_difference(SettingDifference { field, from, to });
        }
    }

    /// Whether this plan updates the resource with this id. Outside of a plan it is false.
    pub(crate) fn plans_update_of(&self, id: &str) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.updates_any_of(&[id]))
    }

    /// Records the name and the settings of a resource that a search found, because its deletion has only its id. Only a plan uses it.
    pub(crate) fn record_found(&self, id: &str, name: Option<&str>, settings: serde_json::Value) {
        if let Some(plan) = &self.plan {
            plan.record_found(id, FoundResource { name: name.map(str::to_owned), settings });
        }
    }

    /// The region's name, such as `eu-central-1`.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Whether this is a rehearsal.
    pub fn is_rehearsal(&self) -> bool {
        self.rehearsal.is_some()
    }

    /// A command of flow that a person can paste, with the option that keeps it in the rehearsal.
    pub(crate) fn proposed(&self, command: &str) -> String {
        let option = if self.is_rehearsal() { " --rehearse" } else { "" };
        format!("{command}{option}")
    }

    /// The folder of generated SSH keys.
    pub fn keys_directory(&self) -> &Path {
        &self.keys_directory
    }

    /// The S3 client. The SDK repeats its calls: an object has the same name and content at every attempt.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        self.clients.s3()
    }

    /// The DNS resolver. It caches nothing, so every lookup reaches a server.
    pub fn resolver(&self) -> &TokioResolver {
        &self.resolver
    }

    /// The client for HTTPS checks: follows no redirects, keeps no connections.
    pub fn https(&self) -> &reqwest::Client {
        &self.https
    }

    /// The address to connect to for SSH: in a rehearsal its SSH server, for any host. Otherwise `None`: the host's name is resolved.
    pub fn ssh_server(&self) -> Option<SocketAddr> {
        self.rehearsal.as_ref().map(|addresses| addresses.ssh_server)
    }

    /// The time-out of a socket. A rehearsal does not shorten it: sockets are no faster in a rehearsal.
    pub fn scaled(&self, duration: Duration) -> Duration {
        duration
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment").field("region", &self.region).field("rehearsal", &self.rehearsal).finish()
    }
}

/// The folder of keys in earlier versions, which did not store them in the home.
pub(crate) fn default_keys_directory() -> PathBuf {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_else(std::env::temp_dir);
    home.join(".flow").join("keys")
}

#[cfg(test)]
mod tests;
