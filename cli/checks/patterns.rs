//! Checks the regular expressions of waits, which `flow:wait:http` would refuse when it runs.

use engine::asl::{Diagnostic, each_state};
use serde_json::Value;

use super::arguments::is_literal;

const WAIT: &str = "flow:wait:http";
const FIELD: &str = "BodyMatches";

/// Reports each constant pattern that is no regular expression.
pub(super) fn problems(definition: &Value) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    each_state(definition, &mut |raw| {
        if raw.json["Resource"] != WAIT {
            return;
        }
        let field = raw.arguments_field();
        let pattern = raw.json[field].get(FIELD).filter(|pattern| is_literal(pattern)).and_then(Value::as_str);
        if let Some(message) = pattern.and_then(steps::refused_body_pattern) {
            let at = format!("{}/{field}/{FIELD}", raw.pointer);
            found.push(Diagnostic::error("INVALID_ARGUMENT", &at, format!("{WAIT}: {message}.")));
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(pattern: &str) -> Vec<(String, String)> {
        let arguments = json!({ "Url": "https://example.com", "BodyMatches": pattern });
        let task = json!({ "Type": "Task", "Resource": "flow:wait:http", "Arguments": arguments, "End": true });
        let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "A", "States": { "A": task } });
        problems(&definition).into_iter().map(|problem| (problem.location, problem.message)).collect()
    }

    #[test]
    fn a_pattern_that_is_no_regular_expression_is_reported_before_a_run() {
        for (pattern, reason) in
            [("ready (", "unclosed group"), ("[a", "unclosed character class"), ("(?=x)", "look-around")]
        {
            let all = found(pattern);
            let [(location, message)] = all.as_slice() else { unreachable!("{pattern}: {all:?}") };
            assert_eq!(location, "/States/A/Arguments/BodyMatches");
            assert!(message.starts_with("flow:wait:http: BodyMatches is no regular expression: "), "{message}");
            assert!(message.contains(reason) && message.contains("A backslash makes"), "{message}");
        }
        for pattern in ["^ready$", r"ready \(", "{% $states.input.x & '(' %}", "${Pattern}("] {
            assert_eq!(found(pattern), [], "{pattern}");
        }
    }
}
