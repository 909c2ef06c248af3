//! A minimal interpreter that evaluates every expression of a definition. Sequential, without retries, with steps that
//! answer as the contract says.

use std::collections::BTreeMap;

use jsonata_core::{
    evaluator::{Context, Evaluator},
    parser,
    value::JValue,
};
use serde_json::{Map, Value, json};

type Variables = BTreeMap<String, Value>;

/// Answers a Task: receives resource and arguments, returns the output.
pub(super) type Steps<'a> = dyn FnMut(&str, &Value) -> Value + 'a;

/// The end of a machine in a Fail state.
#[derive(Debug)]
pub(super) struct Failure {
    pub error: String,
    pub cause: String,
}

pub(super) struct Interpreter<'a> {
    pub steps: &'a mut Steps<'a>,
    pub visited: Vec<String>,
}

impl Interpreter<'_> {
    /// The machine's output.
    ///
    /// # Errors
    /// It ends in a Fail state.
    pub(super) fn run(&mut self, machine: &Value, input: Value) -> Result<Value, Failure> {
        self.machine(machine, input, Variables::new(), &Value::Null)
    }

    fn machine(
        &mut self,
        machine: &Value,
        mut input: Value,
        mut variables: Variables,
        item: &Value,
    ) -> Result<Value, Failure> {
        let mut name = machine["StartAt"].as_str().unwrap().to_owned();
        loop {
            let state = &machine["States"][&name];
            self.visited.push(name.clone());
            let mut states = json!({ "input": input, "context": { "Map": { "Item": item } } });
            let evaluate = |what: &Value, states: &Value| template(&name, what, states, &variables);
            if state["Type"] == "Choice" {
                let taken = state["Choices"].as_array().unwrap().iter().find(|rule| {
                    let condition = evaluate(&rule["Condition"], &states);
                    condition.as_bool().unwrap_or_else(|| panic!("{name}: the condition gives {condition}"))
                });
                name = taken.map_or(&state["Default"], |rule| &rule["Next"]).as_str().unwrap().to_owned();
                continue;
            }
            if state["Type"] == "Fail" {
                let text = |field: &str| evaluate(&state[field], &states).as_str().unwrap().to_owned();
                return Err(Failure { error: text("Error"), cause: text("Cause") });
            }
            let result = self.result(&name, state, &input, &states, &variables)?;
            states["result"] = result.clone();
            let output = match state.get("Output") {
                Some(output) => template(&name, output, &states, &variables),
                None => result,
            };
            let assigned = template(&name, state.get("Assign").unwrap_or(&json!({})), &states, &variables);
            variables.extend(assigned.as_object().unwrap().clone());
            if state["End"] == true {
                return Ok(output);
            }
            name = state["Next"].as_str().unwrap().to_owned();
            input = output;
        }
    }

    fn result(
        &mut self,
        name: &str,
        state: &Value,
        input: &Value,
        states: &Value,
        variables: &Variables,
    ) -> Result<Value, Failure> {
        match state["Type"].as_str().unwrap() {
            "Pass" => Ok(input.clone()),
            "Task" => {
                let arguments = template(name, &state["Arguments"], states, variables);
                Ok((self.steps)(state["Resource"].as_str().unwrap(), &arguments))
            }
            "Parallel" => {
                let branches = state["Branches"].as_array().unwrap().iter();
                branches.map(|branch| self.machine(branch, input.clone(), variables.clone(), &Value::Null)).collect()
            }
            "Map" => {
                let items = template(name, &state["Items"], states, variables);
                let items = items.as_array().unwrap_or_else(|| panic!("{name}: Items gives {items}")).clone();
                let run = |item: Value| {
                    let context = json!({ "Value": item });
                    self.machine(&state["ItemProcessor"], item, variables.clone(), &context)
                };
                items.into_iter().map(run).collect()
            }
            other => panic!("{name}: {other}"),
        }
    }
}

fn template(name: &str, value: &Value, states: &Value, variables: &Variables) -> Value {
    match value {
        Value::String(text) if text.starts_with("{%") => {
            let expression = text.trim_start_matches("{%").trim_end_matches("%}");
            let mut context = Context::new();
            context.bind("states".to_owned(), JValue::from(states.clone()));
            for (variable, value) in variables {
                context.bind(variable.clone(), JValue::from(value.clone()));
            }
            let parsed = parser::parse(expression).unwrap();
            let result = Evaluator::with_context(context).evaluate(&parsed, &JValue::Undefined);
            let result = result.unwrap_or_else(|error| panic!("{name}: {expression}: {error}"));
            assert!(!matches!(result, JValue::Undefined), "{name}: {expression} gives nothing");
            serde_json::from_str(&result.to_json_string().unwrap()).unwrap()
        }
        Value::Array(items) => items.iter().map(|item| template(name, item, states, variables)).collect(),
        Value::Object(fields) => {
            let evaluated = |(key, field): (&String, &Value)| (key.clone(), template(name, field, states, variables));
            Value::Object(fields.iter().map(evaluated).collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}
