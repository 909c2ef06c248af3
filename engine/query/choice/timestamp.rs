//! Parses timestamps.

use jiff::Timestamp;

/// The problem of a text that [`parse_timestamp`] does not accept.
pub(crate) const NOT_A_TIMESTAMP: &str = "String does not match RFC3339 timestamp";

/// Parses a timestamp: RFC 3339 with an uppercase `T` and an uppercase `Z` or an offset, and nothing else. Source: States Language
/// specification, "Timestamps".
pub(crate) fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let (date_time, offset_minutes) = match text.strip_suffix('Z') {
        Some(date_time) => (date_time, 0),
        None => split_offset(text)?,
    };
    let (seconds, fraction) = match date_time.split_once('.') {
        Some((seconds, fraction)) => (seconds, Some(fraction)),
        None => (date_time, None),
    };
    if !has_shape(seconds, "0000-00-00T00:00:00") || fraction.is_some_and(|fraction| !is_fraction(fraction)) {
        return None;
    }
    // The parser accepts a leap second as the second before it; AWS refuses it.
    if seconds.ends_with(":60") {
        return None;
    }
    let utc: Timestamp = format!("{date_time}Z").parse().ok()?;
    utc.checked_sub(jiff::SignedDuration::from_mins(offset_minutes)).ok()
}

fn split_offset(text: &str) -> Option<(&str, i64)> {
    let (date_time, offset) = text.split_at_checked(text.len().checked_sub("+00:00".len())?)?;
    let sign = match offset.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let offset = offset.get(1..)?;
    if !has_shape(offset, "00:00") {
        return None;
    }
    let (hours, minutes) = offset.split_once(':')?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 23 && minutes <= 59).then_some((date_time, sign * (hours * 60 + minutes)))
}

/// Whether a text has a digit wherever the shape has a zero, and equals the shape everywhere else.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == form,
        })
}

fn is_fraction(text: &str) -> bool {
    (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
