//! The owner's side of the wire. Transports requests and responses; `api` answers them.

use std::{sync::Arc, time::Duration};

use api::{Access, Api, Cost, Fault, flow::Reply};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue},
    response::Response,
    serve::ListenerExt,
};
use futures::{StreamExt, stream::BoxStream};
use serde_json::Value;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use super::{
    TARGET, WireFault,
    connections::{self, Answers},
    guard::Guard,
    lines::WireLine,
    readers::Readers,
    request_body,
    response::{fault_response, json_response},
    socket::Socket,
    version,
};

/// The interval of lines that show that the owner is alive.
const ALIVE_EVERY: Duration = Duration::from_secs(2);
/// If the engine takes longer to answer, no such line is sent.
const ENGINE_ANSWERS_WITHIN: Duration = Duration::from_secs(4);
/// The time that open requests may take to end when a listener is closed.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// The transport of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// The store's socket, which only processes of its user can open.
    Socket,
    /// TCP.
    Network,
}

/// The answers of a store's owner, until it is closed.
pub struct Served {
    api: Arc<Api>,
    transport: Transport,
    /// Each listener has its own: reads over the socket do not wait for clients of the network.
    readers: Readers,
    closing: watch::Receiver<bool>,
}

/// Closes every listener that was created with its [`Served`].
pub struct Closer(watch::Sender<bool>);

impl Closer {
    /// Creates a closer for new listeners.
    pub fn new() -> Self {
        Closer(watch::Sender::new(false))
    }

    /// Creates the answers of a listener.
    pub fn served(&self, api: Arc<Api>, transport: Transport) -> Served {
        Served { api, transport, readers: Readers::default(), closing: self.0.subscribe() }
    }

    /// Closes the listeners: requests in progress end, and no new ones are answered.
    pub fn close(&self) {
        self.0.send_replace(true);
    }
}

/// A listener in its own task.
pub struct Listener(JoinHandle<()>);

impl Listener {
    /// Serves processes of this user until it is closed.
    pub fn on_socket(socket: Socket, served: Served) -> Self {
        Listener(tokio::spawn(Self::serve_socket(socket, served)))
    }

    /// The same in the caller's task.
    pub async fn serve_socket(socket: Socket, served: Served) {
        let closing = served.closing.clone();
        connections::serve(socket, Arc::new(Guarded { guard: None, served }), closing).await;
    }

    /// Serves clients over TCP that the guard allows, until it is closed.
    pub fn on_network(listener: TcpListener, guard: Guard, served: Served) -> Self {
        let closing = served.closing.clone();
        // A response is one small write. Without this option it would wait for the acknowledgement of the previous one.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        Listener(tokio::spawn(connections::serve(listener, Arc::new(Guarded { guard: Some(guard), served }), closing)))
    }

    /// Waits a limited time for open requests, then closes their connections.
    pub async fn ended(mut self) {
        if tokio::time::timeout(CLOSE_WITHIN, &mut self.0).await.is_err() {
            self.0.abort();
            let _ = self.0.await;
        }
    }
}

/// The answers of a listener, with the guard of its requests.
struct Guarded {
    guard: Option<Guard>,
    served: Served,
}

impl Answers for Guarded {
    async fn answer(&self, request: Request) -> Response {
        let request = match &self.guard {
            None => request,
            Some(guard) => match guard.check(request).await {
                Ok(request) => request,
                Err(refused) => return with_wire(refused),
            },
        };
        let (parts, body) = request.into_parts();
        // A request ends when the listener is closed: a client that waits a minute for a task must not keep the store
        // open.
        let mut closing = self.served.closing.clone();
        let response = tokio::select! {
            biased;
            response = respond(&self.served, &parts.headers, body) => response,
            _ = closing.wait_for(|closing| *closing) => fault_response(&stopping()),
        };
        with_version(response)
    }
}

fn stopping() -> Fault {
    Fault::new(api::UNAVAILABLE, "the owner of the store is ending")
}

/// Adds the header by which clients recognize a `flow serve`, also at a refusal.
fn with_wire(mut response: Response) -> Response {
    response.headers_mut().insert(HeaderName::from_static(version::WIRE), HeaderValue::from_static(version::CURRENT));
    response
}

