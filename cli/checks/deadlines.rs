//! Tasks that wait for a task token without a deadline. An approval has a deadline without any field: a year.

use engine::{
    asl::{Diagnostic, each_state},
    step::waits_for_token,
};
use serde_json::Value;

/// The fields that end the wait for a token.
const DEADLINES: [&str; 4] = ["HeartbeatSeconds", "HeartbeatSecondsPath", "TimeoutSeconds", "TimeoutSecondsPath"];

/// Warns of Tasks that can wait for a task token without end.
pub(super) fn problems(definition: &Value) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    each_state(definition, &mut |raw| {
        let waits = raw.json["Resource"].as_str().is_some_and(waits_for_token);
        if waits && DEADLINES.iter().all(|field| raw.json.get(field).is_none()) {
            let message =
                "A Task that waits for a task token without TimeoutSeconds or HeartbeatSeconds can wait for ever.";
            found.push(Diagnostic::warning("WAIT_WITHOUT_DEADLINE", &raw.pointer, message));
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::problems;

    #[test]
    fn a_wait_for_a_token_has_a_deadline() {
        let found = |more: serde_json::Value| {
            let mut task = json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken" });
            task["TimeoutSeconds"] = more;
            problems(&json!({ "StartAt": "A", "States": { "A": task } })).len()
        };
        assert_eq!(found(json!(60)), 0);
        let task = json!({ "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken" });
        let all = problems(&json!({ "StartAt": "A", "States": { "A": task } }));
        assert!(all.len() == 1 && all[0].code == "WAIT_WITHOUT_DEADLINE", "{all:?}");
    }
}
