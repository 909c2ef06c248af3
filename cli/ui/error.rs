//! The error that ends a command.

use serde_json::json;

use super::{json, record, text::visible};
use crate::exit::CliError;

/// Prints an error: for people on standard error, for programs as a JSON line.
pub fn print(error: &CliError, as_json: bool) {
    let line = json!({ "type": "error", "exit": error.exit as u8, "message": error.message, "hint": error.hint });
    if as_json {
        json::print(line);
    } else {
        record::event(&json::complete(line));
    }
    report!("flow: {}", visible(&error.message));
    if let Some(hint) = &error.hint {
        report!("hint: {}", visible(hint));
    }
}
