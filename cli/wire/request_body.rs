//! A request's body, limited in length, in time, and in the memory of all bodies together.

use std::time::Duration;

use api::Fault;
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, header::EXPECT},
    response::Response,
};
use http_body_util::BodyExt;
use hyper::body::Body as HttpBody;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::response::fault_response;

/// The longest request, in bytes: enough for an escaped definition of 1 MiB.
const REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;
/// The number of bytes of a longer body that are read and discarded: a client that is cut off while sending never receives the answer.
const DISCARDED_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The time that a body may take.
const TIME_MAX: Duration = Duration::from_secs(30);
/// Bodies up to this length do not wait for memory: their number is limited by that of connections.
const SMALL_BYTES_MAX: usize = 64 * 1024;
/// The memory for longer bodies, in KiB.
const LARGE_KIB_MAX: usize = 32 * 1024;

/// The permits for this memory, one for each KiB.
static LARGE: Semaphore = Semaphore::const_new(LARGE_KIB_MAX);

/// A body in memory, with its share of the memory for longer bodies.
pub(super) struct RequestBody {
    pub bytes: Bytes,
    _memory: Option<SemaphorePermit<'static>>,
}

/// Reads a body to its end. A body whose announced length is too long is not read if its client waits for `100 Continue`, or if it is
/// too long to be read to its end.
///
/// # Errors
/// The response to send instead: the body is too long, takes too long, or ended early.
pub(super) async fn read(headers: &HeaderMap, body: Body) -> Result<RequestBody, Response> {
    let announced = HttpBody::size_hint(&body).lower();
    let read_max = if headers.contains_key(EXPECT) { REQUEST_BYTES_MAX } else { DISCARDED_BYTES_MAX };
    if announced > read_max as u64 {
        return Err(too_long());
    }
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
                // Reserve the maximum at once: two bodies that each wait for more memory would deadlock.
                memory = LARGE.acquire_many((REQUEST_BYTES_MAX / 1024) as u32).await.ok();
            }
            read.extend_from_slice(&data);
        } else if length > DISCARDED_BYTES_MAX {
            break;
        }
    }
    if length > REQUEST_BYTES_MAX {
        return Err(too_long());
    }
    Ok(RequestBody { bytes: read.into(), _memory: memory })
}

fn too_long() -> Response {
    malformed(&format!("the request is longer than {REQUEST_BYTES_MAX} bytes"))
}

fn malformed(message: &str) -> Response {
    fault_response(&Fault::new("SerializationException", message))
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use futures::FutureExt;
    use hyper::body::{Frame, SizeHint};

    use super::*;

    /// A body of an announced length, of which nothing arrives.
    struct Announced(u64);

    impl HttpBody for Announced {
        type Data = Bytes;
        type Error = std::io::Error;

        fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            Poll::Pending
        }

        fn size_hint(&self) -> SizeHint {
            SizeHint::with_exact(self.0)
        }
    }

    #[tokio::test]
    async fn an_announced_body_that_is_too_long_is_refused_before_it_arrives() {
        let (plain, mut expecting) = (HeaderMap::new(), HeaderMap::new());
        expecting.insert(EXPECT, axum::http::HeaderValue::from_static("100-continue"));
        let refused = |headers: &HeaderMap, length: usize| {
            let read = read(headers, Body::new(Announced(length as u64))).now_or_never();
            read.is_some_and(|read| read.is_err())
        };
        assert!(refused(&expecting, REQUEST_BYTES_MAX + 1) && !refused(&expecting, REQUEST_BYTES_MAX));
        assert!(refused(&plain, DISCARDED_BYTES_MAX + 1));
        assert!(!refused(&plain, REQUEST_BYTES_MAX + 1), "a client that sends it must receive the answer");
    }
}
