//! One store, many processes. The first process that needs the store becomes its owner and calls the operations directly. The other
//! processes call them over the owner's socket. When the owner ends, one of the others becomes the owner.

mod attempts;
mod backend;
mod description;
mod ending_owner;
mod errors;
mod local;
mod lock;
mod opening;
mod read_only;
mod retry_limit;
mod stream;
mod take_over;
mod variables;
mod verification;
mod verified_call;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use api::{
    Operation, StreamOperation,
    flow::{self, DescribeExecution, DescribeExecutionRequest, DescribeExecutionResponse},
};
use engine::store::{LockOwner, OwnerLock};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::sync::Mutex;

use self::{
    attempts::{Attempts, CallKind},
    backend::{Backend, Purpose},
    errors::{failed, of_json},
    retry_limit::RETRY_AFTER,
};
pub use self::{
    description::owned_elsewhere,
    local::{Local, no_new_calls},
    opening::{exclusive, open_store, open_to_read, repair_hint, salvage, save_hint},
    stream::{Stream, StreamError},
    verification::{concerns_credentials, verify_each},
};
use crate::{
    environments::Environments,
    exit::{CliError, Exit},
    home::Home,
    interrupt,
    step_functions::Executions,
    wire::client::ClientError,
};

/// A handle to the operations of a store: in this process, or over its owner's socket. Callers do not distinguish them.
pub struct Handle {
    home: Home,
    purpose: Purpose,
    environments: Arc<Environments>,
    backend: Mutex<Arc<Backend>>,
    /// The owner whose end this process waits for, once that was reported.
    awaited_owner: Mutex<Option<String>>,
    /// The environments in which this process drives executions: it becomes the owner only if it can act in one of them. Empty if it may
    /// become the owner in any case.
    acts_in: Vec<Value>,
    /// Whether another process owned the store when this handle was opened.
    began_beside_owner: bool,
    /// The execution that this process watches.
    watched: OnceLock<String>,
    /// The time that this process still waits for owners that are about to end, over all its calls.
    end_wait_left: Mutex<Duration>,
}

/// The response of a call.
pub struct CallResponse<T> {
    pub response: T,
    /// Whether an earlier owner received the same call, ended without a response, and may have carried it out.
    pub is_repeated: bool,
}

/// Converts a request to JSON for Step Functions.
fn to_json<T: Serialize>(value: T) -> Result<Value, CliError> {
    serde_json::to_value(value).map_err(|error| CliError::new(Exit::Failed, error.to_string()))
}

impl Handle {
    /// Becomes the owner of the store, or a client of its owner, to drive executions.
    ///
    /// # Errors
    /// The store cannot be opened, or its owner does not answer.
    pub async fn drive(environments: Arc<Environments>) -> Result<Self, CliError> {
        Self::open(environments, Purpose::Drive, Vec::new()).await
    }

    /// Like [`Handle::drive`], for a command that has begun nothing: a signal ends the wait for another owner, which may end slowly. If
    /// environments are given, this process becomes the owner only if it can act in one of them: as the owner it would refuse a process
    /// that can act there.
    ///
    /// # Errors
    /// As [`Handle::drive`]; no process owns the store and this one can act in none of the environments; or a signal arrived.
    pub async fn drive_unless_stopped(environments: Arc<Environments>, acts_in: Vec<Value>) -> Result<Self, CliError> {
        tokio::select! {
            handle = Self::open(environments, Purpose::Drive, acts_in) => handle,
            exit = interrupt::requested() => Err(interrupt::nothing_begun(exit)),
        }
    }

    /// Like [`Handle::drive`], to record what a person answers. If this process becomes the owner, it calls no steps.
    ///
    /// # Errors
    /// As [`Handle::drive`].
    pub async fn record_answer(environments: Arc<Environments>) -> Result<Self, CliError> {
        Self::open(environments, Purpose::RecordAnswer, Vec::new()).await
    }

    /// Opens the store for reading, through its owner if it has one. Without a store, opens an empty store in memory.
    ///
    /// # Errors
    /// As [`Handle::drive`].
    pub async fn read(home: &Home) -> Result<Self, CliError> {
        Self::open(Environments::new(home.clone()), Purpose::Read, Vec::new()).await
    }

