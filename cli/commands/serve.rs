//! `flow serve`.

use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use api::flow::{Answerer, ListExecutions, ListRequest, ListResponse, Needs};
use clap::Args;
use engine::{machine::ExecutionHeader, runner::RunnerHandle};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;
use tokio::net::{TcpListener, TcpSocket};

use crate::{
    environments::{Environments, Location},
    exit::{CliError, Exit, store_failed},
    global::{Global, Output},
    home::Home,
    interrupt,
    owner::{self, Handle, Local},
    person::token_file,
    proposed::OPTIONS,
    ui::{
        json,
        text::{counted, one_or},
    },
    wire::{guard::Guard, signature::Key},
};

/// The most file handles of a server.
const FILE_HANDLES_MAX: u64 = 65_536;
/// The most clients that wait until the server accepts them (listen(2); the system may allow fewer, net.core.somaxconn). The client of a
/// further connection repeats its first packet after 1 s, then less and less often. All clients of a server that was killed connect at
/// once to the next one.
const WAITING_CLIENTS_MAX: u32 = 4_096;
/// The environment variable with the token.
const TOKEN: &str = "FLOW_TOKEN";
/// The most executions that are counted by what continues them.
const COUNTED_MAX: usize = 1_000;
/// The first interval between two loads of missing credentials. It doubles up to the longest one.
const CREDENTIALS_RETRY_MIN: Duration = Duration::from_secs(2);
const CREDENTIALS_RETRY_MAX: Duration = Duration::from_secs(30);
/// The environment variables with the signing key. They are not arguments, because all users can list processes.
const ACCESS_KEY_ID: &str = "FLOW_ACCESS_KEY_ID";
const SECRET_ACCESS_KEY: &str = "FLOW_SECRET_ACCESS_KEY";

/// Arguments of `flow serve`.
#[derive(Debug, Args)]
pub struct ServeArguments {
    /// The address to listen on; other than this machine only with a token, or with a key in FLOW_ACCESS_KEY_ID and
    /// FLOW_SECRET_ACCESS_KEY with which every request is signed (Signature Version 4, service `states`).
    #[arg(long, default_value = "127.0.0.1:8083", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// A file with the token that requests send in `Authorization: Bearer TOKEN`; default FLOW_TOKEN.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Owns the store and serves it until SIGINT or SIGTERM. Then it makes no new calls and records the ends of those in
/// flight.
pub async fn run(global: &Global, arguments: ServeArguments) -> Result<Exit, CliError> {
    raise_file_handles();
    let location = Location::Aws { profile: global.profile.clone(), region: global.region.clone() };
    let environments = Environments::with_default_location(Home::real(global)?, location);
    let guard = Guard { token: token(arguments.token_file.as_deref())?, key: key(environments.region())? };
    permitted(arguments.listen, &guard)?;
    let _orderly = interrupt::Orderly::begin();
    let mut local = Handle::become_owner(environments.clone()).await?;
    let served = serve(global, &environments, &mut local, arguments.listen, guard).await;
    let closed = local.close().await;
    let exit = served?;
    closed.map(|()| exit)
}

/// Binds the address, recovers the executions, prints that it serves, and accepts clients.
///
/// Binds first: an address in use must be refused before a step is called. A client that connects before the executions are recovered is
/// accepted by the kernel, and its request waits in the socket instead of being refused: it needs no retry. Requests are not answered
/// earlier, because an execution that is not recovered yet would receive no answers and no heartbeats.
///
/// This wait has no limit in time, but one in work: at most [`COUNTED_MAX`] + 1 headers and what they need are read, then one index record
/// for each execution that has not ended; only those that continue at once are loaded (100,000 that sleep: 0.5 s; a million: 3.6 s). The
/// kernel keeps [`WAITING_CLIENTS_MAX`] connections. If the store fails, the process ends and the kernel resets the connections.
async fn serve(
    global: &Global,
    environments: &Environments,
    local: &mut Local,
    listen: SocketAddr,
    guard: Guard,
) -> Result<Exit, CliError> {
    let listener =
        bind(listen).map_err(|error| CliError::refused(format!("the server cannot listen on {listen}: {error}")))?;
    let unfinished = Unfinished::read(local).await?;
    let recovered = local.runner().recover_all().await.map_err(|error| store_failed(error.to_string()))?;
    let address = listener.local_addr()?;
    let words = unfinished.as_ref().map_or_else(
        || {
            let have = one_or(recovered, "has", "have");
            format!("{} {have} not ended", counted(recovered, "execution"))
        },
        Unfinished::words,
    );
    let message = format!("Step Functions API on http://{address}; {words}");
    match global.output {
        Output::Human => say!("{message}"),
        Output::Json => {
            let line = serde_json::json!({ "type": "serving", "endpoint": format!("http://{address}"), "message": message,
                                           "recovered": recovered });
            json::print(json::with(line, serde_json::to_value(&unfinished).unwrap_or_default()));
        }
    }
    local.listen(listener, guard);
    let runner = local.runner();
    tokio::select! {
        exit = interrupt::requested() => {
            report!(
                "flow: {}. Nothing is lost: the next flow serve, or flow resume --all{OPTIONS}, continues",
                owner::no_new_calls()
            );
            Ok(exit)
        }
        failure = runner.store_failure() => Err(store_failed(failure.to_string())),
        never = continue_left(environments, runner) => match never {},
    }
}

/// Listens on an address, for [`WAITING_CLIENTS_MAX`] clients that are not accepted yet.
fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A connection of the last server that the kernel has not forgotten yet does not keep the next one from listening.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING_CLIENTS_MAX)
}

