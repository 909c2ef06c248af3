//! The client's side of the socket.

use std::path::{Path, PathBuf};

use engine::runner::RunnerEvent;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Bytes, body::Incoming};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::UnixStream;

use super::protocol::{From, Refusal, TARGET};

/// What an owner says that is about to go.
const UNAVAILABLE: &str = "ServiceUnavailable";

/// Talks to the owner of a store.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

/// Why a call did not come back with an answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens, or the owner went away meanwhile.
    #[error("the owner of the store does not answer: {0}")]
    Gone(String),
    /// The owner refused.
    #[error("{message}")]
    Refused {
        /// The error's name.
        kind: String,
        /// What it says.
        message: String,
    },
}

fn gone(error: impl std::fmt::Display) -> ClientError {
    ClientError::Gone(error.to_string())
}

impl Client {
    /// A client of the owner that listens on a socket.
    pub fn new(socket: &Path) -> Self {
        Client { socket: socket.to_owned() }
    }

    async fn send<I: Serialize>(&self, operation: &str, input: &I) -> Result<Response<Incoming>, ClientError> {
        let stream = UnixStream::connect(&self.socket).await.map_err(gone)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(gone)?;
        tokio::spawn(connection);
        let request = Request::post("/")
            .header("host", "flow")
            .header(TARGET, operation)
            .header("content-type", "application/x-amz-json-1.0")
            .body(Full::new(Bytes::from(serde_json::to_vec(input).map_err(gone)?)))
            .map_err(gone)?;
        let response = sender.send_request(request).await.map_err(gone)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let body = response.into_body().collect().await.map_err(gone)?.to_bytes();
        let Refusal { kind, message } = serde_json::from_slice(&body).map_err(gone)?;
        Err(if kind == UNAVAILABLE { ClientError::Gone(message) } else { ClientError::Refused { kind, message } })
    }

    /// Calls an operation.
    ///
    /// # Errors
    /// The owner refused, or is gone.
    pub async fn call<I: Serialize, O: DeserializeOwned>(&self, operation: &str, input: &I) -> Result<O, ClientError> {
        let response = self.send(operation, input).await?;
        let body = response.into_body().collect().await.map_err(gone)?.to_bytes();
        serde_json::from_slice(&body).map_err(gone)
    }

    /// Calls an operation that answers with lines.
    ///
    /// # Errors
    /// The owner refused, or is gone.
    pub async fn text<I: Serialize>(&self, operation: &str, input: &I) -> Result<String, ClientError> {
        let response = self.send(operation, input).await?;
        let body = response.into_body().collect().await.map_err(gone)?.to_bytes();
        String::from_utf8(body.to_vec()).map_err(gone)
    }

    /// Follows an execution from a sequence on.
    ///
    /// # Errors
    /// The owner refused, or is gone.
    pub async fn follow(&self, id: &str, from_sequence: u64) -> Result<Events, ClientError> {
        let response = self.send("Flow.Follow", &From { id: id.to_owned(), from_sequence }).await?;
        Ok(Events { body: response.into_body(), buffer: Vec::new() })
    }
}

/// What happens in an execution, as it happens.
pub struct Events {
    body: Incoming,
    buffer: Vec<u8>,
}

impl Events {
    /// The next event; `None` when the owner is gone. Safe to be dropped half-way and called again.
    pub async fn next(&mut self) -> Option<RunnerEvent> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                return serde_json::from_slice(&line).ok();
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }
}