    /// A handle to the executions at Step Functions. Opens nothing in the home.
    pub fn step_functions(home: Home, executions: Arc<Executions>) -> Self {
        let environments = Environments::new(home);
        Self::with(environments, Purpose::Read, Vec::new(), Backend::StepFunctions(executions))
    }

    /// The executions at Step Functions, if this is a handle to them.
    pub async fn at_step_functions(&self) -> Option<Arc<Executions>> {
        match &*self.backend().await {
            Backend::StepFunctions(executions) => Some(executions.clone()),
            _ => None,
        }
    }

    async fn open(environments: Arc<Environments>, purpose: Purpose, acts_in: Vec<Value>) -> Result<Self, CliError> {
        let backend = backend::open(&environments, purpose, &acts_in).await?;
        Ok(Self::with(environments, purpose, acts_in, backend))
    }

    fn with(environments: Arc<Environments>, purpose: Purpose, acts_in: Vec<Value>, backend: Backend) -> Self {
        Handle {
            home: environments.home().clone(),
            purpose,
            environments,
            began_beside_owner: matches!(backend, Backend::Remote(_)),
            backend: Mutex::new(Arc::new(backend)),
            awaited_owner: Mutex::default(),
            acts_in,
            watched: OnceLock::new(),
            end_wait_left: Mutex::new(ending_owner::WAIT_MAX),
        }
    }

    /// Becomes the owner of the store. For a server, which cannot be a client of another owner.
    ///
    /// # Errors
    /// Another process owns the store, which the message names, or the store cannot be opened.
    pub async fn become_owner(environments: Arc<Environments>) -> Result<Local, CliError> {
        let home = environments.home().clone();
        match lock::acquire(&home).await? {
            Some(lock) => Local::open(environments, lock),
            None => Err(owned_elsewhere(&home).await),
        }
    }

    /// The home of the store.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// The permissions of local steps from this process's environment variables.
    pub fn settings(&self) -> &steps::LocalSettings {
        self.environments.settings()
    }

    /// Whether another process or Step Functions answers this handle's calls.
    pub async fn is_remote(&self) -> bool {
        matches!(**self.backend.lock().await, Backend::Remote(_) | Backend::StepFunctions(_))
    }

    /// The name of the process or service that drives the executions of this handle, for messages; `None` if it is this process.
    pub async fn owner_elsewhere(&self) -> Option<String> {
        match &*self.backend().await {
            Backend::Remote(_) => Some(description::described(self.home.folder())),
            Backend::StepFunctions(executions) => Some(executions.service().to_owned()),
            Backend::Local(_) | Backend::ReadOnly(_) => None,
        }
    }

    /// The owner of the store, if it is another process; for programs.
    pub async fn lock_owner_elsewhere(&self) -> Option<LockOwner> {
        match &*self.backend().await {
            Backend::Remote(_) => OwnerLock::owner(self.home.folder()),
            Backend::Local(_) | Backend::ReadOnly(_) | Backend::StepFunctions(_) => None,
        }
    }

    /// Why the store of this process can only be read, if it has no room to be written.
    pub async fn no_room(&self) -> Option<CliError> {
        match &*self.backend().await {
            Backend::ReadOnly(store) => store.no_room().cloned(),
            Backend::Local(_) | Backend::Remote(_) | Backend::StepFunctions(_) => None,
        }
    }

    /// Notes that this process watches one execution, no other one, and begins nothing more in it.
    pub fn begin_watch(&self, id: &str) {
        let _ = self.watched.set(id.to_owned());
    }

    async fn backend(&self) -> Arc<Backend> {
        self.backend.lock().await.clone()
    }

    /// An execution as it is now, or as it was shown last.
    ///
    /// # Errors
    /// As [`Handle::call`].
    pub async fn describe(&self, id: &str, as_shown: bool) -> Result<DescribeExecutionResponse, CliError> {
        self.call::<DescribeExecution>(DescribeExecutionRequest { id: id.to_owned(), as_shown }).await
    }

    /// Calls an operation. If the owner ends meanwhile, calls the next owner, which may be this process.
    ///
    /// # Errors
    /// The operation's fault, or no owner answers.
    pub async fn call<O: Operation>(&self, request: O::Request) -> Result<O::Response, CliError>
    where
        O::Request: Serialize,
        O::Response: DeserializeOwned,
    {
        self.call_once::<O>(request).await.map(|called| called.response)
    }

