//! Ids of executions.

/// The maximum length of the name of an execution or a state machine at AWS (StartExecution, `name`).
const CHARACTERS_MAX: usize = 80;
/// The parts of an id: state machine, execution, and the part that AWS adds for EXPRESS.
const PARTS_MAX: usize = 3;
/// The characters that AWS forbids in names (StartExecution, `name`).
const FORBIDDEN: &str = "<>{}[]?*\"#%\\^|~`$&,;:/";

/// The id of an execution: one to three names, joined by `:` (state machine, execution, and the part that AWS adds for EXPRESS).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionId(String);

/// A text that cannot be the id of an execution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' cannot be the id of an execution: 1 to 80 characters, without spaces and {FORBIDDEN}")]
pub struct InvalidId(String);

/// Whether AWS allows it as the name of a state machine, an execution or an activity: 1 to 80 characters, without white space,
/// brackets, wildcards and control characters (API Reference, CreateStateMachine, `name`).
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !FORBIDDEN.contains(c);
    (1..=CHARACTERS_MAX).contains(&name.chars().count()) && name.chars().all(plain)
}

impl ExecutionId {
    /// Checks an id.
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
