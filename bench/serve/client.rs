//! A connection to a server of the Step Functions API.

use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::BenchError;

/// The longest an answer may take: longer than GetActivityTask polls (API Reference, GetActivityTask).
const ANSWER_MAX: Duration = Duration::from_secs(90);
/// The longest answer that is read, in bytes. A page of 1,000 executions is shorter.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

pub(super) fn failed(error: String) -> BenchError {
    BenchError::Process { what: "the server".to_owned(), error }
}

/// One persistent connection. Dropping the client closes it.
pub(super) struct Client {
    sender: http1::SendRequest<Full<Bytes>>,
    address: String,
    authorization: Option<String>,
}

impl Client {
    pub async fn connect(address: &str, token: Option<&str>) -> Result<Self, BenchError> {
        let stream = TcpStream::connect(address).await.map_err(|error| failed(format!("{address}: {error}")))?;
        stream.set_nodelay(true).map_err(|error| failed(error.to_string()))?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(error.to_string()))?;
        // An error of the connection is also the error of the request that waits on it.
        tokio::spawn(async move { drop(connection.await) });
        let authorization = token.map(|token| format!("Bearer {token}"));
        Ok(Client { sender, address: address.to_owned(), authorization })
    }

    /// Calls an operation. Returns its answer as JSON.
    pub async fn call(&mut self, operation: &str, request: &Value) -> Result<Value, BenchError> {
        let answered = tokio::time::timeout(ANSWER_MAX, self.exchange(operation, request)).await;
        let (is_success, body) = answered.map_err(|_| failed(format!("{operation} was not answered")))??;
        if !is_success {
            return Err(failed(format!("{operation}: {}", String::from_utf8_lossy(&body))));
        }
        serde_json::from_slice(&body).map_err(|error| failed(format!("{operation}: {error}")))
    }

    async fn exchange(&mut self, operation: &str, request: &Value) -> Result<(bool, Bytes), BenchError> {
        let fault = |error: &dyn std::fmt::Display| failed(format!("{operation}: {error}"));
        let mut head = Request::post("/")
            .header(header::HOST, &self.address)
            .header(header::CONTENT_TYPE, "application/x-amz-json-1.0")
            .header("X-Amz-Target", format!("AWSStepFunctions.{operation}"));
        if let Some(authorization) = &self.authorization {
            head = head.header(header::AUTHORIZATION, authorization);
        }
        let body = Full::new(Bytes::from(request.to_string()));
        let request = head.body(body).map_err(|error| fault(&error))?;
        self.sender.ready().await.map_err(|error| fault(&error))?;
        let response = self.sender.send_request(request).await.map_err(|error| fault(&error))?;
        let is_success = response.status().is_success();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        Ok((is_success, body.map_err(|error| fault(&error))?.to_bytes()))
    }
}
