//! One store, many processes: the first to need it owns it and serves the others; they take over when it goes.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use engine::{
    machine::{ExecutionHeader, ExecutionStatus},
    runner::{RunnerHandle, RunnerOptions},
    step::Registry,
    store::{self, LoggedRecords, OwnerLock, Store, StoreError},
};
use rehearsal::World;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::{
    arguments::Global,
    clock,
    environments::{Environments, Pinned},
    exit::{CliError, Exit},
    ids,
    place::Place,
    socket::{
        client::{Client, ClientError},
        protocol::{Entries, List, Status, Which},
        server,
    },
};

/// What to do about a store of which something cannot be read.
pub const MENDING: &str =
    "flow doctor   tells what is wrong,   flow doctor --repair   mends what lies there a second time";

/// What to do about a store that cannot be mended.
pub const SAVING: &str = "what is whole comes out with   flow export > kept.jsonl   and goes into another --home with   \
                          flow import kept.jsonl";

/// How long a process waits for an owner that holds the lock but does not answer yet, or any more.
const OWNER_WAIT_MAX: Duration = Duration::from_secs(10);
const OWNER_WAIT_STEP: Duration = Duration::from_millis(20);

/// This process's way to a store that is being driven.
pub struct Session {
    place: Place,
    client: Client,
    owner: Option<Owner>,
}

struct Owner {
    runner: RunnerHandle,
    served: Arc<server::Served>,
    _lock: OwnerLock,
}

/// A question that costs nothing: whether the owner answers.
fn nobody() -> Which {
    Which { latest: Some(0), named: None }
}

impl Session {
    /// Becomes the owner of the store, or a client of the one who is.
    ///
    /// # Errors
    /// The store cannot be opened, or its owner does not answer.
    pub async fn open(place: &Place) -> Result<Self, CliError> {
        let client = Client::new(&place.socket());
        let deadline = tokio::time::Instant::now() + OWNER_WAIT_MAX;
        loop {
            if let Some(lock) = OwnerLock::try_acquire(place.home())? {
                let owner = own(place, lock)?;
                return Ok(Session { place: place.clone(), client, owner: Some(owner) });
            }
            if client.call::<_, serde_json::Value>("Flow.List", &nobody()).await.is_ok() {
                return Ok(Session { place: place.clone(), client, owner: None });
            }
            if tokio::time::Instant::now() > deadline {
                return Err(unreachable_owner(place));
            }
            tokio::time::sleep(OWNER_WAIT_STEP).await;
        }
    }

    /// Becomes the owner of the store, or says who is; for a server, which cannot be a client of another one.
    ///
    /// # Errors
    /// Another process owns the store, or it cannot be opened.
    pub fn own(place: &Place) -> Result<Self, CliError> {
        let lock = OwnerLock::try_acquire(place.home())?.ok_or_else(|| owned_elsewhere(place))?;
        Ok(Session { place: place.clone(), client: Client::new(&place.socket()), owner: Some(own(place, lock)?) })
    }

    /// What the owner answers with, and the runner behind it; `None` for a client.
    pub fn served(&self) -> Option<(Arc<server::Served>, RunnerHandle)> {
        self.owner.as_ref().map(|owner| (owner.served.clone(), owner.runner.clone()))
    }

    /// The client of whoever owns the store now.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Calls an operation; takes the store over when its owner goes meanwhile.
    ///
    /// # Errors
    /// The owner refused.
    pub async fn call<I: Serialize, O: DeserializeOwned>(&mut self, operation: &str, input: &I) -> Result<O, CliError> {
        loop {
            match self.client.call(operation, input).await {
                Ok(output) => return Ok(output),
                Err(ClientError::Gone(_)) if self.owner.is_none() => *self = Session::open(&self.place).await?,
                Err(error) => return Err(told(error)),
            }
        }
    }

