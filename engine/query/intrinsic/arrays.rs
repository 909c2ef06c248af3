//! Functions on arrays. AWS truncates fractions, although its guide says that it rounds.

use serde_json::Value;

use super::{Answer, InvalidArguments};
use crate::query::java::{java_set, java_text};

/// The most items `States.ArrayRange` makes. Source: Developer Guide, "Intrinsic functions".
const RANGE_ITEMS_MAX: i64 = 1_000;

fn array(value: Option<&Value>) -> Result<&[Value], InvalidArguments> {
    value.and_then(Value::as_array).map(Vec::as_slice).ok_or(InvalidArguments)
}

/// A number truncated to an integer.
pub(super) fn whole(value: Option<&Value>) -> Result<i64, InvalidArguments> {
    let Some(Value::Number(number)) = value else { return Err(InvalidArguments) };
    match number.as_i64() {
        Some(number) => Ok(number),
        None => number.as_f64().map(|number| number.trunc() as i64).ok_or(InvalidArguments),
    }
}

pub(super) fn partition(values: &[Value]) -> Answer {
    let items = array(values.first())?;
    let size = usize::try_from(whole(values.get(1))?).map_err(|_| InvalidArguments)?;
    if size == 0 {
        return Err(InvalidArguments);
    }
    Ok(items.chunks(size).map(|part| Value::Array(part.to_vec())).collect())
}

/// Whether an array contains a value. AWS compares the texts of the values: `"true"` contains `true`, and the order of fields matters.
pub(super) fn contains(values: &[Value]) -> Answer {
    let items = array(values.first())?;
    let wanted = java_text(values.get(1).ok_or(InvalidArguments)?);
    Ok(Value::Bool(items.iter().any(|item| java_text(item) == wanted)))
}

pub(super) fn range(values: &[Value]) -> Answer {
    let (first, last, step) = (whole(values.first())?, whole(values.get(1))?, whole(values.get(2))?);
    let distance = last.checked_sub(first).ok_or(InvalidArguments)?;
    let steps = distance.checked_div(step).ok_or(InvalidArguments)?;
    if distance != 0 && (distance > 0) != (step > 0) {
        return Ok(Value::Array(Vec::new()));
    }
    if steps >= RANGE_ITEMS_MAX {
        return Err(InvalidArguments);
    }
    Ok((0..=steps).map(|position| Value::from(first + position * step)).collect())
}

/// An item of an array. On AWS every index of an empty array that is not negative gives null.
pub(super) fn item(values: &[Value]) -> Answer {
    let items = array(values.first())?;
    let index = usize::try_from(whole(values.get(1))?).map_err(|_| InvalidArguments)?;
    if items.is_empty() {
        return Ok(Value::Null);
    }
    items.get(index).cloned().ok_or(InvalidArguments)
}

pub(super) fn length(values: &[Value]) -> Answer {
    array(values.first()).map(|items| Value::from(items.len()))
}

pub(super) fn unique(values: &[Value]) -> Answer {
    array(values.first()).map(|items| Value::Array(java_set(items)))
}
