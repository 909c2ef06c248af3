//! Functions on numbers.

use serde_json::Value;

use super::{Answer, InvalidArguments, arrays::whole};

/// A number rounded as Java rounds: 0.5 is rounded up. It must fit 32 bits. Source: Developer Guide, "Intrinsic functions".
fn rounded(value: Option<&Value>) -> Result<i32, InvalidArguments> {
    let Some(Value::Number(number)) = value else { return Err(InvalidArguments) };
    let whole = match number.as_i64() {
        Some(number) => number,
        None => (number.as_f64().ok_or(InvalidArguments)? + 0.5).floor() as i64,
    };
    i32::try_from(whole).map_err(|_| InvalidArguments)
}

pub(super) fn add(values: &[Value]) -> Answer {
    let sum = rounded(values.first())?.checked_add(rounded(values.get(1))?);
    sum.map(Value::from).ok_or(InvalidArguments)
}

/// A random number from the first argument (inclusive) to the second (exclusive); `draw` returns one from 0 to a bound (exclusive).
pub(super) fn random(values: &[Value], draw: impl FnOnce(Option<i64>, i32) -> i32) -> Answer {
    let bound = |at: usize| i32::try_from(whole(values.get(at))?).map_err(|_| InvalidArguments);
    let (first, end) = (bound(0)?, bound(1)?);
    let seed = values.get(2).map(|seed| whole(Some(seed))).transpose()?;
    // AWS refuses an empty range.
    let count = i64::from(end) - i64::from(first);
    if count <= 0 {
        return Err(InvalidArguments);
    }
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    Ok(Value::from(i64::from(first) + i64::from(draw(seed, count))))
}
