//! Finds the programs that a definition names literally and that this machine's operator does not allow: their Tasks would fail.

use engine::asl::each_state;
use serde_json::Value;
use steps::LocalSettings;

use super::is_placeholder;

/// The Resources that run a program of this machine.
const RUN_PROGRAMS: [&str; 2] = ["flow:process:run", "flow:wait:program"];

/// A Task with a program that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAllowed {
    /// The Task's name.
    pub state: String,
    /// The program.
    pub program: String,
}

/// The Tasks with a program that is not allowed, each program once. What an expression selects is not known before the Task is entered.
pub fn not_allowed(definition: &Value, settings: &LocalSettings) -> Vec<NotAllowed> {
    let mut found: Vec<NotAllowed> = Vec::new();
    each_state(definition, &mut |state| {
        let runs = state.json["Resource"].as_str().is_some_and(|resource| RUN_PROGRAMS.contains(&resource));
        let arguments = if state.language == "JSONata" { "Arguments" } else { "Parameters" };
        let Some(program) = state.json[arguments]["Program"].as_str().filter(|_| runs) else { return };
        let is_literal = !program.trim_start().starts_with("{%") && !is_placeholder(program);
        let is_news = found.iter().all(|known| known.program != program);
        if is_literal && is_news && !settings.allows_program(program) {
            found.push(NotAllowed { state: state.name.to_owned(), program: program.to_owned() });
        }
    });
    found
}

/// The variables that Tasks set for a program and that are not allowed, each once, with the name of the first such Task.
pub fn variables_not_allowed(definition: &Value, settings: &LocalSettings) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    each_state(definition, &mut |state| {
        let arguments = if state.language == "JSONata" { "Arguments" } else { "Parameters" };
        if state.json["Resource"] != RUN_PROGRAMS[0] {
            return;
        }
        for name in state.json[arguments]["Environment"].as_object().into_iter().flatten().map(|(name, _)| name) {
            let name = name.strip_suffix(".$").unwrap_or(name);
            if !settings.allows_variable(name) && found.iter().all(|(_, known)| known != name) {
                found.push((state.name.to_owned(), name.to_owned()));
            }
        }
    });
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_variable_that_is_not_allowed_is_found() {
        let arguments = json!({ "Program": "/bin/sh", "Environment": { "LEVEL": "7", "TAR_OPTIONS.$": "$.options" } });
        let task = json!({ "Type": "Task", "Resource": "flow:process:run", "End": true, "Parameters": arguments });
        let definition = json!({ "StartAt": "Run", "States": { "Run": task } });
        let settings = LocalSettings { program_variables: vec!["LEVEL".to_owned()], ..LocalSettings::default() };
        let found = variables_not_allowed(&definition, &settings);
        assert_eq!(found, [("Run".to_owned(), "TAR_OPTIONS".to_owned())]);
    }

    #[test]
    fn a_program_that_is_named_literally_and_not_allowed_is_found() {
        let task = |resource: &str, program: &str| {
            let arguments = json!({ "Program": program });
            json!({ "Type": "Task", "Resource": resource, "Arguments": arguments, "End": true })
        };
        let inner = json!({ "StartAt": "Inner", "States": { "Inner": task("flow:process:run", "/bin/date") } });
        let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "Allowed", "States": {
            "Allowed": task("flow:process:run", "/bin/sh"),
            "Both": { "Type": "Parallel", "Branches": [inner], "End": true },
            "Expression": task("flow:process:run", "{% $states.input.program %}"),
            "Placeholder": task("flow:process:run", "${Program}"),
            "Other": task("flow:approval:request", "/bin/no"),
            "Wait": task("flow:wait:program", "relative"),
            "Path": { "Type": "Task", "QueryLanguage": "JSONPath", "Resource": "flow:process:run", "End": true,
                      "Parameters": { "Program": "/bin/path" } },
            "Again": task("flow:process:run", "/bin/date"),
        } });
        let settings = LocalSettings { programs: vec!["/bin/sh".into()], ..LocalSettings::default() };
        let mut programs: Vec<String> =
            not_allowed(&definition, &settings).into_iter().map(|found| found.program).collect();
        programs.sort();
        assert_eq!(programs, ["/bin/date", "/bin/path", "relative"]);
    }
}
