//! Error names in Retry and Catch that cannot occur: flow's own names that do not exist, and names that no step of the
//! state fails with. All are warnings, and the names are those of `flow explain`.

use std::collections::HashSet;

use engine::{
    asl::{Diagnostic, RawState, each_state},
    spelling::{did_you_mean, nearest},
    step::error_names::HEARTBEAT_TIMEOUT,
};
use serde_json::Value;

use crate::checks::explanations;

/// The prefixes of flow's own error names, each with the resources that fail with them. Any resource can fail with an
/// error of the prefix `Flow.`.
const FAMILIES: &[(&str, &[&str])] = &[
    ("Approval.", &["flow:approval:"]),
    ("File.", &["flow:file:", "flow:wait:file"]),
    ("Flow.", &[""]),
    ("Process.", &["flow:process:", "flow:wait:program"]),
    ("Ssh.", &["flow:ssh:"]),
];
/// Only an HTTP task fails with errors of this prefix.
const HTTP: (&str, &str) = ("States.Http.", ":http:invoke");

/// Warns of error names that cannot occur.
pub(super) fn problems(definition: &Value) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut raised = HashSet::new();
    each_state(definition, &mut |raw| raised.extend(raw.json["Error"].as_str()));
    each_state(definition, &mut |raw| {
        if raw.json.get("Retry").or(raw.json.get("Catch")).is_none() {
            return;
        }
        let mut parts = Vec::new();
        collect(raw, &mut parts);
        for field in ["Retry", "Catch"] {
            for (index, rule) in raw.json[field].as_array().into_iter().flatten().enumerate() {
                let names = rule["ErrorEquals"].as_array().into_iter().flatten().filter_map(Value::as_str);
                for (at, name) in names.enumerate().filter(|(_, name)| !raised.contains(name)) {
                    let location = format!("{}/{field}[{index}]/ErrorEquals[{at}]", raw.pointer);
                    found.extend(problem(name, &parts, &location));
                }
            }
        }
    });
    found
}

/// The state, and the states inside it.
fn collect<'v>(state: &RawState<'v>, parts: &mut Vec<&'v Value>) {
    parts.push(state.json);
    for machine in state.machines() {
        machine.states().for_each(|inner| collect(&inner, parts));
    }
}

fn problem(name: &str, parts: &[&Value], location: &str) -> Option<Diagnostic> {
    let own = || explanations::ALL.iter().map(|page| page.code).filter(|code| family(code).is_some());
    let warning = |code: &'static str, message: String| Some(Diagnostic::warning(code, location, message));
    if name == HEARTBEAT_TIMEOUT {
        let has_heartbeat = |part: &&Value| part.get("HeartbeatSeconds").or(part.get("HeartbeatSecondsPath")).is_some();
        let message = format!("'{name}' cannot occur here: the state has no HeartbeatSeconds.");
        return if parts.iter().any(has_heartbeat) { None } else { warning("ERROR_CANNOT_OCCUR", message) };
    }
    // A function, a worker or another execution fails with any name.
    let resources = || parts.iter().filter_map(|part| part["Resource"].as_str());
    if resources().any(|resource| !resource.starts_with("flow:") && !resource.ends_with(HTTP.1)) {
        return None;
    }
    // The error of such a Fail state is known at run time only.
    if parts
        .iter()
        .any(|part| part["Type"] == "Fail" && part["Error"].as_str().is_none_or(|error| error.contains("{%")))
    {
        return None;
    }
    if name.starts_with(HTTP.0) {
        let message = format!("'{name}' cannot occur here: only http:invoke fails with it.");
        let can_occur = resources().any(|resource| resource.ends_with(HTTP.1));
        return if can_occur { None } else { warning("ERROR_CANNOT_OCCUR", message) };
    }
    if own().any(|known| known == name) {
        let (_, steps) = family(name)?;
        let can_occur = resources().any(|resource| steps.iter().any(|step| resource.starts_with(step)));
        let steps = steps.iter().map(|step| step.trim_end_matches(':')).collect::<Vec<_>>().join(" or ");
        let message = format!("'{name}' cannot occur here: only steps of {steps} fail with it.");
        return if can_occur { None } else { warning("ERROR_CANNOT_OCCUR", message) };
    }
    let near = nearest(name, own());
    if family(name).is_none() && near.is_none() {
        return None;
    }
    let message = match near {
        None => format!("No error is named '{name}'; flow explain lists all."),
        near => format!("No error is named '{name}'{}", did_you_mean(near)),
    };
    warning("UNKNOWN_ERROR_NAME", message)
}

