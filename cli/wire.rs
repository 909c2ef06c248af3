//! The wire between processes: operations that `api` answers, over the store's Unix socket or TCP. The format is Step
//! Functions': AWS JSON 1.0 with `X-Amz-Target`. Flow's own operations have the prefix `Flow.`.

pub mod client;
mod connections;
pub mod guard;
mod lines;
mod readers;
mod request_body;
mod response;
pub mod server;
pub mod signature;
pub mod socket;
mod version;

use serde::{Deserialize, Serialize};

/// The header that names the operation.
const TARGET: &str = "x-amz-target";

/// A fault, in the shape of AWS JSON 1.0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireFault {
    /// Its name, such as `ExecutionDoesNotExist`.
    #[serde(rename = "__type")]
    pub kind: String,
    /// The message, for people.
    #[serde(default)]
    pub message: String,
    /// The id of the existing execution because of which a start or a resume is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
}

impl WireFault {
    fn of(fault: &api::Fault) -> Self {
        WireFault { kind: fault.kind.to_owned(), message: fault.message.clone(), execution: fault.execution.clone() }
    }
}
