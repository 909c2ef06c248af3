//! Puts the cause of problems first and leaves out what only follows from it.

use engine::asl::{Diagnostic, ProblemKind, QueryLanguage, each_state, own_fields};
use serde_json::Value;

/// Removes unreachable states where a transition is wrong: they are reachable once it is corrected. A misspelt field
/// may be a transition too, and a state without its required fields leads nowhere.
pub(super) fn leave_out(found: &mut Vec<Diagnostic>) {
    // A field that a Map cannot have in INLINE mode is not misspelt.
    let is_cause = |problem: &Diagnostic| {
        matches!(
            problem.kind,
            Some(
                ProblemKind::MissingTarget(_)
                    | ProblemKind::MissingFields(_)
                    | ProblemKind::MisspeltField(_)
                    | ProblemKind::UnknownField(_)
            )
        )
    };
    if found.iter().any(is_cause) {
        found.retain(|problem| problem.kind != Some(ProblemKind::Unreachable));
    }
}

/// Whether a problem is a field of JSONata in a state whose language is JSONPath.
pub(super) fn needs_jsonata(problem: &Diagnostic) -> bool {
    matches!(problem.kind, Some(ProblemKind::FieldOfLanguage(_, QueryLanguage::Jsonata)))
}

/// A definition without `QueryLanguage` that uses JSONata: one problem that says which line is missing.
pub(super) fn missing_language(definition: &Value, found: &[Diagnostic]) -> Option<Diagnostic> {
    if !definition["QueryLanguage"].is_null() {
        return None;
    }
    let is_refused = found.iter().any(needs_jsonata);
    let mut uses_expressions = false;
    each_state(definition, &mut |raw| {
        let mut fields = own_fields(raw.json).filter(|(name, _)| *name != "Comment");
        uses_expressions |= raw.language == "JSONPath" && fields.any(|(_, value)| has_expression(value));
    });
    let message = "The definition uses JSONata and has no QueryLanguage, which is JSONPath then. Add this line at the top: \
                   QueryLanguage: JSONata";
    match (is_refused, uses_expressions) {
        (true, _) => Some(Diagnostic::error("SCHEMA_VALIDATION_FAILED", "", message)),
        (false, true) => Some(Diagnostic::warning("SCHEMA_VALIDATION_FAILED", "", message)),
        (false, false) => None,
    }
}

fn has_expression(value: &Value) -> bool {
    match value {
        Value::String(text) => text.starts_with("{%") && text.ends_with("%}"),
        Value::Array(items) => items.iter().any(has_expression),
        Value::Object(fields) => fields.values().any(has_expression),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use engine::asl::Severity;
    use serde_json::json;

    use crate::{checks::problems, environments};

    fn messages(definition: &serde_json::Value) -> Vec<(Severity, String)> {
        let found = problems(definition, environments::described().unwrap()).into_iter();
        found.map(|problem| (problem.severity, problem.message)).collect()
    }

    #[test]
    fn a_state_that_a_wrong_transition_makes_unreachable_is_left_out() {
        let mut definition = json!({ "StartAt": "Frist", "States": {
            "First": { "Type": "Pass", "Next": "Last" }, "Last": { "Type": "Succeed" } } });
        let found = messages(&definition);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].1.ends_with("did you mean 'First'?"), "{found:?}");
        definition["StartAt"] = json!("Last");
        assert!(messages(&definition)[0].1.ends_with("is not reachable."), "without a cause it is one itself");
    }

    #[test]
    fn a_field_that_inline_mode_refuses_hides_no_unreachable_state() {
        let inner = json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } });
        let map = json!({ "Type": "Map", "Label": "m", "ItemProcessor": inner, "End": true });
        let found = messages(&json!({ "StartAt": "M", "States": { "M": map, "Z": { "Type": "Succeed" } } }));
        assert!(found.iter().any(|(_, message)| message.ends_with("is not supported in INLINE mode")), "{found:?}");
        assert!(found.iter().any(|(_, message)| message.ends_with("is not reachable.")), "{found:?}");
    }

    #[test]
    fn a_missing_query_language_is_said_once_and_first() {
        let state = json!({ "Type": "Pass", "Output": "{% 1 %}", "Next": "B" });
        let last = json!({ "Type": "Pass", "Output": "{% 2 %}", "End": true });
        let found = messages(&json!({ "StartAt": "A", "States": { "A": state, "B": last } }));
        assert!(found[0].1.ends_with("QueryLanguage: JSONata") && found[0].0 == Severity::Error, "{found:?}");
        assert_eq!(found.iter().filter(|(_, message)| message.contains("JSONata")).count(), 1, "{found:?}");
        let found = messages(
            &json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "Result": "{% 1 %}", "End": true } } }),
        );
        assert!(found[0].1.ends_with("QueryLanguage: JSONata") && found[0].0 == Severity::Warning, "{found:?}");
    }
}
