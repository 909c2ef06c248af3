//! Ids of executions.

/// The maximum length of the name of an execution or a state machine at AWS (StartExecution, `name`).
const CHARACTERS_MAX: usize = 80;
/// The most names in an id: state machine, execution, and the name that AWS adds for EXPRESS.
const NAMES_MAX: usize = 3;
/// The characters that AWS forbids in names (StartExecution, `name`).
const FORBIDDEN: &str = "<>{}[]?*\"#%\\^|~`$&,;:/";

/// The id of an execution: one to three names, joined by `:` (state machine, execution, and the name that AWS adds for EXPRESS).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionId(String);

/// A text that cannot be the id of an execution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' cannot be the id of an execution: 1 to 80 characters, without spaces and {FORBIDDEN}")]
pub struct InvalidId(String);

/// Whether a name may contain a character.
fn is_allowed(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !FORBIDDEN.contains(c)
}

/// Whether AWS allows it as the name of a state machine, an execution or an activity: 1 to 80 characters, without white space,
/// brackets, wildcards and control characters (API Reference, CreateStateMachine, `name`).
pub fn is_name(name: &str) -> bool {
    (1..=CHARACTERS_MAX).contains(&name.chars().count()) && name.chars().all(is_allowed)
}

/// Why [`is_name`] refuses a name, for people; `None` if it does not.
pub fn name_problem(name: &str) -> Option<String> {
    let mut refused: Vec<char> = Vec::new();
    for c in name.chars().filter(|c| !is_allowed(*c)) {
        if !refused.contains(&c) {
            refused.push(c);
        }
    }
    match name.chars().count() {
        0 => Some("it is empty".to_owned()),
        _ if !refused.is_empty() => {
            let shown: Vec<String> = refused.into_iter().map(shown).collect();
            Some(format!("it contains {}", shown.join(" and ")))
        }
        count if count > CHARACTERS_MAX => Some(format!("it has {count} characters, and {CHARACTERS_MAX} is the most")),
        _ => None,
    }
}

/// A character as a message names it.
fn shown(c: char) -> String {
    match c {
        ' ' => "a space".to_owned(),
        c if c.is_whitespace() || c.is_control() => format!("the character U+{:04X}", u32::from(c)),
        c => format!("'{c}'"),
    }
}

impl ExecutionId {
    /// Checks an id.
    ///
    /// # Errors
    /// It is empty, too long or has other characters.
    pub fn new(name: &str) -> Result<Self, InvalidId> {
        if name.split(':').count() > NAMES_MAX || !name.split(':').all(is_name) {
            return Err(InvalidId(name.to_owned()));
        }
        Ok(ExecutionId(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::{is_name, name_problem};

    #[test]
    fn a_name_is_refused_with_the_characters_that_it_may_not_contain() {
        let long = "a".repeat(81);
        for (name, problem) in [
            ("a/b c/d", "it contains '/' and a space"),
            ("a\tb", "it contains the character U+0009"),
            ("", "it is empty"),
            (long.as_str(), "it has 81 characters, and 80 is the most"),
        ] {
            assert_eq!(name_problem(name).as_deref(), Some(problem));
            assert!(!is_name(name));
        }
        for name in ["a", "公開", "-x", "it's(1)!"] {
            assert!(is_name(name) && name_problem(name).is_none(), "{name}");
        }
    }
}
