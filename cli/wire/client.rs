//! The client's side of the wire. Every call ends: within its deadline, or after the owner was silent for too long.

use std::{marker::PhantomData, path::Path, path::PathBuf, time::Duration};

use api::{Operation, StreamOperation};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Bytes, body::Incoming};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::{Instant, timeout_at};

use super::{TARGET, WireFault, lines::WireLine, socket, version};

/// The time that an owner may take for one response, and between two lines. A command whose owner is stopped ends within ten seconds.
pub const SILENCE_MAX: Duration = Duration::from_secs(8);

/// A client of the owner of a store.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

/// Why a call has no response.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// No process listens: the call was not sent. The next owner may answer.
    #[error("no owner of the store listens: {0}")]
    Absent(String),
    /// The owner ended after the call was sent, and may have carried it out. The next owner may answer.
    #[error("the owner of the store has ended: {0}")]
    Gone(String),
    /// The owner makes no new calls and ends after those in flight. The next owner may answer.
    #[error("the owner of the store is ending: {0}")]
    Ending(String),
    /// This version cannot parse the owner's answer. The call may have been carried out.
    #[error("the answer of the store's owner cannot be read: {0}")]
    Malformed(String),
    /// The owner accepts connections and does not answer.
    #[error("the owner of the store does not answer within {} s", SILENCE_MAX.as_secs())]
    Silent,
    /// The owner uses another version of the wire.
    #[error("the owner of the store is {program} (wire {theirs}), this is version {} (wire {})", env!("CARGO_PKG_VERSION"), version::CURRENT)]
    Incompatible {
        /// The version of the owner's program, such as `version 0.2.0`.
        program: String,
        /// The version of its wire.
        theirs: String,
    },
    /// The operation's fault.
    #[error("{}", .0.message)]
    Fault(WireFault),
}

fn malformed(error: serde_json::Error) -> ClientError {
    ClientError::Malformed(error.to_string())
}

fn gone(error: impl std::fmt::Display) -> ClientError {
    ClientError::Gone(error.to_string())
}

impl Client {
    /// A client of the owner that listens on a socket.
    pub fn new(socket: &Path) -> Self {
        Client { socket: socket.to_owned() }
    }

    async fn send<R: Serialize>(&self, operation: &str, request: &R) -> Result<Response<Incoming>, ClientError> {
        let stream = socket::connect(&self.socket).await.map_err(|error| ClientError::Absent(error.to_string()))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(gone)?;
        tokio::spawn(connection);
        let request = Request::post("/")
            .header("host", "flow")
            .header(TARGET, operation)
            .header(version::WIRE, version::CURRENT)
            .header("content-type", "application/x-amz-json-1.0")
            .body(Full::new(Bytes::from(serde_json::to_vec(request).map_err(malformed)?)))
            .map_err(gone)?;
        let response = sender.send_request(request).await.map_err(gone)?;
        if let Some(theirs) = version::incompatible(response.headers()) {
            return Err(ClientError::Incompatible { program: version::program(response.headers()), theirs });
        }
        if response.status().is_success() {
            return Ok(response);
        }
        let body = response.into_body().collect().await.map_err(gone)?.to_bytes();
        Err(fault_error(serde_json::from_slice(&body).map_err(malformed)?))
    }

    /// Calls an operation.
    ///
    /// # Errors
    /// The operation's fault, or there is no response.
    pub async fn call<O: Operation>(&self, request: &O::Request) -> Result<O::Response, ClientError>
    where
        O::Request: Serialize,
        O::Response: DeserializeOwned,
    {
        self.call_within::<O>(request, SILENCE_MAX).await
    }

    /// Calls an operation with another deadline.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_within<O: Operation>(
        &self,
        request: &O::Request,
        limit: Duration,
    ) -> Result<O::Response, ClientError>
    where
        O::Request: Serialize,
        O::Response: DeserializeOwned,
    {
        let answer = async {
            let response = self.send(O::NAME, request).await?;
            let body = response.into_body().collect().await.map_err(gone)?.to_bytes();
            serde_json::from_slice(&body).map_err(malformed)
        };
        tokio::time::timeout(limit, answer).await.unwrap_or(Err(ClientError::Silent))
    }

    /// Calls an operation that streams items.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn stream<O: StreamOperation>(&self, request: &O::Request) -> Result<ItemStream<O::Item>, ClientError>
    where
        O::Request: Serialize,
    {
        let sent = tokio::time::timeout(SILENCE_MAX, self.send(O::NAME, request)).await;
        let body = sent.unwrap_or(Err(ClientError::Silent))?.into_body();
        Ok(ItemStream { body, buffer: Vec::new(), ended: false, silent_since: Instant::now(), item: PhantomData })
    }
}

fn fault_error(fault: WireFault) -> ClientError {
    if fault.kind == api::UNAVAILABLE { ClientError::Ending(fault.message) } else { ClientError::Fault(fault) }
}

/// The items of an operation, as they arrive.
pub struct ItemStream<T> {
    body: Incoming,
    buffer: Vec<u8>,
    ended: bool,
    silent_since: Instant,
    item: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> ItemStream<T> {
    /// The next item; `None` after the last. Cancel safe.
    ///
    /// # Errors
    /// The operation's fault, or the owner is gone or silent. No item follows an error.
    pub async fn next(&mut self) -> Result<Option<T>, ClientError> {
        while !self.ended {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                match serde_json::from_slice(&line).map_err(malformed)? {
                    WireLine::Item(item) => return serde_json::from_value(item).map(Some).map_err(malformed),
                    WireLine::Fault(fault) => {
                        self.ended = true;
                        return Err(fault_error(fault));
                    }
                    WireLine::Alive(_) => continue,
                    WireLine::End(_) => self.ended = true,
                }
                continue;
            }
            let frame = match timeout_at(self.silent_since + SILENCE_MAX, self.body.frame()).await {
                Err(_) => return Err(ClientError::Silent),
                Ok(None) => return Err(ClientError::Gone("its answer broke off".to_owned())),
                Ok(Some(frame)) => frame.map_err(gone)?,
            };
            self.silent_since = Instant::now();
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
        Ok(None)
    }
}
