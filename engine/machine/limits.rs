//! The limits of an execution. Source: Step Functions Developer Guide, "Service quotas".

use serde_json::Value;

use super::frame::fits;

/// The largest input, output or result of a state, in bytes of JSON.
pub const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

/// The most history events of one execution.
pub const HISTORY_EVENTS_MAX: u64 = 25_000;

/// The longest an EXPRESS execution may take, in seconds.
pub const EXPRESS_SECONDS_MAX: u64 = 300;

/// Whether the value is larger than a payload may be; stops counting as soon as it knows.
pub(super) fn too_large(value: &Value) -> bool {
    let mut left = PAYLOAD_BYTES_MAX;
    !fits(value, &mut left)
}
