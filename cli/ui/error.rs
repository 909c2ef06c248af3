//! The error that ends a command.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::{json, record, text::visible};
use crate::{exit::CliError, this_process};

/// Whether errors are JSON lines.
static AS_JSON: AtomicBool = AtomicBool::new(false);

/// Prints errors as JSON lines from now on, or as text.
pub fn set_json(as_json: bool) {
    AS_JSON.store(as_json, Ordering::Relaxed);
}

/// Whether errors are JSON lines.
pub fn is_json() -> bool {
    AS_JSON.load(Ordering::Relaxed)
}

/// Prints an error: for programs as a JSON line on standard output, for people on standard error. The error of a command that a signal ends
/// is no line for programs if a line that ends the command was printed.
pub fn print(error: &CliError) {
    match (is_json(), error.exit.is_of_signal()) {
        (true, true) => return json::print_last(line(error)),
        (true, false) => return json::print(line(error)),
        (false, true) => record::last_event(&json::complete(line(error))),
        (false, false) => record::event(&json::complete(line(error))),
    }
    report!("flow: {}", visible(&error.message));
    if let Some(hint) = &error.hint {
        report!("hint: {}", visible(hint));
    }
}

/// Prints the error of a command that a signal ends. For programs and in the file of events it is printed unless the line that ends the
/// command was printed already, because nothing may follow that line. For people it is printed below the text of `above`, if one is given.
pub fn print_last(error: &CliError, above: Option<&str>) {
    if is_json() {
        return json::print_last(line(error));
    }
    record::last_event(&json::complete(line(error)));
    if let Some(above) = above {
        report!("{above}flow: {}", visible(&error.message));
    }
}

/// The line of an error, with what the command is about.
fn line(error: &CliError) -> Value {
    json!({
        "type": "error",
        "execution": this_process::execution(),
        "state": this_process::state(),
        "command": this_process::verb(),
        "exit": error.exit as u8,
        "message": error.message,
        "hint": error.hint,
    })
}
