//! The limits of an execution. Source: Step Functions Developer Guide, "Service quotas".

use serde_json::Value;

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

fn fits(value: &Value, left: &mut usize) -> bool {
    let take = |bytes: usize, left: &mut usize| {
        let enough = *left >= bytes;
        *left = left.saturating_sub(bytes);
        enough
    };
    match value {
        Value::Null | Value::Bool(true) => take(4, left),
        Value::Bool(false) => take(5, left),
        Value::Number(number) => take(number.to_string().len(), left),
        Value::String(text) => take(text.len() + 2, left),
        Value::Array(items) => take(1 + items.len().max(1), left) && items.iter().all(|item| fits(item, left)),
        Value::Object(fields) => {
            take(1 + fields.len().max(1), left)
                && fields.iter().all(|(name, value)| take(name.len() + 3, left) && fits(value, left))
        }
    }
}
