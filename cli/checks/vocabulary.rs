//! Names of a fixed vocabulary that Step Functions accepts although they have no meaning: error names with the prefix
//! `States.`, fields of `$states` and of the context object, and JSONPath in a state of JSONata. All are warnings.

use std::sync::LazyLock;

use engine::{
    asl::{Diagnostic, ProblemKind, each_state, own_fields},
    spelling::{did_you_mean, nearest},
    step::error_names,
};
use regex_lite::Regex;
use serde_json::Value;

use super::texts::each_text;

/// The error names with the reserved prefix. Source: Developer Guide, "Handling errors in Step Functions workflows";
/// "Call HTTPS APIs in Step Functions workflows"; Amazon States Language specification, "Appendix A: Predefined Error
/// Codes".
const STATES_ERRORS: &[&str] = &[
    error_names::ALL,
    error_names::BRANCH_FAILED,
    error_names::DATA_LIMIT_EXCEEDED,
    error_names::EXCEED_TOLERATED_FAILURE_THRESHOLD,
    error_names::HEARTBEAT_TIMEOUT,
    error_names::HTTP_SOCKET,
    error_names::INTRINSIC_FAILURE,
    error_names::ITEM_READER_FAILED,
    error_names::NO_CHOICE_MATCHED,
    error_names::PARAMETER_PATH_FAILURE,
    error_names::PERMISSIONS,
    error_names::QUERY_EVALUATION_ERROR,
    error_names::RESULT_PATH_MATCH_FAILURE,
    error_names::RESULT_WRITER_FAILED,
    error_names::RUNTIME,
    error_names::TASK_FAILED,
    error_names::TIMEOUT,
];
/// An HTTP task fails with this and the status.
const STATUS_ERRORS: &str = "States.Http.StatusCode.";

/// The fields of `$states` (Developer Guide, "Transforming data with JSONata").
const OF_STATES: &[&str] = &["context", "errorOutput", "input", "result"];
/// The fields of the context object, and those of each (Developer Guide, "Accessing execution data from the Context
/// object").
const OF_CONTEXT: &[(&str, &[&str])] = &[
    ("Execution", &["Id", "Input", "Name", "RedriveCount", "RedriveTime", "RoleArn", "StartTime"]),
    ("Map", &["Item"]),
    ("State", &["EnteredTime", "Name", "RetryCount"]),
    ("StateMachine", &["Id", "Name"]),
    ("Task", &["Token"]),
];

/// The fields of a JSONata state whose values are used as they are written unless they are expressions.
const TEMPLATES: &[&str] = &["Arguments", "Assign", "ItemSelector", "Items", "Output"];

/// Warns of names that have no meaning.
pub(super) fn problems(definition: &Value) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    each_state(definition, &mut |raw| {
        let (pointer, state, language) = (raw.pointer.as_str(), raw.json, raw.language);
        errors(state, pointer, &mut found);
        for (name, value) in own_fields(state).filter(|(name, _)| *name != "Comment") {
            each_text(value, &format!("{pointer}/{name}"), &mut |text, pointer| match language {
                "JSONata" => expression(text, pointer, &mut found),
                _ => path(text, pointer, &mut found),
            });
            if language == "JSONata" {
                literal_paths(name, value, &format!("{pointer}/{name}"), &mut found);
            }
        }
    });
    found
}

/// The names in `ErrorEquals` of Retry and Catch.
fn errors(state: &Value, pointer: &str, found: &mut Vec<Diagnostic>) {
    for field in ["Retry", "Catch"] {
        for (index, rule) in state[field].as_array().into_iter().flatten().enumerate() {
            let names = rule["ErrorEquals"].as_array().into_iter().flatten().filter_map(Value::as_str).enumerate();
            let unknown = |(_, name): &(usize, &str)| {
                name.starts_with("States.") && !STATES_ERRORS.contains(name) && !name.starts_with(STATUS_ERRORS)
            };
            for (at, name) in names.filter(unknown) {
                let hint = did_you_mean(nearest(name, STATES_ERRORS.iter().copied()));
                let message = format!("No error is named '{name}', and the prefix States. is reserved{hint}");
                let location = format!("{pointer}/{field}[{index}]/ErrorEquals[{at}]");
                found.push(Diagnostic::warning("UNKNOWN_ERROR_NAME", &location, message));
            }
        }
    }
}

