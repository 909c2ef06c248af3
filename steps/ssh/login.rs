//! Waits until a server accepts a user's login.

use std::{
    io::ErrorKind,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use engine::step::{Answer, ErrorClass, Instructions, Pending, Registry, StepContext, StepError, StepResult};
use russh::{
    Disconnect,
    client::{self, AuthResult, Handle},
    keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    net::TcpStream,
    time::timeout,
};

use super::key_file::read_private_key;
use crate::{Environment, outcome::is_last_poll};

const SSH_PORT: u16 = 22;
/// The time to wait for the connection, and again for key exchange and login.
const SOCKET_TIMEOUT: Duration = Duration::from_secs(10);
/// The time without an answer of an SSH server after which a person is asked to act.
const OUT_OF_REACH_MS: u64 = 120_000;
const WITHOUT_SSH: &str = "Allow port 22 in the firewall of this network and in sshSourceCidr; or continue without this check \
                           (bastion.waitForSsh: false): a new run with   --set bastion.waitForSsh=false";
const OTHER_KEY: &str = "The instance was made with another key. Give its private key, or replace the instance: a new run with   \
                         --set bastion.enabled=false   , then one with true. Without this check:   --set bastion.waitForSsh=false";
/// The number of bytes of a server's greeting that are read: the version string has at most 255 bytes, and lines may precede it.
const GREETING_BYTES_MAX: u64 = 8 * 1024;

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ssh:waitForLogin",
        "Waits until the server really lets the user in with the key.",
        [],
        wait_for_login
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WaitForLogin {
    /// A name or an address.
    host: String,
    /// 22 unless said.
    #[serde(default)]
    port: Option<u16>,
    user: String,
    /// Without one, only the server's greeting is waited for.
    private_key_file: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct LoggedIn {
    host: String,
    /// The version string of the server, such as `SSH-2.0-OpenSSH_9.6p1`.
    server_banner: String,
    /// Whether the user was let in; not when there is no key to try.
    logged_in: bool,
}

async fn wait_for_login(
    environment: Arc<Environment>,
    context: StepContext,
    input: WaitForLogin,
) -> StepResult<LoggedIn> {
    let key = match &input.private_key_file {
        Some(file) => Some(Arc::new(load_key(file)?)),
        None => None,
    };
    let within = environment.scaled(SOCKET_TIMEOUT);
    match probe(environment.ssh_server(), &input, key, within).await {
        Ok(logged_in) => Ok(Answer::done(logged_in)),
        Err(no_login) => no_login_yet(&context, &input, no_login),
    }
}

/// Why an attempt did not log in.
#[derive(Debug, PartialEq, Eq)]
enum NoLogin {
    /// No SSH server answered.
    OutOfReach(String),
    /// A server answered and refused the key, which one does for some seconds until it has the key.
    KeyRefused(String),
}

/// Continues the wait, with instructions for a person after a while, or fails at the deadline.
fn no_login_yet(context: &StepContext, input: &WaitForLogin, no_login: NoLogin) -> StepResult<LoggedIn> {
    let interval = context.poll_interval(Duration::from_secs(5), Duration::from_secs(30));
    let is_last = is_last_poll(context, interval);
    match no_login {
        NoLogin::KeyRefused(reason) => match &input.private_key_file {
            Some(file) if is_last => Err(refused_key(input, file, &reason)),
            _ => Ok(Answer::pending(reason, interval)),
        },
        NoLogin::OutOfReach(reason) if is_last => {
            let cause = format!("this machine cannot reach {} on port {}: {reason}", input.host, port(input));
            Err(StepError::new(ErrorClass::Failed, cause).hint(WITHOUT_SSH))
        }
        NoLogin::OutOfReach(reason) => {
            let instructions = is_out_of_reach_for_long(context).then(|| way_out(input));
            Ok(Answer::Pending(Pending { instructions, ..Pending::new(reason, interval) }))
        }
    }
}

fn port(input: &WaitForLogin) -> u16 {
    input.port.unwrap_or(SSH_PORT)
}

/// Whether a server that is starting would have answered: the status checks of the instance have passed before this wait.
fn is_out_of_reach_for_long(context: &StepContext) -> bool {
    context.now_ms.saturating_sub(context.first_poll_ms) >= OUT_OF_REACH_MS
}

/// The failure of a login whose key was refused until the deadline.
fn refused_key(input: &WaitForLogin, file: &str, reason: &str) -> StepError {
    let cause = format!("{}@{} refuses the private key {file}: {reason}", input.user, input.host);
    StepError::new(ErrorClass::Failed, cause).hint(OTHER_KEY)
}

fn way_out(input: &WaitForLogin) -> Instructions {
    let host = &input.host;
    Instructions {
        sentence: format!(
            "This machine does not reach SSH at {host} on port {}. If it stays so: {WITHOUT_SSH}",
            port(input)
        ),
        values: Vec::new(),
        answer: Some(serde_json::json!({ "host": host, "serverBanner": "", "loggedIn": false })),
        approval: None,
    }
}

fn load_key(file: &str) -> Result<PrivateKey, StepError> {
    read_private_key(file).map_err(|error| {
        StepError::new(ErrorClass::Invalid, format!("private key file {file} cannot be used: {error}"))
            .hint("It must be there, readable, without a passphrase, and an Ed25519 or ECDSA key: RSA keys are not supported.")
    })
}

/// Makes one attempt. The error is the reason to continue waiting.
async fn probe(
    server: Option<SocketAddr>,
    input: &WaitForLogin,
    key: Option<Arc<PrivateKey>>,
    within: Duration,
) -> Result<LoggedIn, NoLogin> {
    let port = port(input);
    let stream = match server {
        Some(address) => timeout(within, TcpStream::connect(address)).await,
        None => timeout(within, TcpStream::connect((input.host.as_str(), port))).await,
    };
    let stream = stream.map_err(|_| NoLogin::OutOfReach("connection timed out".to_owned()))?;
    let stream = stream.map_err(|error| of_io(&error))?;
    let late = |_| NoLogin::OutOfReach("no greeting in time".to_owned());
    let (server_banner, logged_in) = match key {
        None => (timeout(within, greeting(stream)).await.map_err(late)??, false),
        Some(key) => (timeout(within, log_in(stream, &input.user, key)).await.map_err(late)??, true),
    };
    Ok(LoggedIn { host: input.host.clone(), server_banner, logged_in })
}

/// The server's version string, without a handshake.
async fn greeting(stream: TcpStream) -> Result<String, NoLogin> {
    let mut lines = BufReader::new(stream.take(GREETING_BYTES_MAX)).lines();
    while let Some(line) = lines.next_line().await.map_err(|error| of_io(&error))? {
        if line.starts_with("SSH-") {
            return Ok(line);
        }
    }
    Err(NoLogin::OutOfReach("connection closed before the greeting".to_owned()))
}

async fn log_in(stream: TcpStream, user: &str, key: Arc<PrivateKey>) -> Result<String, NoLogin> {
    let banner = Arc::new(Mutex::new(String::new()));
    let handler = AnyServer { banner: Arc::clone(&banner) };
    let config = Arc::new(client::Config::default());
    let mut session = client::connect_stream(config, stream, handler).await.map_err(|error| of_ssh(&error))?;
    // Only RSA keys have a choice of hash.
    let result = session.authenticate_publickey(user, PrivateKeyWithHashAlg::new(key, None)).await;
    let result = result.map_err(|error| of_ssh(&error))?;
    leave(&session).await;
    match result {
        AuthResult::Success => Ok(banner.lock().map(|banner| banner.clone()).unwrap_or_default()),
        AuthResult::Failure { remaining_methods, .. } => {
            let methods: Vec<String> = remaining_methods.iter().map(String::from).collect();
            let methods = if methods.is_empty() { "publickey".to_owned() } else { methods.join(",") };
            Err(NoLogin::KeyRefused(format!("Permission denied ({methods})")))
        }
    }
}

async fn leave(session: &Handle<AnyServer>) {
    // The login has succeeded; an error while disconnecting does not matter.
    if let Err(error) = session.disconnect(Disconnect::ByApplication, "", "en").await {
        tracing::debug!(%error, "SSH connection was closed by the server");
    }
}

fn of_ssh(error: &russh::Error) -> NoLogin {
    NoLogin::OutOfReach(match error {
        russh::Error::IO(error) => reason_of_io(error),
        russh::Error::HUP | russh::Error::Disconnect => "connection closed by the server".to_owned(),
        russh::Error::ConnectionTimeout | russh::Error::InactivityTimeout => "connection timed out".to_owned(),
        error => error.to_string(),
    })
}

fn of_io(error: &std::io::Error) -> NoLogin {
    NoLogin::OutOfReach(reason_of_io(error))
}

fn reason_of_io(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            "connection reset".to_owned()
        }
        ErrorKind::UnexpectedEof => "connection closed by the server".to_owned(),
        ErrorKind::TimedOut => "connection timed out".to_owned(),
        ErrorKind::HostUnreachable => "host unreachable".to_owned(),
        ErrorKind::NetworkUnreachable => "network unreachable".to_owned(),
        _ => error.to_string(),
    }
}

/// Accepts any host key: the server was just created and its key is unknown. It receives only the user's name and
/// public key.
struct AnyServer {
    banner: Arc<Mutex<String>>,
}

impl client::Handler for AnyServer {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(true)
    }

    async fn kex_done(
        &mut self,
        _shared_secret: Option<&[u8]>,
        _names: &russh::Names,
        session: &mut client::Session,
    ) -> Result<(), Self::Error> {
        if let Ok(mut banner) = self.banner.lock() {
            *banner = String::from_utf8_lossy(session.remote_sshid()).trim_end().to_owned();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
