//! A definition that was read and checked once, for its whole way to an execution.

use std::sync::Arc;

use engine::{
    asl::{self, Diagnostic, Severity, StateMachine},
    step::Resource,
    store::Definition,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// A definition that can run: its JSON, its hash, and the machine that was read from it.
#[derive(Debug, Clone)]
pub struct CheckedDefinition {
    value: Arc<Value>,
    definition: Definition,
    machine: Arc<StateMachine>,
    resources: Arc<[String]>,
}

impl CheckedDefinition {
    /// Reads a definition; answers with it, where it can run, and with every finding, errors first. `known_resource` says which
    /// `Resource` a Task may name.
    pub fn read(value: Value, express: bool, known_resource: &dyn Fn(&str) -> bool) -> (Option<Self>, Vec<Diagnostic>) {
        let (machine, found) = asl::read(&value, express, known_resource);
        let errors = found.iter().any(|problem| problem.severity == Severity::Error);
        let machine = machine.filter(|_| !errors);
        let checked = machine.map(|machine| {
            let definition = Definition::from(&value);
            let mut resources = Vec::new();
            collect_resources(&value, &mut resources);
            CheckedDefinition { value: Arc::new(value), definition, machine, resources: resources.into() }
        });
        (checked, found)
    }

    /// The JSON.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The JSON as text, as the store keeps it.
    pub fn text(&self) -> &str {
        self.definition.json()
    }

    /// The JSON and its hash.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The machine.
    pub fn machine(&self) -> &Arc<StateMachine> {
        &self.machine
    }

    /// What its Tasks, readers and writers call.
    pub fn resources(&self) -> &[String] {
        &self.resources
    }

    /// Whether a text is this definition, also where it is written with other spaces or in another order.
    pub(crate) fn is_of(&self, text: &str) -> bool {
        text == self.text() || serde_json::from_str::<Value>(text).is_ok_and(|value| value == *self.value)
    }
}

fn collect_resources(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("Resource").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|field| collect_resources(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_resources(item, found)),
        _ => {}
    }
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
