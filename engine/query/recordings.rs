#![allow(clippy::unwrap_used, clippy::expect_used)]
//! Replays recordings of AWS that only queries decide: Pass and Choice states in JSONPath.
//!
//! The recordings are not part of the project. `FLOW_RECORDINGS` names their folder; without it nothing is replayed.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::{Comparison, Moment, Path, PayloadTemplate, Roots};

const MOMENT: Moment = Moment { now_ms: 1_700_000_000_000, entropy: 42 };

fn recordings() -> Vec<Value> {
    let Some(folder) = std::env::var_os("FLOW_RECORDINGS") else {
        eprintln!("skipped: FLOW_RECORDINGS names no folder");
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let lists = files.iter().map(|file| serde_json::from_slice::<Vec<Value>>(&std::fs::read(file).unwrap()).unwrap());
    lists.flatten().filter(|case| case["kind"] == "execution" && case["needs"] == json!([])).collect()
}

/// A machine that implements queries and nothing else.
struct Replay {
    context: Value,
    variables: Map<String, Value>,
}

impl Replay {
    /// The output of a state and the name of the next one, or the cause of the failure.
    fn run(&mut self, state: &Map<String, Value>, input: &Value) -> Result<(Value, Option<String>), String> {
        let effective = self.select(state.get("InputPath"), input)?;
        if state["Type"] == "Choice" {
            return self.choose(state, effective);
        }
        let result = match (state.get("Result"), state.get("Parameters")) {
            (Some(result), _) => result.clone(),
            (None, Some(template)) => self.fill(template, &effective)?,
            (None, None) => effective.clone(),
        };
        let combined = match state.get("ResultPath").map(Value::as_str) {
            None => result.clone(),
            Some(None) => input.clone(),
            Some(Some(path)) => Path::parse(path).unwrap().set(input, result.clone()).map_err(|error| error.message)?,
        };
        let output = self.select(state.get("OutputPath"), &combined)?;
        if let Some(template) = state.get("Assign") {
            let assigned = self.fill(template, &result)?;
            self.variables.extend(assigned.as_object().unwrap().clone());
        }
        Ok((output, state.get("Next").and_then(Value::as_str).map(str::to_owned)))
    }

    fn choose(&self, state: &Map<String, Value>, input: Value) -> Result<(Value, Option<String>), String> {
        let operators = Comparison::operators();
        for rule in state["Choices"].as_array().unwrap() {
            let fields = rule.as_object().unwrap();
            let (operator, operand) = fields.iter().find(|(name, _)| operators.contains(name)).unwrap();
            let comparison = Comparison::parse(rule["Variable"].as_str().unwrap(), operator, operand).unwrap();
            if self.with_roots(&input, |roots| comparison.holds(roots)).map_err(|error| error.message)? {
                return Ok((input, rule["Next"].as_str().map(str::to_owned)));
            }
        }
        Ok((input, state.get("Default").and_then(Value::as_str).map(str::to_owned)))
    }

    fn select(&self, path: Option<&Value>, input: &Value) -> Result<Value, String> {
        match path {
            None => Ok(input.clone()),
            Some(Value::String(path)) => {
                let path = Path::parse(path).unwrap();
                self.with_roots(input, |roots| path.evaluate(roots)).map_err(|error| error.message)
            }
            Some(_) => Ok(json!({})),
        }
    }

    fn fill(&self, template: &Value, input: &Value) -> Result<Value, String> {
        let template = PayloadTemplate::parse(template).unwrap();
        self.with_roots(input, |roots| template.evaluate(roots, &MOMENT)).map_err(|failure| failure.message)
    }

    fn with_roots<T>(&self, input: &Value, evaluate: impl FnOnce(&Roots<'_>) -> T) -> T {
        evaluate(&Roots { input, context: &self.context, variables: &[&self.variables] })
    }
}

/// Whether a case depends on queries alone.
fn is_ours(case: &Value) -> bool {
    let Some(states) = case["definition"]["States"].as_object() else { return false };
    let simple = |rule: &Value| {
        rule.as_object().is_some_and(|rule| rule.contains_key("Variable") && !rule.contains_key("Assign"))
    };
    let (definition, expected) = (case["definition"].to_string(), &case["expect"]);
    !definition.contains("JSONata")
        && !expected["output"].to_string().contains("$re")
        && expected["status"].is_string()
        && expected["error"] != "States.DataLimitExceeded"
        && states.values().all(|state| match state["Type"].as_str() {
            Some("Pass") => true,
            Some("Choice") => {
                state.get("Assign").is_none()
                    && state["Choices"].as_array().is_some_and(|rules| rules.iter().all(simple))
            }
            _ => false,
        })
}

#[test]
fn aws_answers_otherwise() {
    let (mut replayed, mut differences) = (0, Vec::new());
    for case in recordings().iter().filter(|case| is_ours(case)) {
        let context = json!({ "Execution": { "Id": "id", "Input": case["input"] } });
        let mut replay = Replay { context, variables: Map::new() };
        let mut value = case["input"].clone();
        let mut at = case["definition"]["StartAt"].as_str().map(str::to_owned);
        let mut failure = None;
        while let Some(name) = at.take() {
            match replay.run(case["definition"]["States"][&name].as_object().unwrap(), &value) {
                Ok((output, next)) => (value, at) = (output, next),
                Err(cause) => failure = Some(cause),
            }
        }
        replayed += 1;
        let expected = &case["expect"];
        let is_as_recorded = match (&failure, &expected["cause"]) {
            (None, _) => expected["status"] == "SUCCEEDED" && value == expected["output"],
            (Some(found), Value::String(cause)) => cause.ends_with(found.as_str()),
            (Some(_), _) => expected["status"] == "FAILED",
        };
        if !is_as_recorded {
            differences.push(format!("{}: {value} {failure:?} instead of {expected}", case["id"]));
        }
    }
    eprintln!("{replayed} recordings replayed");
    assert!(differences.is_empty(), "{} of {replayed}:\n{}", differences.len(), differences.join("\n"));
}