    /// What Step Functions' operations call an execution.
    ///
    /// # Errors
    /// There is none of that id, or its state machine is not known.
    pub async fn execution_arn(&mut self, id: &str) -> Result<String, CliError> {
        let status: Status = self.call("Flow.Status", &json!({ "id": id })).await?;
        let unknown = || CliError::refused(format!("the Step Functions API does not know '{id}'"));
        status.execution_arn.ok_or_else(unknown)
    }

    /// After the owner went: becomes the owner, or a client of the next one, and goes on with an execution.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub async fn take_over(&mut self, id: &str) -> Result<(), CliError> {
        if self.owner.is_some() {
            return Err(store_failed("the store has failed; see above"));
        }
        *self = Session::open(&self.place).await?;
        self.call::<_, serde_json::Value>("Flow.Recover", &json!({ "id": id })).await.map(drop)
    }

    /// Leaves: calls in flight end and are recorded; clients whose executions we drove take over.
    pub async fn close(self) {
        if let Some(owner) = self.owner {
            owner.runner.drain().await;
            let _ = std::fs::remove_file(self.place.socket());
        }
    }
}

fn own(place: &Place, lock: OwnerLock) -> Result<Owner, CliError> {
    let store = Arc::new(open_store(place)?);
    if let Some(words) = clock::behind(place, &store) {
        eprintln!("flow: {words}");
    }
    let environments = Arc::new(Environments::new(place.clone()));
    let runner = engine::runner::start(store, environments.clone(), clock::of(place), crash_options());
    let api = Arc::new(api::Api::new(runner.clone(), api_options(place)));
    api.adopt().map_err(|fault| CliError::refused(fault.message))?;
    let mut anywhere = Registry::new();
    api.integrate(&mut anywhere);
    steps::register_local(&mut anywhere);
    environments.add(anywhere);
    let described = std::sync::OnceLock::new();
    api.know_steps(move |resource| {
        let steps = described.get_or_init(|| crate::environments::described().unwrap_or_default());
        steps.find(resource).is_some()
    });
    let served = server::Served::new(runner.clone(), api);
    server::serve(served.clone(), &place.socket())?;
    Ok(Owner { runner, served, _lock: lock })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn given_region() -> Option<String> {
    variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"))
}

/// The region that the Step Functions API says it is in.
pub fn region() -> String {
    given_region().unwrap_or_else(|| "us-east-1".to_owned())
}

/// Where the Step Functions API says that its resources are, and where its executions act: as the environment says. What a
/// rehearsal starts stays in its world; where that has ended, it acts nowhere.
fn api_options(place: &Place) -> api::ApiOptions {
    let world = || World::read(place.home()).ok().flatten().map(|world| world.id);
    let pinned = match place.rehearsal {
        true => Pinned::Rehearsal { world: world().unwrap_or_default() },
        false => Pinned::Aws { profile: variable("AWS_PROFILE"), region: given_region() },
    };
    api::ApiOptions {
        region: region(),
        account_id: variable("FLOW_ACCOUNT_ID").unwrap_or_else(|| "111111111111".to_owned()),
        environment: serde_json::to_value(pinned).unwrap_or_default(),
    }
}

/// Opens a store whose lock is held. One whose index is damaged is opened all the same: it is made anew from its mirror.
///
/// # Errors
/// It cannot be opened.
pub fn open_store(place: &Place) -> Result<Store, CliError> {
    let folder = place.store();
    let open = || Store::new(LoggedRecords::open(&folder)?);
    let opened = store::mend(&folder).and_then(|()| open()).or_else(|error| match error {
        StoreError::Index { .. } => {
            let damaged = store::rebuild(&folder).map_err(|_| error.clone())?;
            let kept = damaged.display();
            eprintln!(
                "flow: {error}; it was made anew from its mirror, and nothing is lost. The damaged one is in {kept}"
            );
            open()
        }
        _ => Err(error),
    });
    opened.map_err(|error: StoreError| {
        let folder = folder.display();
        CliError::refused(error.to_string()).hint(format!("nothing was changed. Keep a copy of {folder}; {SAVING}"))
    })
}

/// What can be read of a store that cannot be opened, and what is wrong with the rest.
///
/// # Errors
/// Another process owns it, or its files cannot be read at all.
pub fn salvage(place: &Place) -> Result<(Store, Vec<StoreError>, OwnerLock), CliError> {
    let lock = OwnerLock::try_acquire(place.home())?.ok_or_else(|| owned_elsewhere(place))?;
    let (store, problems) = Store::salvage(&place.store()).map_err(unreadable)?;
    Ok((store, problems, lock))
}

/// The store itself, for what is done while nobody drives it.
///
/// # Errors
/// Another process owns it, or it cannot be opened.
pub fn exclusive(place: &Place) -> Result<(Store, OwnerLock), CliError> {
    let lock = OwnerLock::try_acquire(place.home())?.ok_or_else(|| owned_elsewhere(place))?;
    Ok((open_store(place)?, lock))
}

/// For crash tests: at which commit the process ends itself.
fn crash_options() -> RunnerOptions {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    RunnerOptions {
        crash_before_commit: number("FLOW_CRASH_BEFORE_COMMIT"),
        crash_after_commit: number("FLOW_CRASH_AFTER_COMMIT"),
    }
}

fn owned_elsewhere(place: &Place) -> CliError {
    let who = OwnerLock::holder(place.home())
        .map_or_else(|| "another process".to_owned(), |holder| format!("process {} ({})", holder.pid, holder.command));
    CliError::new(Exit::Unreachable, format!("the store in {} is owned by {who}", place.home().display()))
        .hint("end it first; what it runs goes on in the next owner, or give another --home")
}

fn unreachable_owner(place: &Place) -> CliError {
    let who = OwnerLock::holder(place.home())
        .map_or_else(|| "another process".to_owned(), |holder| format!("process {} ({})", holder.pid, holder.command));
    CliError::new(
        Exit::Unreachable,
        format!("the store in {} is owned by {who}, which does not answer", place.home().display()),
    )
}

fn told(error: ClientError) -> CliError {
    match error {
        ClientError::Gone(message) => CliError::new(Exit::Unreachable, message),
        ClientError::Refused { kind, message } if kind == "InternalFailure" => store_failed(message),
        ClientError::Refused { kind, message } => {
            let exit = if kind == "ExecutionDoesNotExist" { Exit::NotFound } else { Exit::Refused };
            CliError::new(exit, message)
        }
    }
}

/// The store has failed under a running program.
pub fn store_failed(message: impl Into<String>) -> CliError {
    CliError::new(Exit::Failed, message)
        .hint("nothing new was begun. See   flow doctor   , make room or mend the disk, then   flow resume --all")
}

/// A look at a store without driving anything: through its owner, or, where there is none, in the store itself.
pub enum Reader {
    /// Through the owner.
    Client(Client),
    /// In the store.
    Store(Box<Store>, OwnerLock),
    /// There is no store yet.
    Nothing,
}

impl Reader {
    /// Finds the way.
    ///
    /// # Errors
    /// The store cannot be opened, or its owner does not answer.
    pub async fn open(place: &Place) -> Result<Self, CliError> {
        if !place.store().exists() {
            return Ok(Reader::Nothing);
        }
        let client = Client::new(&place.socket());
        let deadline = tokio::time::Instant::now() + OWNER_WAIT_MAX;
        loop {
            if let Some(lock) = OwnerLock::try_acquire(place.home())? {
                return Ok(Reader::Store(Box::new(open_store(place)?), lock));
            }
            if client.call::<_, serde_json::Value>("Flow.List", &nobody()).await.is_ok() {
                return Ok(Reader::Client(client));
            }
            if tokio::time::Instant::now() > deadline {
                return Err(unreachable_owner(place));
            }
            tokio::time::sleep(OWNER_WAIT_STEP).await;
        }
    }

    /// For a process that is about to end: it opens this store no more, and has it to itself until then.
    pub fn leave(self) {
        if let Reader::Store(store, lock) = self {
            store.leave();
            std::mem::forget(lock);
        }
    }

    /// Executions, those begun last first.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn list(&self, which: &Which) -> Result<List, CliError> {
        match self {
            Reader::Client(client) => client.call("Flow.List", which).await.map_err(told),
            Reader::Store(store, _) => {
                Ok(List { headers: which.headers(store).map_err(unreadable)?, driven: Vec::new() })
            }
            Reader::Nothing => Ok(List::default()),
        }
    }

    /// One execution.
    ///
    /// # Errors
    /// There is none, or the store cannot be read.
    pub async fn status(&self, id: &str) -> Result<Status, CliError> {
        let missing = || CliError::not_found(format!("there is no execution named '{id}'"));
        match self {
            Reader::Client(client) => client.call("Flow.Status", &json!({ "id": id })).await.map_err(told),
            Reader::Store(store, _) => Ok(Status {
                header: store.header(id).map_err(unreadable)?.ok_or_else(missing)?,
                frames: store.frames(id).map_err(unreadable)?,
                definition: store.definition(id).map_err(unreadable)?.ok_or_else(missing)?.1,
                driven: false,
                execution_arn: None,
            }),
            Reader::Nothing => Err(missing()),
        }
    }

    /// An execution's journal from a sequence on.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn entries(&self, id: &str, from_sequence: u64) -> Result<Entries, CliError> {
        match self {
            Reader::Client(client) => {
                let from = json!({ "id": id, "fromSequence": from_sequence });
                client.call("Flow.Entries", &from).await.map_err(told)
            }
            Reader::Store(store, _) => {
                Ok(Entries { entries: store.entries(id, from_sequence, usize::MAX).map_err(unreadable)? })
            }
            Reader::Nothing => Ok(Entries::default()),
        }
    }
}

