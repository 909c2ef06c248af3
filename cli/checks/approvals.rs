//! Checks the fields of approvals: with a wrong JSON schema nobody could answer.

use engine::asl::{Diagnostic, each_state};
use serde_json::Value;

use super::arguments::is_literal;

/// Reports each `Fields` that is not a JSON schema.
pub(super) fn problems(definition: &Value) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    each_state(definition, &mut |raw| {
        let (pointer, state) = (&raw.pointer, raw.json);
        let field = raw.arguments_field();
        let is_approval =
            state["Resource"].as_str().is_some_and(|resource| resource.starts_with("flow:approval:request"));
        let Some(schema) = state[field].get("Fields").filter(|schema| is_approval && is_literal(schema)) else {
            return;
        };
        let at = format!("{pointer}/{field}/Fields");
        if let Some(error) = workflows::schema_error(schema) {
            let error = error.trim_end_matches('.');
            let message = format!("flow:approval:request: Fields is not a JSON schema: {error}.");
            found.push(Diagnostic::error("INVALID_ARGUMENT", &at, message));
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_that_no_answer_could_fit_is_an_error() {
        let check = |fields: Value| {
            let arguments = json!({ "Prompt": "Go?", "Fields": fields });
            let task = json!({ "Type": "Task", "Resource": "flow:approval:request", "Arguments": arguments });
            problems(&json!({ "QueryLanguage": "JSONata", "StartAt": "A", "States": { "A": task } }))
        };
        let found = check(json!({ "type": "object", "properties": { "ticket": { "type": "strng" } } }));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].location, "/States/A/Arguments/Fields");
        assert!(found[0].message.contains("strng"), "{}", found[0].message);
        assert_eq!(check(json!({ "type": "object", "properties": { "ticket": { "type": "string" } } })), []);
        assert_eq!(check(json!({ "type": "{% $states.input.type %}" })), [], "it is known at run time only");
    }
}
