//! The named documents in which the API stores its data.

use std::{collections::BTreeMap, sync::Arc};

use engine::store::DocumentChanges;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Api, Fault};

/// The type of a state machine: its executions are durable and long (STANDARD) or short and many (EXPRESS).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum StateMachineType {
    #[default]
    Standard,
    Express,
}

/// A state machine: `machine/NAME`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StateMachineRecord {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: StateMachineType,
    pub definition: String,
    pub role_arn: String,
    #[serde(flatten)]
    pub settings: Settings,
    /// The request that created it: a repeated request must be the same.
    #[serde(default)]
    pub creation: Creation,
    pub created_ms: u64,
    pub updated_ms: u64,
    /// Changes with every update; `None` until the first one.
    pub revision_id: Option<String>,
    /// The number of the last published version.
    pub last_version: u64,
    /// Whether `flow run` created it. Its definition then follows the workflow's.
    #[serde(default)]
    pub of_workflow: bool,
    /// Whether it is DELETING: the record exists only until its executions have ended.
    #[serde(default)]
    pub deleting: bool,
}

/// The settings of a state machine other than its definition, complete with defaults.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Settings {
    pub logging_configuration: Value,
    pub tracing_configuration: Value,
    #[serde(default)]
    pub encryption_configuration: Value,
}

/// The part of a CreateStateMachine request that a repeated request must match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Creation {
    pub publish: bool,
    pub version_description: Option<String>,
}

/// A version, which never changes: `version/MACHINE:NUMBER`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Version {
    pub number: u64,
    pub description: Option<String>,
    pub created_ms: u64,
    pub machine: StateMachineRecord,
}

/// An alias: `alias/MACHINE:NAME`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Alias {
    pub name: String,
    pub description: Option<String>,
    pub routing_configuration: Vec<Route>,
    pub created_ms: u64,
    pub updated_ms: u64,
}

/// The share of an alias's executions that one version receives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Route {
    pub state_machine_version_arn: String,
    /// In percent. The weights of an alias add up to 100.
    pub weight: u64,
}

/// The start of an execution: `execution/ID`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StartedExecution {
    pub name: String,
    pub machine: String,
    pub role_arn: String,
    /// The version or the alias that the start named.
    pub version: Option<u64>,
    pub alias: Option<String>,
    /// The input exactly as the client sent it. It is stored in `input/ID`, so that lists need not read it.
    #[serde(skip)]
    pub input: String,
    pub trace_header: Option<String>,
    /// The state machine's settings at the start.
    #[serde(default)]
    pub settings: Settings,
    /// The last redrives and their client tokens, oldest first.
    #[serde(default)]
    pub redrives: Vec<Redrive>,
    /// The state machine's revision and time of change at the start.
    pub revision_id: Option<String>,
    pub updated_ms: u64,
    /// The prefix of its ARN, such as `arn:aws:states:us-east-1:111111111111`.
    pub arn_prefix: String,
}

/// One redrive of an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Redrive {
    pub at_ms: u64,
    pub client_token: Option<String>,
}

impl StartedExecution {
    /// The end of its ARN: `MACHINE:NAME`.
    pub fn qualified_name(&self) -> String {
        format!("{}:{}", self.machine, self.name)
    }

    /// The region in its ARN.
    pub fn region(&self) -> &str {
        self.arn_prefix.split(':').nth(3).unwrap_or_default()
    }

    /// The ARN of another resource in the same account and region. `rest` is what follows the account.
    pub fn arn_beside(&self, rest: &str) -> String {
        format!("{}:{rest}", self.arn_prefix)
    }
}

/// An activity: `activity/NAME`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ActivityRecord {
    pub name: String,
    pub created_ms: u64,
    pub encryption_configuration: Option<Value>,
}

/// Tags of a resource: `tags/ARN`.
pub(crate) type ResourceTags = BTreeMap<String, String>;

pub(crate) fn machine_key(name: &str) -> String {
    format!("machine/{name}")
}

pub(crate) fn version_key(machine: &str, number: u64) -> String {
    // Twenty digits, so that names sort like numbers.
    format!("version/{machine}:{number:020}")
}

pub(crate) fn versions_prefix(machine: &str) -> String {
    format!("version/{machine}:")
}

pub(crate) fn alias_key(machine: &str, name: &str) -> String {
    format!("alias/{machine}:{name}")
}

pub(crate) fn aliases_prefix(machine: &str) -> String {
    format!("alias/{machine}:")
}

pub(crate) fn execution_key(id: &str) -> String {
    format!("execution/{id}")
}

pub(crate) fn input_key(id: &str) -> String {
    format!("input/{id}")
}

/// The document `shown/ID`: a sequence.
pub(crate) fn shown_key(id: &str) -> String {
    format!("shown/{id}")
}

/// The document `received/ID` of a nested execution: the sequence of the end that its parent received.
pub(crate) fn received_key(id: &str) -> String {
    format!("received/{id}")
}

pub(crate) fn activity_key(name: &str) -> String {
    format!("activity/{name}")
}

pub(crate) fn tags_key(arn: &str) -> String {
    format!("tags/{arn}")
}

impl Api {
    pub(crate) fn machine(&self, name: &str) -> Result<Arc<StateMachineRecord>, Fault> {
        self.machine_if_any(name)?.ok_or_else(|| Fault::no_state_machine_with(&self.state_machine_arn(name)))
    }

    pub(crate) fn version(&self, machine: &str, number: u64) -> Result<Version, Fault> {
        let found = self.runner.store().document(&version_key(machine, number))?;
        found.ok_or_else(|| Fault::no_state_machine_with(&self.qualified_arn(machine, &number.to_string())))
    }

    pub(crate) fn alias(&self, machine: &str, name: &str) -> Result<Alias, Fault> {
        let found = self.runner.store().document(&alias_key(machine, name))?;
        found.ok_or_else(no_such_resource)
    }

    pub(crate) fn put<T: Serialize>(&self, key: &str, document: &T) -> Result<(), Fault> {
        let mut changes = DocumentChanges::default();
        changes.put(key, document)?;
        Ok(self.runner.store().change_documents(changes)?)
    }

    pub(crate) fn delete(&self, keys: &[String]) -> Result<(), Fault> {
        let mut changes = DocumentChanges::default();
        keys.iter().for_each(|key| changes.delete(key));
        Ok(self.runner.store().change_documents(changes)?)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.runner.clock().now_ms()
    }
}

/// The fault for an alias or a version that does not exist.
pub(crate) fn no_such_resource() -> Fault {
    Fault::new("ResourceNotFound", "Request references a resource that does not exist.")
}

/// A time as the API returns it: seconds since the Unix epoch.
pub(crate) fn seconds(at_ms: u64) -> Value {
    Value::from(at_ms as f64 / 1_000.0)
}

/// Sets a field that may be absent.
pub(crate) fn set<T: Into<Value>>(answer: &mut Value, field: &str, value: Option<T>) {
    if let Some(value) = value {
        answer[field] = value.into();
    }
}

/// The names of the documents of an execution. They are deleted when it is pruned.
pub fn documents_of(id: &str) -> [String; 4] {
    [execution_key(id), input_key(id), shown_key(id), received_key(id)]
}
