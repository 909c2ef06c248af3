//! The limits of an execution. Source: Step Functions Developer Guide, "Service quotas".

use serde_json::{Map, Value};

use super::frame::fits;
pub use crate::step::PAYLOAD_BYTES_MAX;
use crate::{
    journal::StepFailure,
    step::{StepError, error_names},
};

/// The most that all variables of a scope may take together, in bytes of JSON.
const VARIABLES_BYTES_MAX: usize = 10 * 1024 * 1024;

/// The deepest nesting of a value, in levels. AWS documents none. serde_json reads at most 127 levels, and a record needs some of them
/// around the value.
pub const NESTING_LEVELS_MAX: usize = 100;

/// The most history events of one execution.
pub(crate) const HISTORY_EVENTS_MAX: u64 = 25_000;

/// The longest an EXPRESS execution may take, in seconds.
pub(crate) const EXPRESS_SECONDS_MAX: u64 = 300;

/// Whether the value is larger than a payload may be. Stops counting at the limit.
pub(super) fn too_large(value: &Value) -> bool {
    let mut left = PAYLOAD_BYTES_MAX;
    !fits(value, &mut left)
}

/// Whether the value is nested deeper than [`NESTING_LEVELS_MAX`].
pub fn too_deep(value: &Value) -> bool {
    is_deeper_than(value, NESTING_LEVELS_MAX)
}

fn is_deeper_than(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(|item| is_deeper_than(item, levels - 1)),
        Value::Object(fields) => levels == 0 || fields.values().any(|field| is_deeper_than(field, levels - 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Fails the state if the value is too large or nested too deep.
pub(super) fn refuse(state: &str, value: &Value) -> Result<(), StepFailure> {
    refuse_deep(state, value)?;
    if too_large(value) {
        return Err(exceeded(format!(
            "The state/task '{state}' returned a result with a size exceeding the maximum number of bytes service limit."
        )));
    }
    Ok(())
}

/// Fails the state if the result of its call is too large or nested too deep. Unlike other values that are too large, `States.ALL`
/// matches this failure, because it is the failure of a call.
///
/// # Errors
/// `States.DataLimitExceeded`.
pub fn refuse_result(called: &str, result: &Value) -> Result<(), StepFailure> {
    refuse(called, result).map_err(|failure| StepFailure {
        details: Some(StepError::named(failure.error.clone(), failure.cause.clone())),
        ..failure
    })
}

/// Fails the state if the value is nested too deep.
pub(super) fn refuse_deep(state: &str, value: &Value) -> Result<(), StepFailure> {
    if too_deep(value) {
        let cause = format!("The state/task '{state}' made a value nested deeper than {NESTING_LEVELS_MAX} levels.");
        return Err(exceeded(cause));
    }
    Ok(())
}

/// Fails the state if its assigned variables, or all variables with them, exceed their limits.
pub(super) fn refuse_variables(
    state: &str,
    assigned: &Map<String, Value>,
    before: &Map<String, Value>,
) -> Result<(), StepFailure> {
    let mut left = PAYLOAD_BYTES_MAX;
    if !assigned.values().all(|value| fits(value, &mut left)) {
        return Err(exceeded(format!(
            "The variables that the state '{state}' assigns exceed the maximum of {PAYLOAD_BYTES_MAX} bytes."
        )));
    }
    let mut left = VARIABLES_BYTES_MAX;
    let kept = before.iter().filter(|(name, _)| !assigned.contains_key(*name)).map(|(_, value)| value);
    if !assigned.values().chain(kept).all(|value| fits(value, &mut left)) {
        return Err(exceeded(format!(
            "With what the state '{state}' assigns, the variables exceed the maximum of {VARIABLES_BYTES_MAX} bytes."
        )));
    }
    Ok(())
}

fn exceeded(cause: String) -> StepFailure {
    StepFailure { error: error_names::DATA_LIMIT_EXCEEDED.to_owned(), cause, details: None }
}
