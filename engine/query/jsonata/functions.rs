//! The functions that Step Functions adds to JSONata, and pure replacements of the impure ones.

use std::collections::BTreeSet;

use jsonata_core::{
    evaluator::{Evaluator, EvaluatorError},
    value::JValue,
};

use super::Moment;
use crate::query::{
    digest::digest,
    random::{JavaRandom, Numbers},
};

/// The most items that `$range` and `$partition` return. AWS returns at least 200,000 (floci, pull request 2676); the limit of
/// `States.ArrayRange` does not apply to them.
const RANGE_ITEMS_MAX: usize = 1_000_000;

type Answer = Result<JValue, EvaluatorError>;

/// Registers the functions that the expression names.
pub(super) fn register(
    evaluator: &mut Evaluator,
    names: &BTreeSet<String>,
    moment: &Moment,
) -> Result<(), EvaluatorError> {
    let named = |name: &str| names.contains(name);
    let now_ms = moment.now_ms;
    if named("millis") {
        evaluator.register_fn_override("millis", move |_: &[JValue]| Ok(JValue::from(now_ms)))?;
    }
    if named("now") {
        evaluator.register_fn_override("now", move |arguments: &[JValue]| now(now_ms, arguments))?;
    }
    let numbers = Numbers::new(moment.entropy);
    if named("random") {
        let numbers = numbers.clone();
        evaluator.register_fn_override("random", move |arguments: &[JValue]| Ok(random(&numbers, arguments)))?;
    }
    if named("uuid") {
        evaluator.register_fn("uuid", move |_: &[JValue]| Ok(JValue::from(numbers.next_uuid())))?;
    }
    if named("partition") {
        evaluator.register_fn("partition", partition)?;
    }
    if named("range") {
        evaluator.register_fn("range", range)?;
    }
    if named("hash") {
        evaluator.register_fn("hash", hash)?;
    }
    if named("parse") {
        evaluator.register_fn("parse", parse)?;
    }
    Ok(())
}

fn wrong<T>(message: impl Into<String>) -> Result<T, EvaluatorError> {
    Err(EvaluatorError::EvaluationError(message.into()))
}

fn now(now_ms: u64, arguments: &[JValue]) -> Answer {
    if !arguments.is_empty() {
        return wrong("D3131: $now with a picture string is not supported: use $fromMillis($millis(), picture)");
    }
    let time = i64::try_from(now_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| wrong("D3131: the time is out of range"), |time| Ok(JValue::from(format!("{time:.3}"))))
}

/// `$random`. With a seed, AWS returns Java's number: `$random(42)` is 0.7275636800328681.
fn random(numbers: &Numbers, arguments: &[JValue]) -> JValue {
    let seed = arguments.first().and_then(JValue::as_f64);
    JValue::from(seed.map_or_else(|| numbers.next_fraction(), |seed| JavaRandom::new(seed as i64).next_fraction()))
}

fn partition(arguments: &[JValue]) -> Answer {
    let (Some(items), Some(size)) =
        (arguments.first().and_then(JValue::as_array), arguments.get(1).and_then(JValue::as_f64))
    else {
        return wrong("T0410: $partition takes an array and a size");
    };
    if size < 1.0 || size.fract() != 0.0 {
        return wrong("D3137: the size of $partition must be a whole number of at least 1");
    }
    let parts: Vec<_> = items.chunks(size as usize).map(|part| JValue::array(part.to_vec())).collect();
    if parts.len() > RANGE_ITEMS_MAX {
        return wrong(format!("D3137: $partition makes at most {RANGE_ITEMS_MAX} parts"));
    }
    Ok(JValue::array(parts))
}

fn range(arguments: &[JValue]) -> Answer {
    let numbers: Option<Vec<f64>> = arguments.iter().map(JValue::as_f64).collect();
    let Some([first, last, step]) = numbers.as_deref() else {
        return wrong("T0410: $range takes first, last and step");
    };
    if *step == 0.0 {
        return wrong("D3137: the step of $range must not be 0");
    }
    let count = ((last - first) / step).floor();
    if count >= RANGE_ITEMS_MAX as f64 || !count.is_finite() {
        return wrong(format!("D3137: $range makes at most {RANGE_ITEMS_MAX} items"));
    }
    let count = if count < 0.0 { 0 } else { count as usize + 1 };
    // JSONata represents a sequence of one item as the item.
    if count == 1 {
        return Ok(JValue::from(*first));
    }
    Ok(JValue::array((0..count).map(|n| JValue::from(first + step * n as f64)).collect()))
}

fn hash(arguments: &[JValue]) -> Answer {
    let (Some(text), algorithm) = (arguments.first(), arguments.get(1).and_then(JValue::as_str)) else {
        return wrong("T0410: $hash takes a string and an algorithm");
    };
    let text = match text.as_str() {
        Some(text) => text.to_owned(),
        None => text.to_json_string().or_else(|error| wrong(error.to_string()))?,
    };
    match algorithm.and_then(|algorithm| digest(&text, algorithm)) {
        Some(digest) => Ok(JValue::from(digest)),
        None => wrong("D3137: the algorithm of $hash must be MD5, SHA-1, SHA-256, SHA-384 or SHA-512"),
    }
}

fn parse(arguments: &[JValue]) -> Answer {
    let Some(text) = arguments.first().and_then(JValue::as_str) else { return wrong("T0410: $parse takes a string") };
    JValue::from_json_str(text).or_else(|error| wrong(format!("D3138: $parse: the text is not JSON: {error}")))
}
