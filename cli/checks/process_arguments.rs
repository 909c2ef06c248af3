//! Checks the arguments with which a definition runs programs of this machine: the steps would refuse the same ones.

use engine::asl::{Diagnostic, each_state, pointer::escaped};
use serde_json::Value;

use super::{arguments::is_literal, run_programs::RUN_PROGRAMS};

/// Reports each variable that a definition may not set, each folder that is not absolute, and two standard inputs.
pub(super) fn problems(definition: &Value) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    each_state(definition, &mut |raw| {
        let (pointer, state) = (&raw.pointer, raw.json);
        let Some(resource) = RUN_PROGRAMS.into_iter().find(|resource| state["Resource"] == *resource) else { return };
        let field = raw.arguments_field();
        let arguments = &state[field];
        let mut wrong = |at: &str, message: String| {
            let at = format!("{pointer}/{field}/{at}");
            found.push(Diagnostic::error("INVALID_ARGUMENT", &at, format!("{resource}: {message}.")));
        };
        for name in arguments["Environment"].as_object().into_iter().flatten().map(|(name, _)| name) {
            let plain = name.strip_suffix(".$").unwrap_or(name);
            if let Some(message) = steps::refused_variable(plain) {
                wrong(&format!("Environment/{}", escaped(name)), message);
            }
        }
        if let Some(folder) = arguments.get("Folder").filter(|folder| is_literal(folder)).and_then(Value::as_str)
            && !folder.starts_with('/')
        {
            wrong("Folder", format!("'{folder}' is not an absolute path"));
        }
        let has = |name: &str| arguments.get(name).is_some() || arguments.get(format!("{name}.$")).is_some();
        if resource == "flow:process:run" && has("Input") && has("Stdin") {
            wrong("Stdin", steps::TWO_INPUTS.to_owned());
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(language: &str, arguments: Value) -> Vec<String> {
        let field = if language == "JSONata" { "Arguments" } else { "Parameters" };
        let task = json!({ "Type": "Task", "Resource": "flow:process:run", field: arguments, "End": true });
        let definition = json!({ "QueryLanguage": language, "StartAt": "A", "States": { "A": task } });
        problems(&definition).into_iter().map(|problem| problem.location.replace("/States/A/", "")).collect()
    }

    #[test]
    fn what_the_step_would_refuse_is_reported_before_a_run() {
        let arguments = json!({ "Environment": { "LEVEL": "1", "LD_PRELOAD": "/x", "A/B": "" }, "Folder": "app", "Stdin": "", "Input": 1 });
        let all =
            ["Arguments/Environment/LD_PRELOAD", "Arguments/Environment/A~1B", "Arguments/Folder", "Arguments/Stdin"];
        let mut sorted = found("JSONata", arguments);
        sorted.sort_by_key(|at| all.iter().position(|one| one == at));
        assert_eq!(sorted, all);
        let arguments = json!({ "Environment": { "LD_PRELOAD.$": "$.x", "LEVEL.$": "$.y" }, "Folder.$": "$.f" });
        assert_eq!(found("JSONPath", arguments), ["Parameters/Environment/LD_PRELOAD.$"]);
    }

    #[test]
    fn a_wait_for_a_program_is_judged_as_a_run_is() {
        let arguments = json!({ "Program": "/bin/sh", "Environment": { "LD_PRELOAD": "/x" }, "Folder": "app" });
        let task = json!({ "Type": "Task", "Resource": "flow:wait:program", "Arguments": arguments, "End": true });
        let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "A", "States": { "A": task } });
        let found = problems(&definition);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|problem| problem.message.starts_with("flow:wait:program: ")), "{found:?}");
    }

    #[test]
    fn what_is_known_at_run_time_only_is_not_judged() {
        let expression = "{% $states.input.x %}";
        let arguments = json!({ "Environment": { "LEVEL": expression }, "Folder": expression, "Stdin": expression });
        assert_eq!(found("JSONata", arguments), [""; 0]);
        assert_eq!(found("JSONata", json!({ "Environment": expression, "Folder": "${Folder}" })), [""; 0]);
        assert_eq!(found("JSONata", json!({ "Folder": "/srv/app", "Input": 1 })), [""; 0]);
    }
}