    /// Like [`Handle::call`], for an operation whose repetition has another response: reports whether the call was
    /// repeated.
    ///
    /// # Errors
    /// As [`Handle::call`]. The fault of a repeated call adds that the first call may have been carried out.
    pub async fn call_once<O: Operation>(&self, request: O::Request) -> Result<CallResponse<O::Response>, CliError>
    where
        O::Request: Serialize,
        O::Response: DeserializeOwned,
    {
        let mut attempts = Attempts::begin(&self.home, CallKind::Change);
        loop {
            let backend = self.backend().await;
            let answered = match &*backend {
                Backend::Local(local) => local.api().respond::<O>(request).await.map_err(CliError::from),
                Backend::ReadOnly(store) => store.api().respond::<O>(request).await.map_err(CliError::from),
                Backend::StepFunctions(executions) => {
                    let answered = executions.answer(O::NAME, to_json(request)?).await;
                    answered.and_then(of_json)
                }
                Backend::Remote(client) => match client.call::<O>(&request).await {
                    Ok(response) => Ok(response),
                    Err(error) => {
                        attempts.check(error)?;
                        self.reopen(&backend).await?;
                        continue;
                    }
                },
            };
            return match answered {
                Ok(response) => Ok(CallResponse { response, is_repeated: attempts.is_repeated() }),
                Err(error) => Err(attempts.explained(error)),
            };
        }
    }

    /// Calls an operation that streams items.
    ///
    /// # Errors
    /// The operation's fault, or no owner answers.
    pub async fn stream<S: StreamOperation>(&self, request: S::Request) -> Result<Stream<S::Item>, CliError>
    where
        S::Request: Serialize,
        S::Item: DeserializeOwned,
    {
        let mut attempts = Attempts::begin(&self.home, CallKind::Read);
        loop {
            let backend = self.backend().await;
            let client = match &*backend {
                Backend::Local(local) => return Ok(Stream::Local(S::answer(local.api(), request))),
                Backend::ReadOnly(store) => return Ok(Stream::Local(S::answer(store.api(), request))),
                Backend::StepFunctions(executions) => {
                    return Ok(Stream::Polled(executions.items(S::NAME, to_json(request)?)));
                }
                Backend::Remote(client) => client,
            };
            match client.stream::<S>(&request).await {
                Ok(items) => return Ok(Stream::Remote(items, self.home.clone())),
                Err(error) => {
                    attempts.check(error)?;
                    self.reopen(&backend).await?;
                }
            }
        }
    }

    /// The only item of an operation that may take long. If the owner ends meanwhile, calls the next owner.
    ///
    /// # Errors
    /// The operation's fault, or no owner answers.
    pub async fn only<S: StreamOperation>(&self, request: S::Request) -> Result<S::Item, CliError>
    where
        S::Request: Serialize + Clone,
        S::Item: DeserializeOwned,
    {
        self.last::<S>(request, drop).await
    }

    /// The last item of an operation that may take long. If the owner ends meanwhile, calls the next owner with the same request;
    /// `cut_short` receives the last item of each call that did not end.
    ///
    /// # Errors
    /// The operation's fault, or no owner answers.
    pub async fn last<S: StreamOperation>(
        &self,
        request: S::Request,
        mut cut_short: impl FnMut(S::Item),
    ) -> Result<S::Item, CliError>
    where
        S::Request: Serialize + Clone,
        S::Item: DeserializeOwned,
    {
        let mut attempts = Attempts::begin(&self.home, CallKind::Read);
        loop {
            let backend = self.backend().await;
            let mut items = self.stream::<S>(request.clone()).await?;
            let mut last = None;
            let ended = loop {
                match items.next().await {
                    Ok(Some(item)) => last = Some(item),
                    Ok(None) => match last.take() {
                        Some(item) => return Ok(item),
                        None => break ClientError::Gone("its answer has no item".to_owned()),
                    },
                    Err(StreamError::Failed(error)) => return Err(error),
                    Err(StreamError::Gone(ended)) => break ended,
                }
            };
            if let Some(item) = last {
                attempts.extend();
                cut_short(item);
            }
            attempts.check(ended)?;
            self.reopen(&backend).await?;
        }
    }

