//! What a request says, up to a length.

use api::Fault;
use axum::{
    body::{Body, Bytes},
    response::Response,
};
use http_body_util::BodyExt;

use super::server::fault_response;

/// The longest request, in bytes: a definition of 1 MiB, escaped, has room in it.
const REQUEST_BYTES_MAX: usize = 2 * 1024 * 1024;
/// How much is read of a longer one and thrown away: who is cut off while still sending never sees the answer.
const DISCARDED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Reads it to its end.
///
/// # Errors
/// The answer to give instead: it is too long, or ended early.
pub(super) async fn read(mut body: Body) -> Result<Bytes, Response> {
    let (mut read, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err(malformed("the request ended early")) };
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= REQUEST_BYTES_MAX {
            read.extend_from_slice(&data);
        } else if length > DISCARDED_BYTES_MAX {
            break;
        }
    }
    if length > REQUEST_BYTES_MAX {
        return Err(malformed(&format!("the request is longer than {REQUEST_BYTES_MAX} bytes")));
    }
    Ok(read.into())
}

fn malformed(message: &str) -> Response {
    fault_response(&Fault::new("SerializationException", message))
}