fn with_version(response: Response) -> Response {
    let mut response = with_wire(response);
    let program = HeaderValue::from_static(env!("CARGO_PKG_VERSION"));
    response.headers_mut().insert(HeaderName::from_static(version::PROGRAM), program);
    response
}

async fn respond(served: &Served, headers: &HeaderMap, body: Body) -> Response {
    let body = match request_body::read(headers, body).await {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let target = headers.get(TARGET).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    if let Some(refused) = refusal(served, headers, &target) {
        return fault_response(&refused);
    }
    let operation = api::operation_info(&target);
    let is_long_read = operation.is_some_and(|operation| operation.cost == Cost::LongRead);
    let api = served.api.clone();
    // The future owns what it needs, to be answered by another thread.
    let answer = async move {
        match target.strip_prefix(api::TARGET_PREFIX) {
            Some(operation) => Ok(json_response(api.call(operation, &body.bytes).await)),
            None => match api::flow::answer(&api, &target, &body.bytes).await {
                None => Ok(fault_response(&unknown(&target))),
                Some(Reply::One(answer)) => Ok(json_response(answer)),
                Some(Reply::Many(items)) => Err(items),
            },
        }
    };
    let answer = if is_long_read { served.readers.answer(answer).await } else { Some(answer.await) };
    match answer {
        Some(Ok(response)) => response,
        Some(Err(items)) if is_long_read => lines_response(served, served.readers.stream(items)),
        Some(Err(items)) => lines_response(served, items),
        None => fault_response(&Fault::new(api::INTERNAL_FAILURE, "the owner of the store did not answer")),
    }
}

/// Why an operation of flow is not answered.
fn refusal(served: &Served, headers: &HeaderMap, target: &str) -> Option<Fault> {
    if target.starts_with(api::TARGET_PREFIX) {
        return None;
    }
    if headers.contains_key(version::WIRE)
        && let Some(theirs) = version::incompatible(headers)
    {
        let message = format!("this owner speaks wire {}, the request wire {theirs}", version::CURRENT);
        return Some(Fault::new("IncompatibleVersion", message));
    }
    let is_socket_only = api::operation_info(target).is_some_and(|operation| operation.access == Access::SocketOnly);
    let is_refused = served.transport == Transport::Network && is_socket_only;
    is_refused.then(|| {
        let message =
            format!("{target} is answered over the store's socket only: it acts for the user of this machine");
        Fault::new("AccessDeniedException", message)
    })
}

fn unknown(target: &str) -> Fault {
    Fault::new("UnknownOperationException", format!("There is no operation named {target}."))
}

/// A line for each item, and lines that show that the owner is alive while there is none.
fn lines_response(served: &Served, items: BoxStream<'static, Result<Value, Fault>>) -> Response {
    struct Lines {
        items: BoxStream<'static, Result<Value, Fault>>,
        api: Arc<Api>,
        closing: watch::Receiver<bool>,
        ended: bool,
    }
    let lines = Lines { items, api: served.api.clone(), closing: served.closing.clone(), ended: false };
    let lines = futures::stream::unfold(lines, |mut lines| async move {
        if lines.ended {
            return None;
        }
        let line = tokio::select! {
            biased;
            item = lines.items.next() => match item {
                Some(Ok(item)) => WireLine::Item(item),
                Some(Err(fault)) => WireLine::Fault(WireFault::of(&fault)),
                None => WireLine::End(true),
            },
            _ = lines.closing.wait_for(|closing| *closing) => WireLine::Fault(WireFault::of(&stopping())),
            () = alive(&lines.api) => WireLine::Alive(true),
        };
        lines.ended = matches!(line, WireLine::Fault(_) | WireLine::End(_));
        Some((Ok::<_, std::convert::Infallible>(axum::body::Bytes::from(line.bytes())), lines))
    });
    Response::new(Body::from_stream(lines))
}

/// Returns after an interval, once the engine answers. Does not return while it does not answer.
async fn alive(api: &Api) {
    tokio::time::sleep(ALIVE_EVERY).await;
    if tokio::time::timeout(ENGINE_ANSWERS_WITHIN, api.engine_answers()).await.is_err() {
        std::future::pending::<()>().await;
    }
}
