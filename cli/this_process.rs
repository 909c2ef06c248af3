//! The name of this process, for the lock and for the history: the program and its command, never its arguments.

use std::sync::OnceLock;

static COMMAND: OnceLock<String> = OnceLock::new();

/// Sets the name of this process from its command. Later calls have no effect.
pub fn name(verb: &str) {
    let _ = COMMAND.set(format!("flow {verb}"));
}

/// The program and its command.
pub fn command() -> &'static str {
    COMMAND.get().map_or("flow", String::as_str)
}