/// The fields of `$states` in a text that is an expression.
fn expression(text: &str, pointer: &str, found: &mut Vec<Diagnostic>) {
    static STATES: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"\$states\.(\w+)(?:\.(\w+))?(?:\.(\w+))?").ok());
    let is_expression = text.trim_start().starts_with("{%");
    let Some(states) = is_expression.then(|| STATES.as_ref()).flatten() else { return };
    for names in states.captures_iter(text) {
        let name = |group: usize| names.get(group).map(|name| name.as_str());
        let Some(first) = name(1) else { continue };
        if !OF_STATES.contains(&first) {
            found.push(unknown(&format!("$states.{first}"), "$states", first, OF_STATES, pointer));
        } else if first == "context" {
            context("$states.context", (name(2), name(3)), pointer, found);
        }
    }
}

/// The fields of the context object in a text that is a path or a call of an intrinsic function.
fn path(text: &str, pointer: &str, found: &mut Vec<Diagnostic>) {
    static CONTEXT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\$\$\.(\w+)(?:\.(\w+))?").ok());
    let is_path = pointer.ends_with(".$") || pointer.ends_with("Path") || pointer.ends_with("/Variable");
    let Some(paths) = is_path.then(|| CONTEXT.as_ref()).flatten() else { return };
    for names in paths.captures_iter(text) {
        let name = |group: usize| names.get(group).map(|name| name.as_str());
        context("$$", (name(1), name(2)), pointer, found);
    }
}

fn context(object: &str, (first, second): (Option<&str>, Option<&str>), pointer: &str, found: &mut Vec<Diagnostic>) {
    let Some(first) = first else { return };
    let Some((_, fields)) = OF_CONTEXT.iter().find(|(name, _)| *name == first) else {
        let names: Vec<&str> = OF_CONTEXT.iter().map(|(name, _)| *name).collect();
        return found.push(unknown(&format!("{object}.{first}"), object, first, &names, pointer));
    };
    if let Some(second) = second.filter(|second| !fields.contains(second)) {
        let (full, object) = (format!("{object}.{first}.{second}"), format!("{object}.{first}"));
        found.push(unknown(&full, &object, second, fields, pointer));
    }
}

fn unknown(full: &str, object: &str, name: &str, known: &[&str], pointer: &str) -> Diagnostic {
    let hint = match nearest(name, known.iter().copied()) {
        None => format!("; its fields are {}.", known.join(", ")),
        near => did_you_mean(near.map(|near| format!("{object}.{near}"))),
    };
    let message = format!("'{full}' does not exist: {object} has no field '{name}'{hint}");
    Diagnostic::warning("UNKNOWN_VARIABLE", pointer, message).of_kind(ProblemKind::WrongReference(full.to_owned()))
}

/// Texts that are JSONPath or intrinsic functions: JSONata uses them as they are written.
fn literal_paths(field: &str, value: &Value, pointer: &str, found: &mut Vec<Diagnostic>) {
    if TEMPLATES.contains(&field) {
        return each_text(value, pointer, &mut |text, pointer| literal_path(text, pointer, found));
    }
    if ["Catch", "Choices"].contains(&field) {
        for (index, rule) in value.as_array().into_iter().flatten().enumerate() {
            for field in ["Assign", "Output"] {
                let pointer = format!("{pointer}[{index}]/{field}");
                each_text(&rule[field], &pointer, &mut |text, pointer| literal_path(text, pointer, found));
            }
        }
    }
}

