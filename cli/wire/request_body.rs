//! A request's body, limited in length, in time, and together with all others in memory.

use std::time::Duration;

use api::Fault;
use axum::{
    body::{Body, Bytes},
    response::Response,
};
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::server::fault_response;

/// The longest request, in bytes: a definition of 1 MiB, escaped, has room in it.
const REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;
/// How much is read of a longer one and thrown away: who is cut off while still sending never sees the answer.
const DISCARDED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long a body may take.
const TIME_MAX: Duration = Duration::from_secs(30);
/// Bodies up to this length do not wait for others: their number is limited by that of the connections.
const SMALL_BYTES_MAX: usize = 64 * 1024;
/// How much of longer bodies is in memory at once, in KiB.
const LARGE_KIB_MAX: usize = 32 * 1024;

/// The memory for long bodies, in KiB.
static LARGE: Semaphore = Semaphore::const_new(LARGE_KIB_MAX);

/// A body in memory, and its part of the memory for long ones.
pub(super) struct RequestBody {
    pub bytes: Bytes,
    _memory: Option<SemaphorePermit<'static>>,
}

/// Reads it to its end.
///
/// # Errors
/// The answer to give instead: it is too long, takes too long, or ended early.
pub(super) async fn read(body: Body) -> Result<RequestBody, Response> {
    let read = tokio::time::timeout(TIME_MAX, read_to_end(body)).await;
    read.unwrap_or_else(|_| Err(malformed(&format!("the request's body took more than {} s", TIME_MAX.as_secs()))))
}

async fn read_to_end(mut body: Body) -> Result<RequestBody, Response> {
    let (mut read, mut length) = (Vec::new(), 0);
    let mut memory: Option<SemaphorePermit<'static>> = None;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err(malformed("the request ended early")) };
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= REQUEST_BYTES_MAX {
            if length > SMALL_BYTES_MAX && memory.is_none() {
                // Its largest length at once: two that wait for each other's rest would never end.
                memory = LARGE.acquire_many((REQUEST_BYTES_MAX / 1024) as u32).await.ok();
            }
            read.extend_from_slice(&data);
        } else if length > DISCARDED_BYTES_MAX {
            break;
        }
    }
    if length > REQUEST_BYTES_MAX {
        return Err(malformed(&format!("the request is longer than {REQUEST_BYTES_MAX} bytes")));
    }
    Ok(RequestBody { bytes: read.into(), _memory: memory })
}

fn malformed(message: &str) -> Response {
    fault_response(&Fault::new("SerializationException", message))
}