    /// Finds the next owner after one has ended, unless another caller has done so meanwhile.
    async fn reopen(&self, ended: &Arc<Backend>) -> Result<(), CliError> {
        let mut current = self.backend.lock().await;
        if !Arc::ptr_eq(&current, ended) {
            return Ok(());
        }
        // An owner that is ending answers immediately each time, so there is always a pause.
        tokio::time::sleep(RETRY_AFTER).await;
        *current = match backend::open(&self.environments, self.purpose, &self.acts_in).await {
            Ok(opened) => Arc::new(opened),
            Err(refusal) => self.read_only_after_end(refusal).await?,
        };
        Ok(())
    }

    /// Follows an execution at the owner that drives it. Opens the stream, then requests that the same owner drives the execution: an owner
    /// that started after the resume does not drive the execution yet. If the owner changes between the two calls, the stream ends. If the
    /// owner ends, or cannot act for the execution, calls [`Handle::take_over`] with `wait_max`.
    ///
    /// # Errors
    /// No owner answers, no process can act for the execution, or it does not exist.
    pub async fn follow(
        &self,
        id: &str,
        from_sequence: u64,
        wait_max: Option<Duration>,
    ) -> Result<Stream<engine::runner::RunnerEvent>, CliError> {
        let request = flow::EntriesRequest { id: id.to_owned(), from_sequence };
        let recover = flow::ExecutionIdRequest { id: id.to_owned() };
        let mut attempts = Attempts::begin(&self.home, CallKind::Read);
        loop {
            let backend = self.backend().await;
            match &*backend {
                Backend::Local(local) => {
                    self.refuse_lacking_programs(local, id).await?;
                    let events = flow::FollowExecution::answer(local.api(), request.clone());
                    match local.api().respond::<flow::RecoverExecution>(recover.clone()).await {
                        Ok(_) => return Ok(Stream::Local(events)),
                        Err(fault) if concerns_credentials(fault.kind) => self.take_over(id, wait_max).await?,
                        Err(fault) => return Err(fault.into()),
                    }
                }
                Backend::ReadOnly(_) | Backend::StepFunctions(_) => {
                    return self.stream::<flow::FollowExecution>(request).await;
                }
                Backend::Remote(client) => {
                    let followed = async {
                        let events = client.stream::<flow::FollowExecution>(&request).await?;
                        client.call::<flow::RecoverExecution>(&recover).await?;
                        Ok(events)
                    };
                    match followed.await {
                        Ok(events) => return Ok(Stream::Remote(events, self.home.clone())),
                        Err(ClientError::Fault(fault)) if concerns_credentials(&fault.kind) => {
                            self.take_over(id, wait_max).await?;
                        }
                        Err(error) if attempts.may_continue(&error) => self.take_over(id, wait_max).await?,
                        Err(error) => return Err(failed(&self.home, error)),
                    }
                }
            }
        }
    }

    /// Finds the next owner after one has ended, if another process owned the store.
    ///
    /// # Errors
    /// As [`Handle::drive`].
    pub async fn find_next_owner(&self) -> Result<(), CliError> {
        let backend = self.backend().await;
        match &*backend {
            Backend::Remote(_) => self.reopen(&backend).await,
            Backend::Local(_) | Backend::ReadOnly(_) | Backend::StepFunctions(_) => Ok(()),
        }
    }

    /// Makes no new calls, and waits until those in flight have ended and are recorded. Does nothing if another process
    /// owns the store.
    pub async fn drain(&self) {
        if let Backend::Local(local) = &*self.backend().await {
            local.drain().await;
        }
    }

    /// Releases the store: calls in flight end and are recorded. Clients continue with the next owner.
    ///
    /// # Errors
    /// The store could not be closed.
    pub async fn close(self) -> Result<(), CliError> {
        match self.into_backend() {
            Some(Backend::Local(local)) => local.close().await,
            Some(Backend::ReadOnly(_) | Backend::Remote(_) | Backend::StepFunctions(_)) | None => Ok(()),
        }
    }

    /// Releases a store that is only read without dropping it: the end of the process closes it faster. For a command that ends
    /// now.
    pub fn leave(self) {
        if let Some(Backend::ReadOnly(store)) = self.into_backend() {
            store.leave();
        }
    }

    /// The backend. Every call borrows the handle and drops its reference to the backend before it ends, so the handle has the only
    /// reference.
    fn into_backend(self) -> Option<Backend> {
        let backend = Arc::into_inner(self.backend.into_inner());
        debug_assert!(backend.is_some(), "a call has kept a reference to the backend");
        backend
    }
}