fn literal_path(text: &str, pointer: &str, found: &mut Vec<Diagnostic>) {
    static PATH: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^(\$\$?[.\[][\w\[\].'*$]+|States\.[A-Z]\w+\(.*\))$").ok());
    if !PATH.as_ref().is_some_and(|path| path.is_match(text)) {
        return;
    }
    let hint = match text.strip_prefix("$.") {
        Some(rest) => format!(" Its JSONata is {{% $states.input.{rest} %}}."),
        None => String::new(),
    };
    let message =
        format!("'{text}' is JSONPath, and this state is JSONata, which uses the text as it is written.{hint}");
    found.push(Diagnostic::warning("LITERAL_PATH", pointer, message));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn found(language: &str, state: Value) -> Vec<(String, String)> {
        let definition = json!({ "QueryLanguage": language, "StartAt": "A", "States": { "A": state } });
        let found = problems(&definition).into_iter();
        found.map(|problem| (problem.location.replace("/States/A", ""), problem.message)).collect()
    }

    #[test]
    fn an_unknown_error_of_the_reserved_prefix_is_named() {
        let rule = |name: &str| json!({ "Retry": [{ "ErrorEquals": ["Own.Error", name] }] });
        let all = found("JSONPath", rule("States.All"));
        let [(location, message)] = all.as_slice() else { unreachable!("{all:?}") };
        assert_eq!(location, "/Retry[0]/ErrorEquals[1]");
        assert!(message.ends_with("did you mean 'States.ALL'?"), "{message}");
        for known in ["States.ALL", "States.Http.StatusCode.503", "Lambda.Unknown", "States.Permissions"] {
            assert_eq!(found("JSONPath", rule(known)), [], "{known}");
        }
    }

    #[test]
    fn an_unknown_field_of_states_and_of_the_context_object_is_named() {
        let of = |text: &str| found("JSONata", json!({ "Output": { "a": format!("{{% {text} %}}") } }));
        for (text, end) in [
            ("$states.inptu.a", "did you mean '$states.input'?"),
            ("$states.context.Execution.Nam", "did you mean '$states.context.Execution.Name'?"),
            ("$states.context.Exection.Name", "did you mean '$states.context.Execution'?"),
        ] {
            let all = of(text);
            let [(location, message)] = all.as_slice() else { unreachable!("{all:?}") };
            assert!(location == "/Output/a" && message.ends_with(end), "{message}");
        }
        for known in
            ["$states.input.foo.bar", "$states.context.Map.Item.Value.x", "$states.result", "$lookup($states, 'x')"]
        {
            assert_eq!(of(known), [], "{known}");
        }
        let of = |text: &str| found("JSONPath", json!({ "Parameters": { "a.$": text, "b": text } }));
        assert!(of("$$.Execution.Nam")[0].1.ends_with("did you mean '$$.Execution.Name'?"));
        assert_eq!(of("$$.Map.Item.Value.Nam"), []);
    }

    #[test]
    fn a_path_in_a_jsonata_state_is_a_literal_text() {
        let all = found("JSONata", json!({ "Output": "$.foo", "Catch": [{ "Output": { "a": "$$.State.Name" } }] }));
        let locations: Vec<&str> = all.iter().map(|(location, _)| location.as_str()).collect();
        assert_eq!(locations, ["/Output", "/Catch[0]/Output/a"]);
        assert!(all[0].1.contains("{% $states.input.foo %}"), "{}", all[0].1);
        for text in ["costs $.50 each", "$", "{% $.foo %}", "States are (not) a call", "$5"] {
            assert_eq!(found("JSONata", json!({ "Output": text })), [], "{text}");
        }
        assert_eq!(found("JSONPath", json!({ "Result": "$.foo" })), []);
    }

    #[test]
    fn the_shipped_workflows_use_names_that_exist() {
        for workflow in workflows::catalogue() {
            assert_eq!(problems(&workflow.definition().unwrap()), [], "{}", workflow.name);
        }
    }
}
