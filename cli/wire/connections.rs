//! The connections of a listener. Their number is limited: the longest idle one is closed for a new one.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::{body::Body, extract::Request, response::Response, serve::Listener};
use hyper::{
    body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

/// The time that a request's head may take.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);
/// The time that a connection may be idle.
const IDLE_TIME_MAX: Duration = Duration::from_secs(60);
/// The interval of HTTP/2 pings.
const PING_EVERY: Duration = Duration::from_secs(20);
/// The most concurrent requests on an HTTP/2 connection.
const STREAMS_MAX: u32 = 128;
/// The most connections of one listener.
const CONNECTIONS_MAX: usize = 4_096;
/// If no connection is idle, one whose request is older than this may be closed for a new one.
const BUSY_TIME_MIN: Duration = Duration::from_millis(500);
/// The divisor of the process's file handles: the connections of one listener may use one in this many.
const HANDLES_SHARE: usize = 3;

/// Answers the requests of a listener.
pub trait Answers: Send + Sync + 'static {
    /// The response to a request.
    fn answer(&self, request: Request) -> impl Future<Output = Response> + Send;
}

/// Serves every connection of a listener until it is closed. Then requests in progress may end.
pub async fn serve<L: Listener>(mut listener: L, answers: Arc<impl Answers>, mut closing: watch::Receiver<bool>) {
    let open = Arc::new(Open::new(connections_max()));
    // Dropped with this future, which ends connections that do not end in time.
    let mut connections = JoinSet::new();
    loop {
        let io = tokio::select! {
            (io, _) = listener.accept() => io,
            Some(_) = connections.join_next() => continue,
            _ = closing.wait_for(|closing| *closing) => break,
        };
        // Accept first: this shows which connections are idle.
        let entry = tokio::select! {
            entry = open.enter() => entry,
            _ = closing.wait_for(|closing| *closing) => break,
        };
        connections.spawn(connection(io, answers.clone(), entry, closing.clone()));
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// The limit of connections from the process's file handles, of which the store and programs need some too.
fn connections_max() -> usize {
    let handles = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let handles = handles.map_or(usize::MAX, |handles| usize::try_from(handles).unwrap_or(usize::MAX));
    (handles / HANDLES_SHARE).clamp(8, CONNECTIONS_MAX)
}

async fn connection<I>(io: I, answers: Arc<impl Answers>, entry: Entry, mut closing: watch::Receiver<bool>)
where
    I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let state = entry.state.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let (answers, in_progress) = (answers.clone(), InProgress::begin(&state));
        async move {
            let response = answers.answer(request.map(Body::new)).await;
            Ok::<_, Infallible>(response.map(|body| Counted { body, in_progress }))
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_MAX);
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new()).keep_alive_interval(PING_EVERY).keep_alive_timeout(PING_EVERY);
    http2.max_concurrent_streams(STREAMS_MAX);
    let mut served = std::pin::pin!(builder.serve_connection(TokioIo::new(io), service));
    let mut check = tokio::time::interval(IDLE_TIME_MAX / 2);
    let mut is_closing = false;
    loop {
        tokio::select! {
            _ = served.as_mut() => break,
            () = entry.state.closed.notified() => break,
            _ = check.tick() => {
                if entry.state.is_idle_for(IDLE_TIME_MAX, now_ms()) {
                    break;
                }
            }
            _ = closing.wait_for(|closing| *closing), if !is_closing => {
                // Without a complete request there is nothing to wait for.
                if entry.state.requests.load(Ordering::Acquire) == 0 {
                    break;
                }
                is_closing = true;
                served.as_mut().graceful_shutdown();
            }
        }
    }
    drop(entry);
}

/// The open connections, in the order of arrival.
struct Open {
    connections: Mutex<Connections>,
    max: usize,
    next: AtomicU64,
    left: Notify,
    /// Whether it was logged that a busy connection was closed for a new one.
    has_logged: Once,
}

/// The state of a connection, shared with the listener.
struct State {
    requests: AtomicUsize,
    /// The time at which its last request ended, or it was accepted, by [`now_ms`].
    idle_since_ms: AtomicU64,
    /// The time at which the oldest request in progress started.
    busy_since_ms: AtomicU64,
    closed: Notify,
}