/// The execution that an id, a unique prefix of one, or `@latest` means, and where it lives.
///
/// # Errors
/// None, or several, or a store cannot be read.
pub async fn locate(global: &Global, wanted: &str) -> Result<(Place, ExecutionHeader), CliError> {
    let (real, rehearsals) = (Place::real(global)?, Place::rehearsals(global)?);
    let which = Which { latest: None, named: Some(wanted.to_owned()) };
    let mut headers = Reader::open(&real).await?.list(&which).await?.headers;
    let rehearsed = Reader::open(&rehearsals).await?.list(&which).await?.headers;
    // A state machine of any client may be called like a rehearsal: where it was found decides.
    let in_rehearsals: BTreeSet<String> = rehearsed.iter().map(|header| header.id.clone()).collect();
    headers.extend(rehearsed);
    headers.sort_by_key(|header| std::cmp::Reverse(header.started_ms));
    let header = ids::find(&headers, wanted)?.clone();
    let place = if in_rehearsals.contains(&header.id) { rehearsals } else { real };
    Ok((place, header))
}

fn unreadable(error: StoreError) -> CliError {
    CliError::refused(error.to_string()).hint(MENDING)
}

/// How an execution stands, in one word: Step Functions' status, or what this machine makes of a running one.
pub fn standing(header: &ExecutionHeader, driven: bool) -> &'static str {
    match header.status {
        ExecutionStatus::Running if header.paused => "PAUSED",
        ExecutionStatus::Running if !driven => "INTERRUPTED",
        ExecutionStatus::Running => "RUNNING",
        ExecutionStatus::Succeeded => "SUCCEEDED",
        ExecutionStatus::Failed => "FAILED",
        ExecutionStatus::TimedOut => "TIMED_OUT",
        ExecutionStatus::Aborted => "ABORTED",
    }
}