/// Continues the executions that this process released for lack of credentials, once its profile has these credentials. Loads the
/// credentials again after [`CREDENTIALS_RETRY_MIN`], then less and less often.
async fn continue_left(environments: &Environments, runner: &RunnerHandle) -> Infallible {
    let (mut delay, mut is_due) = (CREDENTIALS_RETRY_MIN, false);
    loop {
        if !is_due {
            environments.until_account_refused().await;
        }
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(CREDENTIALS_RETRY_MAX);
        if environments.can_act_again().await {
            (delay, is_due) = (CREDENTIALS_RETRY_MIN, true);
        }
        if !is_due {
            continue;
        }
        // An execution that is left only when its other calls have ended is recovered later.
        is_due = runner.has_declined().await;
        if let Err(error) = runner.recover_all().await {
            tracing::warn!("the executions that this process has left are not continued: {error}");
        }
    }
}

/// The executions that have not ended when the server starts, by what continues them.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Unfinished {
    /// The server continues them, at once or when something is due.
    continued: usize,
    /// A person must answer an approval.
    awaiting_person: usize,
    /// The holder of a task token must answer.
    awaiting_answer: usize,
    /// A worker must fetch a task.
    awaiting_worker: usize,
    /// `flow resume` continues them.
    paused: usize,
}

impl Unfinished {
    /// Counts them; `None` if there are more than are read.
    async fn read(local: &Local) -> Result<Option<Self>, CliError> {
        let request = ListRequest { limit: Some(COUNTED_MAX + 1), until_ms: None, unfinished: true, with_needs: true };
        let ListResponse { executions, needs, .. } = local.api().respond::<ListExecutions>(request).await?;
        Ok((executions.len() <= COUNTED_MAX).then(|| Unfinished::of(&executions, &needs)))
    }

    fn of(executions: &[ExecutionHeader], needs: &[Needs]) -> Self {
        let mut counts = Unfinished::default();
        let answerers: HashMap<&str, &Answerer> =
            needs.iter().map(|needs| (needs.execution.as_str(), &needs.answerer)).collect();
        for header in executions {
            let count = match answerers.get(header.id.as_str()) {
                _ if header.paused => &mut counts.paused,
                Some(Answerer::Person(_)) => &mut counts.awaiting_person,
                Some(Answerer::TokenHolder) => &mut counts.awaiting_answer,
                Some(Answerer::Worker) => &mut counts.awaiting_worker,
                None => &mut counts.continued,
            };
            *count += 1;
        }
        counts
    }

    fn words(&self) -> String {
        let executions = one_or(self.continued, "execution continues", "executions continue");
        let mut words = format!("{} {executions}", self.continued);
        let others = [
            (self.awaiting_person, "waits for a person", "wait for a person"),
            (self.awaiting_answer, "waits for an answer", "wait for an answer"),
            (self.awaiting_worker, "waits for a worker", "wait for a worker"),
            (self.paused, "is paused until flow resume", "are paused until flow resume"),
        ];
        for (count, one, several) in others.into_iter().filter(|(count, ..)| *count > 0) {
            words.push_str(&format!(", {count} {}", one_or(count, one, several)));
        }
        words
    }
}