impl Open {
    fn new(max: usize) -> Self {
        let (connections, next, left) = (Mutex::default(), AtomicU64::new(0), Notify::new());
        Open { connections, max, next, left, has_logged: Once::new() }
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a new connection. At the limit, closes the longest idle one, or, if none is idle, the one that has
    /// been busy for the longest time.
    async fn enter(self: &Arc<Self>) -> Entry {
        loop {
            let left = self.left.notified();
            if let Some(entry) = self.try_enter() {
                return entry;
            }
            // A request may have become old enough meanwhile.
            let _ = tokio::time::timeout(BUSY_TIME_MIN / 4, left).await;
        }
    }

    fn try_enter(self: &Arc<Self>) -> Option<Entry> {
        let mut connections = self.connections();
        if connections.len() >= self.max {
            let idle = longest_idle(&connections);
            let number = idle.or_else(|| longest_busy(&connections, now_ms()))?;
            if idle.is_none() {
                self.has_logged.call_once(|| tracing::warn!("{}", full(self.max)));
            }
            let state = connections.remove(&number)?;
            state.closed.notify_one();
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let state = Arc::new(State::new());
        connections.insert(number, state.clone());
        Some(Entry { open: self.clone(), number, state })
    }
}

/// The log line while all connections are busy.
fn full(max: usize) -> String {
    let reason = match max {
        CONNECTIONS_MAX => String::new(),
        _ => format!(", one in {HANDLES_SHARE} of the files that this process may open (ulimit -n)"),
    };
    format!(
        "all {max} connections are in use{reason}: from now on the one whose request is the oldest, such as a worker's poll, \
         is closed for a new one"
    )
}

type Connections = BTreeMap<u64, Arc<State>>;

fn longest_idle(connections: &Connections) -> Option<u64> {
    let idle = connections.iter().filter(|(_, state)| state.requests.load(Ordering::Acquire) == 0);
    idle.min_by_key(|(_, state)| state.idle_since_ms.load(Ordering::Acquire)).map(|(number, _)| *number)
}

/// The connection whose request has been in progress for the longest time: a body that does not arrive, or a long poll,
/// which its client repeats.
fn longest_busy(connections: &Connections, now_ms: u64) -> Option<u64> {
    let since = |state: &State| state.busy_since_ms.load(Ordering::Acquire);
    let (number, state) = connections.iter().min_by_key(|(_, state)| since(state))?;
    (now_ms.saturating_sub(since(state)) >= BUSY_TIME_MIN.as_millis() as u64).then_some(*number)
}

impl State {
    fn new() -> Self {
        State {
            requests: AtomicUsize::new(0),
            idle_since_ms: AtomicU64::new(now_ms()),
            busy_since_ms: AtomicU64::new(0),
            closed: Notify::new(),
        }
    }

    fn is_idle_for(&self, limit: Duration, now_ms: u64) -> bool {
        let idle_ms = now_ms.saturating_sub(self.idle_since_ms.load(Ordering::Acquire));
        self.requests.load(Ordering::Acquire) == 0 && idle_ms >= limit.as_millis() as u64
    }
}

/// Milliseconds of a monotonic clock.
fn now_ms() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGAN.elapsed().as_millis() as u64
}

/// An open connection. Dropping it frees its slot.
struct Entry {
    open: Arc<Open>,
    number: u64,
    state: Arc<State>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.open.connections().remove(&self.number);
        self.open.left.notify_waiters();
    }
}

/// A request in progress, until the last byte of its response has been sent.
struct InProgress(Arc<State>);

impl InProgress {
    fn begin(state: &Arc<State>) -> Self {
        if state.requests.fetch_add(1, Ordering::AcqRel) == 0 {
            state.busy_since_ms.store(now_ms(), Ordering::Release);
        }
        InProgress(state.clone())
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.idle_since_ms.store(now_ms(), Ordering::Release);
        self.0.requests.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A response's body with its request in progress.
struct Counted {
    body: Body,
    #[expect(dead_code, reason = "its drop ends the request")]
    in_progress: InProgress,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn the_longest_idle_connection_makes_room_and_else_the_longest_busy_one() {
        let open = Arc::new(Open::new(3));
        let entries = [open.enter().await, open.enter().await, open.enter().await];
        entries
            .iter()
            .enumerate()
            .for_each(|(at, entry)| entry.state.idle_since_ms.store(10 - at as u64, Ordering::Release));
        let busy = InProgress::begin(&entries[2].state);
        let fourth = open.enter().now_or_never().unwrap();
        let is_closed = |entry: &Entry| entry.state.closed.notified().now_or_never().is_some();
        assert!(is_closed(&entries[1]) && !is_closed(&entries[0]) && !is_closed(&entries[2]));
        let _all_busy = [&entries[0], &fourth].map(|entry| InProgress::begin(&entry.state));
        assert!(open.enter().now_or_never().is_none(), "nothing is idle, and nothing has been busy for long");
        assert!(!open.has_logged.is_completed(), "only an idle connection was closed");
        drop(busy);
        let fifth = open.enter().now_or_never().unwrap();
        let _busy = InProgress::begin(&fifth.state);
        entries[0].state.busy_since_ms.store(0, Ordering::Release);
        let later = now_ms() + BUSY_TIME_MIN.as_millis() as u64;
        assert_eq!(longest_busy(&open.connections(), later), Some(0));
    }

    #[test]
    fn a_connection_without_a_request_is_idle_and_one_with_a_request_is_not() {
        let state = Arc::new(State::new());
        let later = now_ms() + IDLE_TIME_MAX.as_millis() as u64;
        assert!(!state.is_idle_for(IDLE_TIME_MAX, now_ms()));
        assert!(state.is_idle_for(IDLE_TIME_MAX, later));
        let _request = InProgress::begin(&state);
        assert!(!state.is_idle_for(IDLE_TIME_MAX, later));
    }

    #[test]
    fn the_log_names_the_number_of_connections_and_what_limits_it() {
        assert!(full(341).starts_with("all 341 connections are in use, one in 3 of the files"));
        assert!(full(CONNECTIONS_MAX).starts_with("all 4096 connections are in use: from now on"));
    }
}
