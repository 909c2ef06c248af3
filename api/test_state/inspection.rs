//! `inspectionData`: the data after each field of the state. Each value is the output of a Pass that has only the
//! fields up to it.

use engine::step::error_names;
use serde_json::{Value, json};

use super::{
    mock::Mock,
    trial::{Outcome, TestedState},
};
use crate::records::set;

/// A state under inspection.
struct Inspected<'a> {
    trial: &'a TestedState,
    state: &'a Value,
    input: &'a Value,
}

/// Collects the inspection data of a run, as far as the state got.
pub(super) fn inspect(trial: &TestedState, state: &Value, input: &Value, outcome: &Outcome) -> Value {
    let inspected = Inspected { trial, state, input };
    let mut data = json!({ "input": input.to_string() });
    // The variables after the state. Source: API Reference, InspectionData.
    let mut variables = trial.variables.clone();
    variables.extend(outcome.assigned.clone());
    if !variables.is_empty() {
        data["variables"] = Value::Object(variables).to_string().into();
    }
    if inspected.is_jsonata() {
        let arguments = outcome.parameters.as_ref().filter(|_| state.get("Arguments").is_some());
        set(&mut data, "afterArguments", arguments.map(Value::to_string));
    } else {
        inspected.inputs(&mut data);
    }
    if state["Type"] == "Map" {
        inspected.limits(&mut data, outcome);
    }
    if !inspected.is_jsonata() && !outcome.not_begun && !outcome.exceeded {
        inspected.results(&mut data);
    }
    if let Some(Mock::Result(result)) = trial.mock.as_ref().filter(|_| state["Type"] == "Task") {
        data["result"] = result.to_string().into();
    }
    let mut details = json!({});
    set(&mut details, "retryIndex", outcome.retrier.or_else(|| rule(state, "Retry", outcome)));
    set(&mut details, "retryBackoffIntervalSeconds", outcome.retry_seconds);
    if outcome.status == "CAUGHT_ERROR" {
        set(&mut details, "catchIndex", rule(state, "Catch", outcome));
    }
    if details.as_object().is_some_and(|details| !details.is_empty()) {
        data["errorDetails"] = details;
    }
    data
}

/// The rule of `Retry` or `Catch` that names the failure, also if its attempts are used up.
fn rule(state: &Value, list: &str, outcome: &Outcome) -> Option<usize> {
    let error = &outcome.failure.as_ref().filter(|failure| failure.error != error_names::RUNTIME)?.error;
    let names = |rule: &Value| {
        let names = rule["ErrorEquals"].as_array().into_iter().flatten().filter_map(Value::as_str);
        names.into_iter().any(|name| name == error || name == error_names::ALL || name == error_names::TASK_FAILED)
    };
    state[list].as_array()?.iter().position(names)
}

impl Inspected<'_> {
    fn is_jsonata(&self) -> bool {
        self.state["QueryLanguage"] == "JSONata"
    }

    /// A Pass with some of the state's fields.
    fn pass(&self, fields: &[&str]) -> Value {
        let mut pass = json!({ "Type": "Pass", "End": true });
        for field in fields {
            set(&mut pass, field, self.state.get(*field).cloned());
        }
        pass
    }

    fn left(&self, pass: &Value, input: &Value) -> Option<Value> {
        self.trial.run(pass, input).ok().and_then(|outcome| outcome.output)
    }

    /// Adds the results of the fields that are evaluated before the call. A state with a `Result` makes no call.
    fn inputs(&self, data: &mut Value) {
        let kind = self.state["Type"].as_str().unwrap_or_default();
        if self.state.get("Result").is_some() || kind == "Parallel" {
            return;
        }
        let selected = self.left(&self.pass(&["InputPath"]), self.input);
        set(data, "afterInputPath", selected.map(|value| value.to_string()));
        if matches!(kind, "Pass" | "Task") {
            let parameters = self.left(&self.pass(&["InputPath", "Parameters"]), self.input);
            set(data, "afterParameters", parameters.map(|value| value.to_string()));
        }
    }

    /// Adds the results of a Map's fields, unless the Map could not begin.
    fn limits(&self, data: &mut Value, outcome: &Outcome) {
        if outcome.not_begun {
            return;
        }
        let text = |value: Option<Value>| value.as_ref().map(Value::to_string);
        set(data, "afterItemsPointer", text(self.trial.pointed(self.state)));
        if !self.is_jsonata() {
            let items = match (self.state.get("ItemReader"), self.state.get("ItemsPath")) {
                (Some(_), _) => self.trial.items(self.state, self.input, false),
                (None, Some(path)) => self.at(path),
                (None, None) => Some(self.input.clone()),
            };
            set(data, "afterItemsPath", text(items));
        }
        if self.state.get("ItemSelector").is_some() {
            set(data, "afterItemSelector", text(self.trial.items(self.state, self.input, true)));
        }
        if self.state.get("ItemBatcher").is_some() {
            set(data, "afterItemBatcher", text(outcome.items.clone()));
        }
        data["maxConcurrency"] = self.number("MaxConcurrency").unwrap_or_else(|| json!(0));
        set(data, "toleratedFailureCount", self.number("ToleratedFailureCount"));
        let percentage = self.number("ToleratedFailurePercentage").and_then(|value| value.as_f64());
        set(data, "toleratedFailurePercentage", percentage);
    }

    fn number(&self, name: &str) -> Option<Value> {
        match (self.state.get(name), self.state.get(format!("{name}Path"))) {
            (Some(Value::String(expression)), _) => {
                let pass = json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Output": expression, "End": true });
                self.left(&pass, self.input)
            }
            (Some(number), _) => Some(number.clone()),
            (None, Some(path)) => self.at(path),
            (None, None) => None,
        }
    }

    /// The value that a path of the state selects.
    fn at(&self, path: &Value) -> Option<Value> {
        let mut pass = self.pass(&["InputPath"]);
        pass["Parameters"] = json!({ "value.$": path });
        self.left(&pass, self.input).map(|found| found["value"].clone())
    }

    /// Adds the results of the fields that are evaluated after the call.
    fn results(&self, data: &mut Value) {
        let kind = self.state["Type"].as_str().unwrap_or_default();
        let result = match (&self.trial.mock, kind, self.state.get("Result")) {
            (Some(Mock::Result(result)), "Task" | "Parallel" | "Map", _) => result.clone(),
            (_, "Pass", Some(result)) => {
                data["result"] = result.to_string().into();
                result.clone()
            }
            (_, "Pass", None) => match self.left(&self.pass(&["InputPath", "Parameters"]), self.input) {
                Some(parameters) => parameters,
                None => return,
            },
            _ => return,
        };
        let mut selector = json!({ "Type": "Pass", "End": true });
        set(&mut selector, "Parameters", self.state.get("ResultSelector").cloned());
        let Some(result) = self.left(&selector, &result) else { return };
        data["afterResultSelector"] = result.to_string().into();
        let mut placing = self.pass(&["ResultPath"]);
        placing["Result"] = result;
        set(data, "afterResultPath", self.left(&placing, self.input).map(|value| value.to_string()));
    }
}
