//! The store in this process, only read: a second process may read it meanwhile over the socket, and none drives it.

use std::{
    path::PathBuf,
    sync::{Arc, Weak},
    time::Duration,
};

use api::Api;
use engine::{
    runner::RunnerHandle,
    store::{MemoryRecords, OwnerLock, Store},
};
use tokio::task::JoinHandle;

use super::{open_to_read, variables::api_options};
use crate::{
    clock,
    environments::Environments,
    exit::CliError,
    wire::{
        server::{Closer, Listener, Transport},
        socket::Socket,
    },
};

/// The time after which a process that reads opens a socket for other processes.
const SHORT_READ_MAX: Duration = Duration::from_millis(200);

/// A store that is only read while no process owns it, or an empty one if none exists.
pub struct ReadOnlyStore {
    api: Arc<Api>,
    lock: Option<Arc<OwnerLock>>,
    listening: Option<Listening>,
    /// Why the store can only be read: it has no room to be written.
    no_room: Option<CliError>,
}

impl ReadOnlyStore {
    /// Opens the store for reading.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(environments: &Arc<Environments>, lock: OwnerLock) -> Result<Self, CliError> {
        let (store, no_room) = open_to_read(environments.home())?;
        let lock = Arc::new(lock);
        let mut opened = Self::over(environments, store, Some(lock.clone()));
        let listening =
            listen_while_reading(Arc::downgrade(&opened.api), Arc::downgrade(&lock), environments.home().socket());
        opened.listening = Some(Listening(tokio::spawn(listening)));
        opened.no_room = no_room;
        Ok(opened)
    }

    /// Creates a store without executions, in memory. A command that finds nothing creates no files.
    ///
    /// # Errors
    /// None is expected.
    pub fn empty(environments: &Arc<Environments>) -> Result<Self, CliError> {
        let store = Store::new(MemoryRecords::new()).map_err(|error| CliError::refused(error.to_string()))?;
        Ok(Self::over(environments, store, None))
    }

    fn over(environments: &Arc<Environments>, store: Store, lock: Option<Arc<OwnerLock>>) -> Self {
        let runner = RunnerHandle::without_runner(Arc::new(store), clock::of(environments.home()));
        ReadOnlyStore {
            api: Arc::new(Api::new(runner, api_options(environments))),
            lock,
            listening: None,
            no_room: None,
        }
    }

    /// The operations.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Why the store can only be read, if it has no room to be written.
    pub fn no_room(&self) -> Option<&CliError> {
        self.no_room.as_ref()
    }

    /// Releases the store without dropping it: the end of the process closes it faster. For a process that is about to
    /// end.
    pub fn leave(self) {
        let ReadOnlyStore { api, lock, listening, no_room: _ } = self;
        drop(listening);
        // Released when the process ends: another one must not open the store before.
        std::mem::forget(lock);
        let store = api.shared_store();
        drop(api);
        if let Some(store) = Arc::into_inner(store) {
            store.leave();
        }
    }
}

/// Serves other processes while this process reads for long, such as an export into a pipe. They can read too. A process that would drive
/// executions receives the response that this process is about to end.
async fn listen_while_reading(api: Weak<Api>, lock: Weak<OwnerLock>, socket: PathBuf) {
    tokio::time::sleep(SHORT_READ_MAX).await;
    let Some((api, _lock)) = api.upgrade().zip(lock.upgrade()) else { return };
    let closer = Closer::new();
    match Socket::listen(&socket) {
        Ok(socket) => Listener::serve_socket(socket, closer.served(api, Transport::Socket)).await,
        Err(error) => tracing::warn!("other processes cannot be served while this one reads: {error}"),
    }
}

/// The task that serves other processes while this process reads. Dropping it ends the task.
struct Listening(JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}
