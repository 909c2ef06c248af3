//! The store in this process: driven, with a socket for other processes.

use std::{io::IsTerminal, sync::Arc, time::Duration};

use api::Api;
use engine::{
    runner::{Drained, RunnerHandle, RunnerOptions},
    step::Registry,
    store::{OwnerLock, Store, StoreError},
};
use tokio::net::TcpListener;

use super::{
    open_store,
    retry_limit::DRAIN_MAX,
    variables::{api_options, runner_options},
};
use crate::{
    clock,
    environments::Environments,
    exit::{CliError, Exit},
    interrupt::{self, Orderly},
    ui::text::counted,
    wire::{
        guard::Guard,
        server::{Closer, Listener, Transport},
        socket::Socket,
    },
};

/// The message about what happens after a first signal.
pub fn no_new_calls() -> String {
    format!("no new calls; those in flight may end within {} s (a second signal stops now)", DRAIN_MAX.as_secs())
}

/// The time for which this process drives only executions of other processes without an explanation.
const UNEXPLAINED_WAIT_MAX: Duration = Duration::from_secs(1);
/// The time that the engine's threads and open requests may take to release the store.
const RELEASE_MAX: Duration = Duration::from_secs(5);

/// A driven store: the engine, its operations, and the socket on which other processes call them.
pub struct Local {
    api: Arc<Api>,
    runner: RunnerHandle,
    closer: Closer,
    listeners: Vec<Listener>,
    lock: OwnerLock,
}

impl Local {
    /// Opens the store and starts the engine. It drives no execution yet.
    ///
    /// # Errors
    /// The store cannot be opened, or the socket cannot be created.
    pub fn open(environments: Arc<Environments>, lock: OwnerLock) -> Result<Self, CliError> {
        Self::open_with(environments, lock, runner_options())
    }

    /// Like [`Local::open`], for a process that only records an answer: it calls no steps and begins no Task. The next owner makes
    /// the calls that are due.
    ///
    /// # Errors
    /// As [`Local::open`].
    pub fn open_to_record_answer(environments: Arc<Environments>, lock: OwnerLock) -> Result<Self, CliError> {
        Self::open_with(environments, lock, RunnerOptions { makes_no_calls: true, ..runner_options() })
    }

    fn open_with(
        environments: Arc<Environments>,
        lock: OwnerLock,
        options_of_runner: RunnerOptions,
    ) -> Result<Self, CliError> {
        let home = environments.home().clone();
        let store = Arc::new(open_store(&home)?);
        if let Some(words) = clock::behind(&home, store.latest_start_ms()) {
            report!("flow: {words}");
        }
        let runner = engine::runner::start(store, environments.clone(), clock::of(&home), options_of_runner);
        let api = Arc::new(Api::new(runner.clone(), api_options(&environments)));
        api.adopt()?;
        let mut integrations = Registry::new();
        api.integrate(&mut integrations);
        environments.add(integrations);
        let closer = Closer::new();
        let listener =
            Listener::on_socket(Socket::listen(&home.socket())?, closer.served(api.clone(), Transport::Socket));
        Ok(Local { api, runner, closer, listeners: vec![listener], lock })
    }

    /// The operations.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// The engine.
    pub fn runner(&self) -> &RunnerHandle {
        &self.runner
    }

    /// Also serves clients over TCP that the guard allows, until the store is closed.
    pub fn listen(&mut self, listener: TcpListener, guard: Guard) {
        let served = self.closer.served(self.api.clone(), Transport::Network);
        self.listeners.push(Listener::on_network(listener, guard, served));
    }

    /// Makes no new calls, and waits until those in flight have ended and are recorded.
    pub async fn drain(&self) {
        drain(&self.runner).await;
    }

    /// Stops. First drives the executions of other processes until no call is in flight: otherwise the next owner would have to start their
    /// programs again. After a signal, calls in flight have a time limit. Then ends the listeners, removes the socket and closes the store,
    /// so that this process or another can open it again.
    ///
    /// # Errors
    /// The store could not be closed.
    pub async fn close(self) -> Result<(), CliError> {
        let Local { api, runner, closer, listeners, lock } = self;
        wait_for_calls(&runner).await;
        drain(&runner).await;
        closer.close();
        for listener in listeners {
            listener.ended().await;
        }
        let store = runner.shared_store();
        drop((api, runner));
        let closed = tokio::task::spawn_blocking(move || Store::close(store, RELEASE_MAX)).await;
        let closed = match closed {
            Ok(Ok(())) => {
                drop(lock);
                return Ok(());
            }
            Ok(Err(error)) => not_closed(&error),
            Err(error) => CliError::new(Exit::Failed, error.to_string()),
        };
        // A part of this process may still write: the lock is released when the process ends.
        std::mem::forget(lock);
        Err(closed)
    }
}

/// Waits until no call is in flight, or a signal asks for the end of this process.
async fn wait_for_calls(runner: &RunnerHandle) {
    let _orderly = Orderly::begin();
    let answered = runner.wait_for_calls();
    tokio::pin!(answered);
    tokio::select! {
        () = &mut answered => return,
        _ = interrupt::requested() => return,
        () = tokio::time::sleep(UNEXPLAINED_WAIT_MAX) => {}
    }
    if std::io::stderr().is_terminal() {
        report!(
            "flow: this process still makes calls for other executions, and ends when these calls have ended. \
             Ctrl-C hands the executions over"
        );
    }
    tokio::select! {
        () = answered => {}
        _ = interrupt::requested() => {}
    }
}

/// Drains the engine, unless it is drained already.
async fn drain(runner: &RunnerHandle) {
    let Drained { unanswered, .. } = runner.drain(DRAIN_MAX).await;
    if unanswered > 0 {
        let seconds = DRAIN_MAX.as_secs();
        let calls = counted(unanswered, "call");
        report!("flow: {calls} did not end within {seconds} s; the next resume checks the result");
    }
}

fn not_closed(error: &StoreError) -> CliError {
    CliError::new(Exit::Failed, format!("the store could not be closed: {error}"))
        .hint("nothing is lost: what was acknowledged is in the store's log, and the next command reads it from there")
}
