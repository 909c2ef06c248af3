//! Parses calls of intrinsic functions.

use serde_json::Value;

use super::{Argument, Call, function::Function};
use crate::query::{cursor::Cursor, jsonpath::parse_embedded};

/// The longest text of a call, in bytes. Source: Developer Guide, "Intrinsic functions".
const LENGTH_MAX: usize = 10_000;
/// The deepest nesting of calls. Source: Developer Guide, "Intrinsic functions".
const DEPTH_MAX: usize = 10;

/// Parses a text that must be one call.
pub(super) fn parse(source: &str) -> Result<Call, String> {
    if source.len() > LENGTH_MAX {
        return Err(format!("it is longer than {LENGTH_MAX} bytes"));
    }
    let mut cursor = Cursor::new(source);
    cursor.skip_blanks();
    let call = call(&mut cursor, 1)?;
    cursor.skip_blanks();
    if cursor.at_end() { Ok(call) } else { Err(format!("nothing may follow at position {}", cursor.position())) }
}

fn call(cursor: &mut Cursor<'_>, depth: usize) -> Result<Call, String> {
    if depth > DEPTH_MAX {
        return Err(format!("it is nested deeper than {DEPTH_MAX} calls"));
    }
    let name = cursor.take_while(|c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
    let function = Function::from_name(name).ok_or_else(|| format!("there is no function '{name}'"))?;
    cursor.skip_blanks();
    if !cursor.take_text("(") {
        return Err(format!("'(' is missing after {name}"));
    }
    let mut arguments = Vec::new();
    cursor.skip_blanks();
    if cursor.take_text(")") {
        return Ok(Call { function, arguments });
    }
    loop {
        cursor.skip_blanks();
        arguments.push(argument(cursor, depth)?);
        cursor.skip_blanks();
        match cursor.take() {
            Some(',') => {}
            Some(')') => return Ok(Call { function, arguments }),
            _ => return Err(format!("',' or ')' is missing at position {}", cursor.position())),
        }
    }
}

fn argument(cursor: &mut Cursor<'_>, depth: usize) -> Result<Argument, String> {
    match cursor.peek() {
        Some('$') => parse_embedded(cursor).map(Argument::Path),
        Some('\'') => text(cursor),
        Some('-' | '0'..='9') => cursor.take_json().map(Argument::Literal),
        Some('S') => call(cursor, depth + 1).map(Argument::Call),
        _ => word(cursor),
    }
}

fn word(cursor: &mut Cursor<'_>) -> Result<Argument, String> {
    match cursor.take_while(|c| c.is_ascii_alphabetic()) {
        "true" => Ok(Argument::Literal(Value::Bool(true))),
        "false" => Ok(Argument::Literal(Value::Bool(false))),
        "null" => Ok(Argument::Literal(Value::Null)),
        _ => Err(format!("an argument is missing at position {}", cursor.position())),
    }
}

fn text(cursor: &mut Cursor<'_>) -> Result<Argument, String> {
    cursor.take();
    let start = cursor.position();
    let mut plain = String::new();
    loop {
        let raw = cursor.since(start);
        match cursor.take() {
            None => return Err("a text in quotes is not closed".to_owned()),
            Some('\'') => return Ok(Argument::Text { raw: raw.to_owned(), plain }),
            Some('\\') => match cursor.take() {
                Some(escaped @ ('\'' | '{' | '}' | '\\')) => plain.push(escaped),
                _ => return Err(r"a backslash must precede one of '{}\".to_owned()),
            },
            Some(other) => plain.push(other),
        }
    }
}
