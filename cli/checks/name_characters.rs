//! Warns of control characters in the names of states: Step Functions' documentation excludes them (API Reference,
//! StateEnteredEventDetails), and a command that names such a state needs escapes.

use engine::asl::{Diagnostic, each_state};
use serde_json::Value;

/// Reports each state whose name has a line feed or another control character.
pub(super) fn problems(definition: &Value) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    each_state(definition, &mut |raw| {
        if raw.name.contains(char::is_control) {
            let message = format!(
                "The name \"{}\" has control characters, which Step Functions' documentation excludes; commands show them as \
                 escapes. Rename the state.",
                raw.name.escape_debug()
            );
            found.push(Diagnostic::warning("INVALID_STATE_NAME", &raw.pointer, message));
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_control_character_in_a_name_is_a_warning() {
        let end = json!({ "Type": "Succeed" });
        let states = json!({ "Two\nlines": end, "Escape\u{1b}[31m": end, "Plain name ü": end });
        let found = problems(&json!({ "StartAt": "Plain name ü", "States": states }));
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].message.starts_with("The name \"Two\\nlines\" has control characters"),
            "{}",
            found[0].message
        );
        assert!(!found.iter().any(|problem| problem.message.contains(char::is_control)), "{found:?}");
    }
}
