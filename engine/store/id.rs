//! Names of executions.

/// The longest name, as AWS has it (StartExecution, `name`).
const CHARACTERS_MAX: usize = 80;

/// A name that may be an execution's: letters, digits, `-`, `_`, `.`; 1 to 80 of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionId(String);

/// A name that cannot be an execution's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' cannot be the id of an execution: 1 to 80 letters, digits, '-', '_' or '.'")]
pub struct InvalidId(String);

impl ExecutionId {
    /// Checks a name.
    ///
    /// # Errors
    /// It is empty, too long or has other characters.
    pub fn new(name: &str) -> Result<Self, InvalidId> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > CHARACTERS_MAX || !name.chars().all(plain) {
            return Err(InvalidId(name.to_owned()));
        }
        Ok(ExecutionId(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
