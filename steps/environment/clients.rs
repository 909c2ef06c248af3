//! The AWS clients, two for each service: one for changes, one for reads.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws_config::SdkConfig;
use aws_smithy_types::{retry::RetryConfig, timeout::TimeoutConfig};

use super::Environment;

/// The time that one connection attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time that one attempt of a call may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
/// The time that a call may take with all its attempts.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(90);
/// The most attempts of a read.
pub(super) const READ_ATTEMPTS: u32 = 3;

/// A client for S3 with the retries and time-outs of `config`.
fn plain_s3(config: &SdkConfig) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(s3_configuration(config).build())
}

/// The configuration of an S3 client. At an endpoint other than AWS's, buckets are in the path instead of the host.
fn s3_configuration(config: &SdkConfig) -> aws_sdk_s3::config::Builder {
    let elsewhere = config.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
    aws_sdk_s3::config::Builder::from(config).force_path_style(elsewhere)
}

/// The clients for reads and those for changes. A service's module declares its own clients with
/// [`Environment::client_for_reads`] and [`Environment::client_for_changes`].
pub(super) struct Clients {
    config: SdkConfig,
    reads: ClientsByType,
    changes: ClientsByType,
    /// The client of a Map's reader and writer. It repeats also changes, because an object has the same name and content each time.
    objects: ClientsByType,
}

impl Clients {
    /// Creates clients for reads from `config` and for changes from `changes`, which has no connection in a plan.
    /// `read_backoff` is the pause before a read is repeated.
    pub(super) fn new(config: &SdkConfig, changes: &SdkConfig, read_backoff: Duration) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let again = RetryConfig::standard().with_max_attempts(READ_ATTEMPTS).with_initial_backoff(read_backoff);
        // The SDK's own retry after a lost answer creates a second VPC, so only the engine repeats a change.
        let once = RetryConfig::disabled();
        let objects = changes.to_builder().retry_config(again.clone()).build();
        let of = |config: &SdkConfig, retries: RetryConfig| {
            config.to_builder().retry_config(retries).timeout_config(timeouts.clone()).build()
        };
        Clients {
            config: config.clone(),
            reads: ClientsByType::new(of(config, again)),
            changes: ClientsByType::new(of(changes, once)),
            objects: ClientsByType::new(objects),
        }
    }

    /// The S3 client of a Map's reader and writer.
    pub(super) fn s3(&self) -> aws_sdk_s3::Client {
        self.objects.get(plain_s3)
    }

    /// The configuration of the clients for reads, without their retries and time-outs.
    pub(super) fn config(&self) -> &SdkConfig {
        &self.config
    }
}

/// The clients of one configuration. A client is created on first use: a process that only checks a workflow needs
/// none.
struct ClientsByType {
    config: SdkConfig,
    clients: Mutex<HashMap<TypeId, Box<dyn Any + Send + Sync>>>,
}

impl ClientsByType {
    fn new(config: SdkConfig) -> Self {
        ClientsByType { config, clients: Mutex::default() }
    }

    /// The client of type `C`. Its copies share connections.
    fn get<C: Clone + Send + Sync + 'static>(&self, new: fn(&SdkConfig) -> C) -> C {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&TypeId::of::<C>()).and_then(|client| client.downcast_ref::<C>()) {
            return client.clone();
        }
        let client = new(&self.config);
        clients.insert(TypeId::of::<C>(), Box::new(client.clone()));
        client
    }
}

impl Environment {
    /// The client of type `C` for changes. It never repeats a change. `new` is `C::new`.
    pub(crate) fn client_for_changes<C: Clone + Send + Sync + 'static>(&self, new: fn(&SdkConfig) -> C) -> C {
        self.clients.changes.get(new)
    }

    /// The client of type `C` for reads: it repeats failed calls. `new` is `C::new`.
    pub(crate) fn client_for_reads<C: Clone + Send + Sync + 'static>(&self, new: fn(&SdkConfig) -> C) -> C {
        self.clients.reads.get(new)
    }

    /// The S3 client for reads of the SDK integrations.
    pub(crate) fn s3_reads(&self) -> aws_sdk_s3::Client {
        self.client_for_reads(plain_s3)
    }

    /// The S3 client for changes of the SDK integrations.
    pub(crate) fn s3_changes(&self) -> aws_sdk_s3::Client {
        self.client_for_changes(plain_s3)
    }

    /// The configuration of the clients for reads.
    pub(crate) fn config_of_reads(&self) -> &SdkConfig {
        &self.clients.reads.config
    }
}
