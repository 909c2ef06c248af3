//! Finds programs and settings that a definition names literally and this machine's operator does not allow: those Tasks would fail.

use std::collections::BTreeSet;

use engine::asl::each_state;
use serde_json::Value;
use steps::LocalSettings;

use super::{
    is_placeholder,
    run_programs::{LOG_IN, RUN_PROGRAMS, USE_FILES, is_of},
};

/// A program or variable of a Task that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAllowed {
    /// The name of the first Task that names it.
    pub state: String,
    /// A program, or a variable.
    pub name: String,
}

/// The programs that are not allowed, each once. What an expression selects is not known before the Task is entered.
pub fn programs_not_allowed(definition: &Value, settings: &LocalSettings) -> Vec<NotAllowed> {
    programs_not_allowed_in(definition, settings, &|_| true)
}

/// Like [`programs_not_allowed`], in the states of these names.
pub(super) fn programs_not_allowed_in(
    definition: &Value,
    settings: &LocalSettings,
    is_asked: &dyn Fn(&str) -> bool,
) -> Vec<NotAllowed> {
    let is_literal = |program: &str| !program.trim_start().starts_with("{%") && !is_placeholder(program);
    not_allowed(definition, is_asked, &|arguments| {
        let program = arguments["Program"].as_str().filter(|program| is_literal(program));
        program.filter(|program| !settings.allows_program(program)).into_iter().collect()
    })
}

/// The variables of programs that are not allowed, each once.
pub fn variables_not_allowed(definition: &Value, settings: &LocalSettings) -> Vec<NotAllowed> {
    variables_not_allowed_in(definition, settings, &|_| true)
}

/// Like [`variables_not_allowed`], in the states of these names.
pub(super) fn variables_not_allowed_in(
    definition: &Value,
    settings: &LocalSettings,
    is_asked: &dyn Fn(&str) -> bool,
) -> Vec<NotAllowed> {
    not_allowed(definition, is_asked, &|arguments| {
        let names = arguments["Environment"].as_object().into_iter().flatten().map(|(name, _)| name);
        let names = names.map(|name| name.strip_suffix(".$").unwrap_or(name));
        names.filter(|name| !settings.allows_variable(name)).collect()
    })
}

/// The values that `named` returns for the arguments of the Tasks that run programs, each once. `is_asked` selects the states by name.
fn not_allowed(
    definition: &Value,
    is_asked: &dyn Fn(&str) -> bool,
    named: &dyn Fn(&Value) -> Vec<&str>,
) -> Vec<NotAllowed> {
    let mut found: Vec<NotAllowed> = Vec::new();
    each_state(definition, &mut |state| {
        if !state.json["Resource"].as_str().is_some_and(|resource| RUN_PROGRAMS.contains(&resource)) {
            return;
        }
        let names = named(&state.json[state.arguments_field()]);
        if names.is_empty() || !is_asked(state.name) {
            return;
        }
        for name in names {
            if found.iter().all(|known| known.name != name) {
                found.push(NotAllowed { state: state.name.to_owned(), name: name.to_owned() });
            }
        }
    });
    found
}