fn family(name: &str) -> Option<&'static (&'static str, &'static [&'static str])> {
    FAMILIES.iter().find(|(prefix, _)| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn found(state: Value) -> Vec<(String, String)> {
        let definition = json!({ "QueryLanguage": "JSONata", "StartAt": "A", "States": { "A": state } });
        problems(&definition).into_iter().map(|problem| (problem.code.to_string(), problem.message)).collect()
    }

    fn task(resource: &str, name: &str) -> Value {
        json!({ "Type": "Task", "Resource": resource, "Retry": [{ "ErrorEquals": [name] }] })
    }

    #[test]
    fn a_name_of_flows_own_that_does_not_exist_is_named_with_the_one_that_was_meant() {
        for (name, meant) in [("Process.Faild", "Process.Failed"), ("Proces.Failed", "Process.Failed")] {
            let all = found(task("flow:process:run", name));
            let [(code, message)] = all.as_slice() else { unreachable!("{all:?}") };
            assert_eq!(code, "UNKNOWN_ERROR_NAME");
            assert!(message.ends_with(&format!("did you mean '{meant}'?")), "{message}");
        }
        assert_eq!(found(task("flow:process:run", "Own.Error")), []);
        assert_eq!(
            found(task("arn:aws:states:::lambda:invoke", "Process.Faild")),
            [],
            "a function fails with any name"
        );
    }

    #[test]
    fn a_name_that_no_step_of_the_state_fails_with_cannot_occur() {
        for (resource, name) in [
            ("flow:process:run", "Approval.Rejected"),
            ("flow:wait:http", "Process.Failed"),
            ("flow:process:run", "States.Http.Socket"),
            ("flow:process:run", "States.HeartbeatTimeout"),
        ] {
            let all = found(task(resource, name));
            assert!(all.len() == 1 && all[0].0 == "ERROR_CANNOT_OCCUR", "{resource} {name}: {all:?}");
        }
        for (resource, name) in [
            ("flow:approval:request", "Approval.Rejected"),
            ("flow:wait:program", "Process.Failed"),
            ("flow:wait:dns", "Flow.Invalid"),
            ("arn:aws:states:::http:invoke", "States.Http.StatusCode.503"),
        ] {
            assert_eq!(found(task(resource, name)), [], "{resource} {name}");
        }
    }

    #[test]
    fn a_parallel_fails_with_the_errors_of_its_branches() {
        let parallel = |inner: Value| {
            json!({ "Type": "Parallel", "Catch": [{ "ErrorEquals": ["Approval.Rejected"] }],
                    "Branches": [{ "StartAt": "B", "States": { "B": inner } }] })
        };
        assert_eq!(found(parallel(task("flow:process:run", "States.ALL"))).len(), 1);
        assert_eq!(found(parallel(task("flow:approval:request", "States.ALL"))), []);
        assert_eq!(found(parallel(json!({ "Type": "Fail", "Error": "Approval.Rejected" }))), []);
        assert_eq!(found(parallel(json!({ "Type": "Fail", "Error": "{% $e %}" }))), []);
    }

    #[test]
    fn the_shipped_workflows_catch_errors_that_can_occur() {
        for workflow in workflows::catalogue() {
            assert_eq!(problems(&workflow.definition().unwrap()), [], "{}", workflow.name);
        }
    }
}
