//! The command of this process. Its name, without arguments, is for the lock and the history. The execution and the state that it is about
//! are for lines about errors.

use std::sync::{Mutex, OnceLock, PoisonError};

use api::OwnerKind;

/// The first word of the name.
const PROGRAM: &str = "flow";

static COMMAND: OnceLock<String> = OnceLock::new();
static KIND: OnceLock<OwnerKind> = OnceLock::new();
static EXECUTION: Mutex<Option<String>> = Mutex::new(None);
static STATE: Mutex<Option<String>> = Mutex::new(None);

/// Sets the name of this process from its command, and what the command does as the owner of a store. Later calls have no effect.
pub fn name(verb: &str, kind: OwnerKind) {
    let _ = COMMAND.set(format!("{PROGRAM} {verb}"));
    let _ = KIND.set(kind);
}

/// The command's relation to the store as its owner.
pub fn kind() -> OwnerKind {
    KIND.get().copied().unwrap_or(OwnerKind::Other)
}

/// The program and its command.
pub fn command() -> &'static str {
    COMMAND.get().map_or(PROGRAM, String::as_str)
}

/// The command alone; `None` if the command line could not be read.
pub fn verb() -> Option<&'static str> {
    command().strip_prefix(PROGRAM)?.strip_prefix(' ')
}

/// Notes the execution that the command is about.
pub fn is_about(execution: &str) {
    *EXECUTION.lock().unwrap_or_else(PoisonError::into_inner) = Some(execution.to_owned());
}

/// Notes the state that the command line names, if it names one.
pub fn is_about_state(state: Option<&str>) {
    *STATE.lock().unwrap_or_else(PoisonError::into_inner) = state.map(str::to_owned);
}

/// The execution that the command is about; `None` if it is not known, or if there are several.
pub fn execution() -> Option<String> {
    EXECUTION.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// The state that the command line names.
pub fn state() -> Option<String> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
