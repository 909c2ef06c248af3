//! `inspectionData`: the data after each of the state's fields. Each is what a Pass with only those fields would leave with.

use serde_json::{Value, json};

use super::{
    mock::Mock,
    trial::{Outcome, Trial},
};
use crate::records::set;

/// What the state did with its data, as far as it came.
pub(super) fn inspect(trial: &Trial, state: &Value, input: &Value, outcome: &Outcome) -> Value {
    let mut data = json!({ "input": input.to_string() });
    if !trial.variables.is_empty() {
        data["variables"] = Value::Object(trial.variables.clone()).to_string().into();
    }
    if state["QueryLanguage"] == "JSONata" {
        let arguments = outcome.parameters.as_ref().filter(|_| state.get("Arguments").is_some());
        set(&mut data, "afterArguments", arguments.map(Value::to_string));
    } else {
        paths(trial, state, input, &mut data);
    }
    if let Some(Mock::Result(result)) = trial.mock.as_ref().filter(|_| state["Type"] == "Task") {
        data["result"] = result.to_string().into();
    }
    if let Some(seconds) = outcome.retry_seconds {
        data["errorDetails"] = json!({ "retryBackoffIntervalSeconds": seconds });
        set(&mut data["errorDetails"], "retryIndex", outcome.retrier);
    }
    data
}

fn paths(trial: &Trial, state: &Value, input: &Value, data: &mut Value) {
    let kept = |fields: &[&str]| {
        let mut pass = json!({ "Type": "Pass", "End": true });
        for field in fields {
            if let Some(value) = state.get(*field) {
                pass[*field] = value.clone();
            }
        }
        pass
    };
    let left = |pass: Value, input: &Value| trial.run(&pass, input).ok().and_then(|outcome| outcome.output);
    let Some(selected) = left(kept(&["InputPath"]), input) else { return };
    data["afterInputPath"] = selected.to_string().into();
    let kind = state["Type"].as_str().unwrap_or_default();
    if !matches!(kind, "Pass" | "Task" | "Parallel") {
        return;
    }
    let Some(parameters) = left(kept(&["InputPath", "Parameters"]), input) else { return };
    data["afterParameters"] = parameters.to_string().into();
    let result = match (&trial.mock, kind, state.get("Result")) {
        (Some(Mock::Result(result)), "Task" | "Parallel", _) => result.clone(),
        (_, "Pass", Some(result)) => result.clone(),
        (_, "Pass", None) => parameters,
        _ => return,
    };
    let mut selector = json!({ "Type": "Pass", "End": true });
    set(&mut selector, "Parameters", state.get("ResultSelector").cloned());
    let Some(result) = left(selector, &result) else { return };
    data["afterResultSelector"] = result.to_string().into();
    let mut placing = kept(&["ResultPath"]);
    placing["Result"] = result;
    set(data, "afterResultPath", left(placing, input).map(|value| value.to_string()));
}