/// The variables that a worker of a definition's steps needs, as they precede its command. They contain the programs and the variables that
/// the definition, or its compiled form, names literally, and words such as FOLDER for values that only the operator has.
pub fn worker_variables(definition: &Value) -> String {
    let (mut programs, mut variables) = (BTreeSet::new(), BTreeSet::new());
    let (mut runs_programs, mut uses_files, mut logs_in) = (false, false, false);
    each_state(definition, &mut |state| {
        let resource = state.json["Resource"].as_str().unwrap_or_default();
        uses_files |= is_of(resource, &USE_FILES);
        logs_in |= is_of(resource, &LOG_IN);
        if !is_of(resource, &RUN_PROGRAMS) {
            return;
        }
        runs_programs = true;
        let arguments = &state.json[state.arguments_field()];
        // The compiler adds the visit beside the arguments.
        let arguments = if arguments["flow"].is_object() { &arguments["input"] } else { arguments };
        programs.extend(arguments["Program"].as_str().filter(|program| program.starts_with('/')));
        let names = arguments["Environment"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        variables.extend(names.map(|name| name.strip_suffix(".$").unwrap_or(name)));
    });
    if programs.is_empty() {
        programs.insert("PROGRAM");
    }
    let none = LocalSettings::default();
    let needed = [
        uses_files.then(|| "FLOW_FILES=FOLDER".to_owned()),
        runs_programs.then(|| none.programs_assignment(programs)),
        (!variables.is_empty()).then(|| none.program_variables_assignment(variables)),
        logs_in.then(|| "FLOW_SSH_HOSTS=FILE".to_owned()),
    ];
    needed.into_iter().flatten().map(|variable| format!("{variable} ")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_variable_that_is_not_allowed_is_found() {
        let arguments = json!({ "Program": "/bin/sh", "Environment": { "LEVEL": "7", "TAR_OPTIONS.$": "$.options" } });
        let task = json!({ "Type": "Task", "Resource": "flow:process:run", "End": true, "Parameters": arguments });
        let wait = json!({ "Program": "/bin/sh", "Environment": { "LEVEL": "7", "LANGUAGE": "de" } });
        let wait = json!({ "Type": "Task", "Resource": "flow:wait:program", "End": true, "Parameters": wait });
        let definition = json!({ "StartAt": "Run", "States": { "Run": task, "Wait": wait } });
        let settings = LocalSettings { program_variables: vec!["LEVEL".to_owned()], ..LocalSettings::default() };
        let found = variables_not_allowed(&definition, &settings);
        let expected = [("Run", "TAR_OPTIONS"), ("Wait", "LANGUAGE")];
        let expected = expected.map(|(state, name)| NotAllowed { state: state.to_owned(), name: name.to_owned() });
        assert_eq!(found, expected);
    }

    #[test]
    fn a_worker_is_started_with_the_programs_that_a_definition_or_what_it_was_compiled_to_names() {
        let arguments = json!({ "Program": "/bin/a b", "Environment": { "LEVEL": "7" } });
        let activity = "arn:aws:states:us-east-1:111111111111:activity:flow-wait-program-0a1b2c3d";
        let task = |resource: &str, arguments: &Value| {
            let task = json!({ "Type": "Task", "Resource": resource, "Parameters": arguments, "End": true });
            json!({ "StartAt": "A", "States": { "A": task } })
        };
        let expected = "FLOW_PROGRAMS='/bin/a b' FLOW_PROGRAM_VARIABLES=LEVEL ";
        assert_eq!(worker_variables(&task("flow:process:run", &arguments)), expected);
        assert_eq!(worker_variables(&task(activity, &json!({ "flow": {}, "input": arguments }))), expected);
        assert_eq!(worker_variables(&task("flow:http:call", &arguments)), "");
        let computed = json!({ "Program.$": "$.program" });
        assert_eq!(worker_variables(&task("flow:process:run", &computed)), "FLOW_PROGRAMS=PROGRAM ", "it is not known");
    }

    #[test]
    fn a_worker_is_started_with_a_variable_for_each_kind_of_step_that_it_would_not_poll_without() {
        let activity = |name: &str| format!("arn:aws:states:us-east-1:111111111111:activity:flow-{name}-0a1b2c3d");
        let of = |resources: &[&str]| {
            let task = |resource: &&str| {
                json!({ "Type": "Task", "Resource": resource, "End": true,
                "Parameters": { "Program": "/bin/true" } })
            };
            let states = resources.iter().enumerate().map(|(index, resource)| (index.to_string(), task(resource)));
            let states: serde_json::Map<_, _> = states.collect();
            worker_variables(&json!({ "StartAt": "0", "States": states }))
        };
        for resource in ["flow:wait:file", "flow:file:read", "flow:file:write"] {
            assert_eq!(of(&[resource]), "FLOW_FILES=FOLDER ", "{resource}");
            assert_eq!(of(&[&activity(&resource["flow:".len()..].replace(':', "-"))]), "FLOW_FILES=FOLDER ");
        }
        assert_eq!(of(&["flow:ssh:run"]), "FLOW_SSH_HOSTS=FILE ");
        assert_eq!(of(&["flow:wait:http", "flow:approval:request", &activity("wait-http")]), "");
        let both = of(&["flow:process:run", &activity("file-write"), "flow:ssh:run"]);
        assert_eq!(both, "FLOW_FILES=FOLDER FLOW_PROGRAMS=/bin/true FLOW_SSH_HOSTS=FILE ");
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
            programs_not_allowed(&definition, &settings).into_iter().map(|found| found.name).collect();
        programs.sort();
        assert_eq!(programs, ["/bin/date", "/bin/path", "relative"]);
    }
}
