//! Names of executions.

/// The longest name of an execution or a state machine, as AWS has it (StartExecution, `name`).
const CHARACTERS_MAX: usize = 80;
/// State machine, name, and the part that AWS adds to an EXPRESS execution.
const PARTS_MAX: usize = 3;
/// What AWS allows in no name (StartExecution, `name`).
const FORBIDDEN: &str = "<>{}[]?*\"#%\\^|~`$&,;:/";

/// A name that may be an execution's: up to three names of AWS's kind, joined by `:` (state machine, execution, and for
/// EXPRESS a part of its own).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionId(String);

/// A name that cannot be an execution's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' cannot be the id of an execution: 1 to 80 characters, without spaces and {FORBIDDEN}")]
pub struct InvalidId(String);

/// Whether AWS allows it as the name of a state machine, an execution or an activity: 1 to 80 characters, no white space,
/// brackets, wildcards, control characters and the like (API Reference, CreateStateMachine, `name`).
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !FORBIDDEN.contains(c);
    (1..=CHARACTERS_MAX).contains(&name.chars().count()) && name.chars().all(plain)
}

impl ExecutionId {
    /// Checks a name.
    ///
    /// # Errors
    /// It is empty, too long or has other characters.
    pub fn new(name: &str) -> Result<Self, InvalidId> {
        if name.split(':').count() > PARTS_MAX || !name.split(':').all(is_name) {
            return Err(InvalidId(name.to_owned()));
        }
        Ok(ExecutionId(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