/// Raises the limit of file handles as far as allowed, up to [`FILE_HANDLES_MAX`]: each client and each program needs
/// some. Many systems start with 1,024 and allow more.
fn raise_file_handles() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(FILE_HANDLES_MAX).min(FILE_HANDLES_MAX);
    if limit.current.is_some_and(|current| current < wanted) {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit });
    }
}

/// Refuses to listen for other machines without a token or a key.
fn permitted(listen: SocketAddr, guard: &Guard) -> Result<(), CliError> {
    if listen.ip().is_loopback() || !guard.is_open() {
        return Ok(());
    }
    let message = format!("{listen} can be reached from other machines, and neither token nor key is set");
    let hint = format!(
        "give --token-file, or set {TOKEN}, or {ACCESS_KEY_ID} and {SECRET_ACCESS_KEY}, or listen on 127.0.0.1"
    );
    Err(CliError::refused(message).hint(hint))
}

/// The token of the operator. An empty variable, or one of white space, counts as unset.
fn token(file: Option<&Path>) -> Result<Option<String>, CliError> {
    let Some(file) = file else { return token_file::of_variable(TOKEN) };
    token_file::for_header(&format!("--token-file {}", file.display()), token_file::read(file)?).map(Some)
}

/// The key of the operator, for requests that are signed for a region.
fn key(region: &str) -> Result<Option<Key>, CliError> {
    match (token_file::of_variable(ACCESS_KEY_ID)?, token_file::of_variable(SECRET_ACCESS_KEY)?) {
        (None, None) => Ok(None),
        (Some(id), Some(secret)) => Ok(Some(Key::new(&id, &secret, region))),
        (id, _) => {
            let (set, unset) =
                if id.is_some() { (ACCESS_KEY_ID, SECRET_ACCESS_KEY) } else { (SECRET_ACCESS_KEY, ACCESS_KEY_ID) };
            Err(CliError::refused(format!("{set} is set and {unset} is not")).hint("set both, or none"))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{net::TcpStream, sync::Arc, time::Duration};

    use api::flow::{Answerer, Needs};
    use engine::machine::ExecutionHeader;

    use super::{Guard, Key, Unfinished, bind, permitted};

    #[tokio::test]
    async fn more_clients_than_the_default_of_128_wait_for_a_server_that_recovers() {
        let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
        let count = allowed.trim().parse::<usize>().unwrap_or(128).min(300);
        let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        // A client that has no place waits for at least 1 s.
        let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(900));
        let clients: Vec<_> = (0..count).map(connect).collect();
        assert_eq!(clients.iter().filter(|client| client.is_ok()).count(), count);
    }

    #[test]
    fn the_executions_at_the_start_are_counted_by_what_continues_them() {
        let header = |id: &str| ExecutionHeader::new(id, "w", Arc::default());
        let needs = |id: &str, answerer| {
            let (execution, state) = (id.to_owned(), "Ask".to_owned());
            Needs { execution, state, answerer, next_due_ms: None }
        };
        let mut paused = header("paused");
        paused.paused = true;
        let executions = [header("due"), header("person"), header("worker"), header("token"), paused];
        let asks = [
            needs("person", Answerer::Person(Box::default())),
            needs("worker", Answerer::Worker),
            needs("token", Answerer::TokenHolder),
        ];
        let words = Unfinished::of(&executions, &asks).words();
        let expected = "1 execution continues, 1 waits for a person, 1 waits for an answer, 1 waits for a worker, \
                        1 is paused until flow resume";
        assert_eq!(words, expected);
        assert_eq!(Unfinished::default().words(), "0 executions continue");
    }

    #[test]
    fn other_addresses_are_open_to_a_token_or_a_key_only() {
        let key = Some(Key::new("id", "secret", "us-east-1"));
        let guards = [
            (Guard::default(), false),
            (Guard { token: Some("t".to_owned()), key: None }, true),
            (Guard { token: None, key }, true),
        ];
        for (guard, expected) in guards {
            assert_eq!(permitted(([0, 0, 0, 0], 0).into(), &guard).is_ok(), expected);
            assert!(permitted(([127, 0, 0, 1], 0).into(), &guard).is_ok());
        }
    }
}
