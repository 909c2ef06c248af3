//! Parses `Retry` and `Catch`.

use serde_json::Value;

use super::{
    super::{Catcher, Diagnostic, JitterStrategy, QueryLanguage, Retrier, check::item},
    fields::Fields,
};
use crate::step::error_names;

/// The longest delay between two attempts: less than 31,622,400 s. Source: Developer Guide, "Handling errors in Step Functions workflows".
const MAX_DELAY_SECONDS_MAX: u64 = 31_622_399;

/// The rules of a `Retry` whose definition is checked elsewhere: problems are not reported, and an invalid field has its default.
pub fn retriers(rules: &[Value]) -> Vec<Retrier> {
    retry(rules, "", &mut Vec::new())
}

/// `Retry`.
pub(super) fn retry(items: &[Value], pointer: &str, found: &mut Vec<Diagnostic>) -> Vec<Retrier> {
    let read = |(index, value): (usize, &Value)| {
        let pointer = item(pointer, index);
        let mut fields = Fields::new(value, &pointer, QueryLanguage::Jsonata, found)?;
        let error_equals = error_equals(&mut fields, index + 1 == items.len());
        let interval_seconds = fields.whole_number("IntervalSeconds", 1, 99_999_999);
        let interval_seconds = interval_seconds.unwrap_or(Retrier::INTERVAL_SECONDS_DEFAULT);
        let max_attempts = fields.whole_number("MaxAttempts", 0, 99_999_999);
        let max_attempts = max_attempts.and_then(|attempts| u32::try_from(attempts).ok());
        let max_delay_seconds = fields.whole_number("MaxDelaySeconds", 1, MAX_DELAY_SECONDS_MAX);
        let backoff_rate = match fields.get("BackoffRate") {
            None => Retrier::BACKOFF_RATE_DEFAULT,
            Some(value) => value.as_f64().filter(|rate| *rate >= 1.0 && rate.is_finite()).unwrap_or_else(|| {
                fields.wrong("BackoffRate", "BackoffRate must be a number of at least 1.0.");
                Retrier::BACKOFF_RATE_DEFAULT
            }),
        };
        let jitter_strategy = match fields.text("JitterStrategy").as_deref() {
            None | Some("NONE") => JitterStrategy::None,
            Some("FULL") => JitterStrategy::Full,
            Some(_) => {
                fields.wrong("JitterStrategy", "JitterStrategy must be FULL or NONE.");
                JitterStrategy::None
            }
        };
        if max_delay_seconds.is_some_and(|max| max <= interval_seconds) {
            fields.wrong("MaxDelaySeconds", "MaxDelaySeconds must be greater than IntervalSeconds.");
        }
        fields.allow(&["Comment"]);
        fields.refuse_others();
        Some(Retrier {
            error_equals,
            interval_seconds,
            max_attempts: max_attempts.unwrap_or(Retrier::MAX_ATTEMPTS_DEFAULT),
            backoff_rate,
            max_delay_seconds,
            jitter_strategy,
        })
    };
    items.iter().enumerate().filter_map(read).collect()
}

/// `Catch`.
pub(super) fn catch(
    items: &[Value],
    language: QueryLanguage,
    pointer: &str,
    base: usize,
    found: &mut Vec<Diagnostic>,
) -> Vec<Catcher> {
    let read = |(index, value): (usize, &Value)| {
        let pointer = item(pointer, index);
        let mut fields = Fields::within(value, &pointer, base, language, found)?;
        let error_equals = error_equals(&mut fields, index + 1 == items.len());
        let next = fields.required_text("Next");
        let assign = fields.assign();
        let output = fields.jsonata("Output");
        let result = fields.selection("ResultPath", true);
        fields.allow(&["Comment"]);
        fields.refuse_others();
        Some(Catcher { error_equals, next: next?, assign, output, result })
    };
    items.iter().enumerate().filter_map(read).collect()
}

fn error_equals(fields: &mut Fields<'_, '_>, last: bool) -> Vec<String> {
    let items = fields.required_array("ErrorEquals");
    let names: Vec<String> = items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect();
    if names.len() != items.len() {
        fields.wrong("ErrorEquals", "ErrorEquals must be an array of strings.");
    }
    if names.iter().any(|name| name == error_names::ALL) && (names.len() > 1 || !last) {
        fields.wrong("ErrorEquals", "States.ALL must appear alone, in the last rule.");
    }
    names
}
