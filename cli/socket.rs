//! What flow processes say to each other over the store's Unix socket: Step Functions' wire form, AWS JSON 1.0 with
//! `X-Amz-Target`. What Step Functions has no operation for is under `Flow.`.

pub mod client;
pub mod guard;
pub mod protocol;
mod request_body;
pub mod server;
pub mod signature;
