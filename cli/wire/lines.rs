//! The lines of an operation that streams items. Each is a JSON object, so that silence, a fault and the end are
//! distinguishable.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::WireFault;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WireLine {
    /// An item of the operation.
    Item(Value),
    /// The operation failed. No line follows.
    Fault(WireFault),
    /// No new item, but the owner is alive and its engine answers.
    Alive(bool),
    /// The end of the stream.
    End(bool),
}

impl WireLine {
    /// The line with its line feed.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}
