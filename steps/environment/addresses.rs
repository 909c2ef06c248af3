//! The addresses of a rehearsal's servers, and the DNS and HTTPS clients.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use engine::step::{ErrorClass, StepError};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
    net::runtime::TokioRuntimeProvider,
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::failure::chain;

/// How long one HTTPS check may take.
const HTTPS_TIMEOUT: Duration = Duration::from_secs(15);

/// The addresses of a rehearsal's servers. All must be loopback addresses.
#[derive(Debug, Clone)]
pub struct RehearsalAddresses {
    /// The AWS API, such as `http://127.0.0.1:4566`.
    pub aws_endpoint: String,
    /// The region's name.
    pub region: String,
    /// The DNS server for all queries.
    pub dns_server: SocketAddr,
    /// The server for port 22 of every host.
    pub ssh_server: SocketAddr,
    /// The server for port 443 of every host.
    pub https_server: SocketAddr,
    /// The only root certificate that HTTPS checks trust, as PEM.
    pub https_root_certificate_pem: String,
    /// The factor by which the rehearsal's clock runs faster.
    pub speed: f64,
}

impl RehearsalAddresses {
    pub(super) fn refuse_other_than_loopback(&self) -> Result<(), StepError> {
        let refuse = |what: &str, address: &str| {
            Err(StepError::new(
                ErrorClass::Invalid,
                format!(
                    "a rehearsal stays on this machine, but its {what} is {address}, which is not a loopback address"
                ),
            ))
        };
        if !is_loopback_url(&self.aws_endpoint) {
            return refuse("AWS endpoint", &self.aws_endpoint);
        }
        let servers =
            [("DNS server", self.dns_server), ("SSH server", self.ssh_server), ("HTTPS server", self.https_server)];
        for (what, address) in servers {
            if !address.ip().is_loopback() {
                return refuse(what, &address.to_string());
            }
        }
        Ok(())
    }
}

/// Whether a URL is plain HTTP to a loopback address. A name is refused, because it could resolve to another address.
fn is_loopback_url(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    url.scheme() == "http" && host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

pub(crate) fn system_resolver() -> Result<TokioResolver, StepError> {
    let mut builder = TokioResolver::builder_tokio().map_err(no_resolver)?;
    builder.options_mut().cache_size = 0;
    builder.build().map_err(no_resolver)
}

pub(crate) fn resolver_at(server: SocketAddr) -> Result<TokioResolver, StepError> {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    let server = NameServerConfig::new(server.ip(), true, connections.to_vec());
    let config = ResolverConfig::from_name_servers(vec![server]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    options.cache_size = 0;
    options.use_hosts_file = hickory_resolver::config::ResolveHosts::Never;
    builder.build().map_err(no_resolver)
}

fn no_resolver(error: impl std::fmt::Display) -> StepError {
    StepError::new(ErrorClass::Invalid, format!("this machine's DNS configuration cannot be used: {error}"))
}

pub(super) fn https_client(rehearsal: Option<&RehearsalAddresses>) -> Result<reqwest::Client, StepError> {
    let unusable = |error: reqwest::Error| {
        StepError::new(ErrorClass::Invalid, format!("HTTPS cannot be set up: {}", chain(&error)))
    };
    let mut builder = reqwest::Client::builder()
        .timeout(HTTPS_TIMEOUT)
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none());
    if let Some(addresses) = rehearsal {
        let roots = addresses.https_root_certificate_pem.as_bytes();
        let roots = reqwest::Certificate::from_pem_bundle(roots).map_err(unusable)?;
        builder = builder.no_proxy().tls_certs_only(roots).dns_resolver(Arc::new(OneServer(addresses.https_server)));
    }
    builder.build().map_err(unusable)
}

/// Resolves every host to the same server.
struct OneServer(SocketAddr);

impl Resolve for OneServer {
    fn resolve(&self, _host: Name) -> Resolving {
        let server = self.0;
        Box::pin(async move { Ok(Box::new(std::iter::once(server)) as Addrs) })
    }
}
