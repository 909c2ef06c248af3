//! Functions on strings.

use std::collections::HashSet;

use base64::{
    Engine, alphabet,
    engine::{GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};
use serde_json::Value;

use super::{Answer, InvalidArguments};
use crate::query::{digest::digest, java::java_text};

/// The longest text to encode, decode or hash, in characters. Source: Developer Guide, "Intrinsic functions".
const CHARACTERS_MAX: usize = 10_000;

/// Accepts base64 whose last digit has bits left over that belong to no byte.
const FORGIVING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::RequireNone),
);

fn text(value: Option<&Value>) -> Result<&str, InvalidArguments> {
    value.and_then(Value::as_str).ok_or(InvalidArguments)
}

fn short(text: &str) -> Result<&str, InvalidArguments> {
    if text.encode_utf16().count() <= CHARACTERS_MAX { Ok(text) } else { Err(InvalidArguments) }
}

/// `States.Format` with a template that is not a literal.
pub(super) fn format_value(values: &[Value]) -> Answer {
    format(text(values.first())?, values.get(1..).unwrap_or_default())
}

/// `States.Format`: each `{}` is replaced by the next value; `\{` and `\}` are literal braces.
pub(super) fn format(template: &str, values: &[Value]) -> Answer {
    let mut formatted = String::new();
    let mut values = values.iter();
    let mut rest = template.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' => match rest.next_if(|next| "'{}\\".contains(*next)) {
                Some(escaped) => formatted.push(escaped),
                None => formatted.push('\\'),
            },
            '{' if rest.next_if_eq(&'}').is_some() => {
                formatted.push_str(&java_text(values.next().ok_or(InvalidArguments)?));
            }
            '{' | '}' => return Err(InvalidArguments),
            _ => formatted.push(character),
        }
    }
    if values.next().is_some() { Err(InvalidArguments) } else { Ok(Value::String(formatted)) }
}

pub(super) fn encode(values: &[Value]) -> Answer {
    Ok(Value::String(STANDARD.encode(short(text(values.first())?)?)))
}

/// Decodes base64 as AWS does: other characters are skipped, padding ends the text, and invalid UTF-8 is replaced.
pub(super) fn decode(values: &[Value]) -> Answer {
    let encoded = short(text(values.first())?)?;
    let mut digits: Vec<u8> = encoded
        .bytes()
        .take_while(|byte| *byte != b'=')
        .filter_map(|byte| match byte {
            b'-' => Some(b'+'),
            b'_' => Some(b'/'),
            b'+' | b'/' => Some(byte),
            _ => byte.is_ascii_alphanumeric().then_some(byte),
        })
        .collect();
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    let bytes = FORGIVING.decode(&digits).map_err(|_| InvalidArguments)?;
    Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
}

pub(super) fn hash(values: &[Value]) -> Answer {
    let data = java_text(values.first().ok_or(InvalidArguments)?);
    let algorithm = text(values.get(1))?;
    digest(short(&data)?, algorithm).map(Value::String).ok_or(InvalidArguments)
}

/// Splits at every character of the second string and drops empty parts, as AWS does.
pub(super) fn split(values: &[Value]) -> Answer {
    let (text, separators) = (text(values.first())?, text(values.get(1))?);
    let separators: HashSet<char> = separators.chars().collect();
    let parts = text.split(|c| separators.contains(&c)).filter(|part| !part.is_empty());
    Ok(parts.map(|part| Value::String(part.to_owned())).collect())
}
