//! Runs a program on another machine.
//!
//! This step never starts a program twice: if its end is unknown, the step fails and reports that. To start it again,
//! use `Retry` or `flow resume`.

use std::{sync::Arc, time::Duration};

use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult, error_names};
use russh::{
    Channel, ChannelMsg, Disconnect, Sig,
    client::{self, AuthResult, Handle},
    keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;

use super::{hosts::SshHost, key_file::read_private_key};
use crate::{
    local_error_names::{SSH_CANNOT_CONNECT, SSH_CONNECTION_LOST, SSH_FAILED, SSH_OUTCOME_UNKNOWN},
    local_limits::{OUTPUT_BYTES_MAX, run_time_left},
    local_settings::LocalSettings,
    shell::single_quoted,
};

/// The time that connection, key exchange and login may take together.
const LOGIN_TIME_MAX: Duration = Duration::from_secs(30);
/// The time before the deadline of its state at which the step stops the program. So the step fails, not the state, and its error names the
/// program that may still run.
const BEFORE_DEADLINE_MAX: Duration = Duration::from_secs(1);
/// The time that sending a signal may take.
const SIGNAL_TIME_MAX: Duration = Duration::from_millis(500);
/// The interval of keep-alive requests, and how many of their answers may be missing.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVES_MISSING_MAX: usize = 3;
/// The number of bytes at the end of standard error that are kept.
const ERROR_TAIL_BYTES: usize = 2_000;

pub(super) fn register(registry: &mut Registry, settings: &Arc<LocalSettings>) {
    step!(
        registry,
        settings,
        "ssh:run",
        "Runs a program on a host that FLOW_SSH_HOSTS allows: Input as JSON on its standard input, its standard output as the result.",
        [],
        run
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Run {
    /// A name in the file of FLOW_SSH_HOSTS.
    host: String,
    /// A program of that host.
    program: String,
    /// Its arguments. They reach the program as they are: the host's shell does not expand them.
    #[serde(default)]
    arguments: Vec<String>,
    /// The standard input of the program.
    #[serde(default)]
    input: Value,
}

/// The end of a program.
#[derive(Debug, Default)]
struct Ended {
    exit: Option<Result<u32, String>>,
    output: Vec<u8>,
    error_tail: Vec<u8>,
}

async fn run(settings: Arc<LocalSettings>, context: StepContext, input: Run) -> StepResult<Value> {
    let name = format!("{} on {}", input.program, input.host);
    if context.poll > 1 {
        let cause = format!("flow's process ended while {name} ran, and its answer is lost");
        return Err(outcome_unknown(SSH_OUTCOME_UNKNOWN, &cause));
    }
    let host = SshHost::find(settings.ssh_hosts.as_deref(), &input.host, &context.execution)?;
    let time_left = run_time_left(&context);
    let time_left = time_left.saturating_sub(BEFORE_DEADLINE_MAX.min(time_left / 5));
    let begun = tokio::time::Instant::now();
    let login_max = LOGIN_TIME_MAX.min(time_left);
    // Nothing runs on the host before the login has succeeded: it can be ended at any time.
    let login = tokio::select! {
        login = timeout(login_max, log_in(&host)) => login,
        () = context.abandonment.abandoned() => {
            return Err(not_started(format!("{name}: the attempt was over before the login succeeded")));
        }
    };
    let late = |_| not_started(format!("{name}: the login did not succeed within {} s", login_max.as_secs()));
    let session = login.map_err(late)??;
    let time_left = time_left.saturating_sub(begun.elapsed());
    let (command, text) = (command(&input, &context.token), input.input.to_string());
    let stopped = async {
        tokio::select! {
            () = tokio::time::sleep(time_left) => {
                outcome_unknown(error_names::TIMEOUT, &format!("{name} did not end in time, and was sent the signal TERM"))
            }
            () = context.abandonment.abandoned() => {
                outcome_unknown(SSH_OUTCOME_UNKNOWN, &format!("the attempt of {name} is over, and the program was sent the signal TERM"))
            }
        }
    };
    let ended = execute(&session, &command, &text, &name, stopped).await;
    // Closing the connection hangs up. Most servers then end the program, but this step does not rely on it.
    let _ = timeout(Duration::from_secs(1), session.disconnect(Disconnect::ByApplication, "", "en")).await;
    result(&name, ended?)
}

/// The error if nothing was started on the host.
fn not_started(cause: String) -> StepError {
    StepError::named(SSH_CANNOT_CONNECT, cause).hint("Nothing was started. Check the host, its port and the network.")
}

fn outcome_unknown(error: &str, cause: &str) -> StepError {
    let cause = format!("{cause}. The program may have ended, may have been cut off, or may still run.");
    StepError::named(error, cause).hint(
        "Find out on the host first: the next call, also by a Retry rule for this error, starts the program again.",
    )
}

async fn log_in(host: &SshHost) -> Result<Handle<KnownServer>, StepError> {
    let file = host.private_key_file.display();
    let key = read_private_key(&host.private_key_file).map_err(|error| {
        StepError::new(ErrorClass::Invalid, format!("the private key file {file} cannot be used: {error}"))
            .hint("The file must exist, be readable for this user, and have no passphrase.")
    })?;
    let config = client::Config {
        keepalive_interval: Some(KEEPALIVE_INTERVAL),
        keepalive_max: KEEPALIVES_MISSING_MAX,
        ..client::Config::default()
    };
    let address = (host.host.as_str(), host.port);
    let handler = KnownServer { host: host.clone() };
    let mut session = client::connect(Arc::new(config), address, handler).await.map_err(|error| match error {
        ServerError::HostKey(error) => *error,
        ServerError::Ssh(error) => not_started(format!("{}: {error}", host.host)),
    })?;
    let failed = |error: russh::Error| not_started(format!("{}: {error}", host.host));
    // Only RSA keys have a choice of hash.
    let hash = match key.algorithm().is_rsa() {
        true => session.best_supported_rsa_hash().await.map_err(failed)?.flatten(),
        false => None,
    };
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
    match session.authenticate_publickey(&host.user, key).await.map_err(failed)? {
        AuthResult::Success => Ok(session),
        AuthResult::Failure { .. } => {
            let cause = format!("{} refuses the login of {} with the key {file}", host.host, host.user);
            Err(StepError::new(ErrorClass::Permission, cause).hint(
                "Nothing was started. Add the public key to authorized_keys on the host, or name another user or key.",
            ))
        }
    }
}

/// The command line for the host's shell. With the token, the program can detect that it ran earlier.
fn command(input: &Run, token: &str) -> String {
    let words = std::iter::once(&input.program).chain(&input.arguments).map(|word| single_quoted(word));
    let line = words.collect::<Vec<_>>().join(" ");
    format!("exec env FLOW_IDEMPOTENCY_TOKEN={token} {line}")
}

/// Starts the program and writes its input.
async fn start(
    session: &Handle<KnownServer>,
    command: &str,
    input: &str,
    name: &str,
) -> Result<Channel<client::Msg>, StepError> {
    let before = |error: russh::Error| not_started(format!("{name}: {error}"));
    let channel = session.channel_open_session().await.map_err(before)?;
    let lost = |error: russh::Error| outcome_unknown(SSH_CONNECTION_LOST, &format!("{name}: {error}"));
    channel.exec(true, command).await.map_err(lost)?;
    // A program need not read its input; only its end matters.
    let _ = channel.data(input.as_bytes()).await;
    let _ = channel.eof().await;
    Ok(channel)
}

/// Runs the program until it ends, or until `stopped` returns the error with which the step fails.
async fn execute(
    session: &Handle<KnownServer>,
    command: &str,
    input: &str,
    name: &str,
    stopped: impl Future<Output = StepError>,
) -> Result<Ended, StepError> {
    let mut stopped = std::pin::pin!(stopped);
    let mut channel = tokio::select! {
        channel = start(session, command, input, name) => channel?,
        error = &mut stopped => return Err(error),
    };
    let mut ended = Ended::default();
    loop {
        let message = tokio::select! {
            message = channel.wait() => message,
            error = &mut stopped => {
                // A server may ignore the signal, so the failure says that the program may still run.
                let _ = timeout(SIGNAL_TIME_MAX, channel.signal(Sig::TERM)).await;
                return Err(error);
            }
        };
        let Some(message) = message else { break };
        match message {
            ChannelMsg::Data { data } => {
                ended.output.extend_from_slice(&data);
                if ended.output.len() > OUTPUT_BYTES_MAX {
                    let cause = format!("{name} printed more than {OUTPUT_BYTES_MAX} bytes");
                    return Err(outcome_unknown(error_names::DATA_LIMIT_EXCEEDED, &cause));
                }
            }
            ChannelMsg::ExtendedData { data, .. } => {
                ended.error_tail.extend_from_slice(&data);
                let surplus = ended.error_tail.len().saturating_sub(ERROR_TAIL_BYTES);
                ended.error_tail.drain(..surplus);
            }
            ChannelMsg::ExitStatus { exit_status } => ended.exit = Some(Ok(exit_status)),
            ChannelMsg::ExitSignal { signal_name, .. } => ended.exit = Some(Err(format!("{signal_name:?}"))),
            ChannelMsg::Failure => {
                return Err(not_started(format!("{name}: the host accepts the login, but refuses to run a program")));
            }
            _ => {}
        }
    }
    match ended.exit {
        Some(_) => Ok(ended),
        None => Err(outcome_unknown(SSH_CONNECTION_LOST, &format!("{name}: the connection was lost"))),
    }
}

fn result(name: &str, ended: Ended) -> StepResult<Value> {
    let text = String::from_utf8_lossy(&ended.output);
    let text = text.trim();
    let status = match ended.exit {
        Some(Ok(0)) => return Ok(Answer::done(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)))),
        Some(Ok(code)) => format!("exit status: {code}"),
        Some(Err(signal)) => format!("ended by the signal {signal}"),
        None => "how it ended is not known".to_owned(),
    };
    let tail = String::from_utf8_lossy(&ended.error_tail);
    let said = if tail.trim().is_empty() { text } else { tail.trim() };
    let start = said.char_indices().rev().take(ERROR_TAIL_BYTES).last().map_or(0, |(start, _)| start);
    let said = if said[start..].is_empty() { String::new() } else { format!(": {}", &said[start..]) };
    Err(StepError::named(SSH_FAILED, format!("{name}: {status}{said}")))
}

/// Accepts only the host key that is pinned or known.
struct KnownServer {
    host: SshHost,
}

/// Why no connection was made.
#[derive(Debug)]
enum ServerError {
    HostKey(Box<StepError>),
    Ssh(russh::Error),
}

impl From<russh::Error> for ServerError {
    fn from(error: russh::Error) -> Self {
        ServerError::Ssh(error)
    }
}

impl client::Handler for KnownServer {
    type Error = ServerError;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        self.host.check(&key.public_key()).map(|()| true).map_err(|error| ServerError::HostKey(Box::new(error)))
    }
}

#[cfg(test)]
mod tests;
