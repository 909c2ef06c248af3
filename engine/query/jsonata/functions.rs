//! The functions that Step Functions adds to JSONata, and the impure ones made pure.

use std::{cell::Cell, collections::BTreeSet, rc::Rc};

use jsonata_core::{
    evaluator::{Evaluator, EvaluatorError},
    value::JValue,
};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::Moment;

/// The most items that `$range` and `$partition` make. Source: Developer Guide, intrinsic functions.
const RANGE_ITEMS_MAX: usize = 1_000;

type Answer = Result<JValue, EvaluatorError>;

/// Registers those functions that the expression names.
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
    let numbers = Numbers(Rc::new(Cell::new(moment.entropy)));
    if named("random") {
        let numbers = numbers.clone();
        evaluator.register_fn_override("random", move |arguments: &[JValue]| Ok(random(&numbers, arguments)))?;
    }
    if named("uuid") {
        evaluator.register_fn("uuid", move |_: &[JValue]| Ok(JValue::from(uuid(numbers.next(), numbers.next()))))?;
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

/// A sequence of numbers drawn from one (splitmix64).
#[derive(Clone)]
struct Numbers(Rc<Cell<u64>>);

impl Numbers {
    fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn now(now_ms: u64, arguments: &[JValue]) -> Answer {
    if !arguments.is_empty() {
        return wrong("D3131: $now with a picture string is not supported: use $fromMillis($millis(), picture)");
    }
    let time = i64::try_from(now_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| wrong("D3131: the time is out of range"), |time| Ok(JValue::from(format!("{time:.3}"))))
}

fn random(numbers: &Numbers, arguments: &[JValue]) -> JValue {
    let seeded = arguments.first().and_then(JValue::as_f64).map(|seed| Numbers(Rc::new(Cell::new(seed.to_bits()))));
    let bits = seeded.as_ref().unwrap_or(numbers).next() >> 11;
    JValue::from(bits as f64 / (1_u64 << 53) as f64)
}

fn uuid(high: u64, low: u64) -> String {
    let high = (high & 0xffff_ffff_ffff_0fff) | 0x4000;
    let low = (low & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    )
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
    let digest = match algorithm {
        Some("SHA-256") => hex::encode(Sha256::digest(&text)),
        Some("SHA-384") => hex::encode(Sha384::digest(&text)),
        Some("SHA-512") => hex::encode(Sha512::digest(&text)),
        _ => return wrong("D3137: the algorithm of $hash must be SHA-256, SHA-384 or SHA-512"),
    };
    Ok(JValue::from(digest))
}

fn parse(arguments: &[JValue]) -> Answer {
    let Some(text) = arguments.first().and_then(JValue::as_str) else { return wrong("T0410: $parse takes a string") };
    JValue::from_json_str(text).or_else(|error| wrong(format!("D3138: $parse: the text is not JSON: {error}")))
}
