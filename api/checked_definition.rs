//! A definition that is parsed and checked once, and then passed on to the runner.

use std::sync::Arc;

use engine::{
    asl::{self, Diagnostic, Severity, StateMachine, each_state},
    step::Resource,
    store::Definition,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A definition that can run: its JSON, its hash, and the parsed machine.
#[derive(Debug, Clone)]
pub struct CheckedDefinition {
    value: Arc<Value>,
    definition: Definition,
    machine: Arc<StateMachine>,
    resources: Arc<[String]>,
}

impl CheckedDefinition {
    /// Parses and checks a definition. Returns it if it can run, and every diagnostic, errors first. `known_resource`
    /// says which `Resource` a Task may name.
    pub fn read(value: Value, express: bool, known_resource: &dyn Fn(&str) -> bool) -> (Option<Self>, Vec<Diagnostic>) {
        let (machine, found) = asl::read(&value, express, known_resource);
        let errors = found.iter().any(|problem| problem.severity == Severity::Error);
        let machine = machine.filter(|_| !errors);
        let checked = machine.map(|machine| {
            let definition = Definition::from(&value);
            let resources = called_resources(&value);
            CheckedDefinition { value: Arc::new(value), definition, machine, resources: resources.into() }
        });
        (checked, found)
    }

    /// The JSON.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The JSON as text, as it is stored.
    pub fn text(&self) -> &str {
        self.definition.json()
    }

    /// The JSON and its hash.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The parsed machine.
    pub fn machine(&self) -> &Arc<StateMachine> {
        &self.machine
    }

    /// The resources that its Tasks, ItemReaders and ResultWriters call.
    pub fn resources(&self) -> &[String] {
        &self.resources
    }

    /// Whether a text is the same JSON as this definition. White space and the order of fields do not matter.
    pub(crate) fn is_of(&self, text: &str) -> bool {
        text == self.text() || serde_json::from_str::<Value>(text).is_ok_and(|value| value == *self.value)
    }
}

/// Lists the resources that a definition calls.
fn called_resources(definition: &Value) -> Vec<String> {
    let mut found = Vec::new();
    each_state(definition, &mut |state| found.extend(state.called_resources().map(str::to_owned)));
    found
}

impl Serialize for CheckedDefinition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for CheckedDefinition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let known = |resource: &str| resource.starts_with("flow:") || Resource::parse(resource).is_recognized();
        let (checked, found) = CheckedDefinition::read(value, false, &known);
        checked.ok_or_else(|| {
            let first = found.first().map_or_else(String::new, |problem| problem.message.clone());
            serde::de::Error::custom(format!("the definition cannot run: {first}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_named_resource_in_data_calls_nothing() {
        let item = |states: Value| json!({ "StartAt": "B", "States": states });
        let definition = json!({ "StartAt": "A", "States": {
            "A": { "Type": "Pass", "Result": { "Resource": "arn:aws:states:::lambda:invoke" }, "Next": "M" },
            "M": { "Type": "Map", "End": true, "ItemReader": { "Resource": "reader" }, "ResultWriter": { "Resource": "writer" },
                   "ItemProcessor": item(json!({ "B": { "Type": "Task", "Resource": "task", "Parameters": { "Resource": "data" } } })) },
            "P": { "Type": "Parallel", "Branches": [item(json!({ "C": { "Type": "Task", "Resource": "branch" } }))] },
        } });
        let mut found = called_resources(&definition);
        found.sort();
        assert_eq!(found, ["branch", "reader", "task", "writer"]);
    }
}
