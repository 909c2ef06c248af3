//! State machines.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Answer, Api, Fault, arn, definition, paging,
    records::{self, StateMachine, StateMachineType, Version, machine_key, seconds, set},
    request::{Page, checked_name, checked_role},
    tags::Tag,
};

/// A request of CreateStateMachine.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Create {
    name: String,
    definition: String,
    role_arn: String,
    #[serde(default, rename = "type")]
    kind: StateMachineType,
    #[serde(default)]
    logging_configuration: Option<Value>,
    #[serde(default)]
    tracing_configuration: Option<Value>,
    #[serde(default)]
    encryption_configuration: Option<Value>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    publish: bool,
    #[serde(default)]
    version_description: Option<String>,
}

/// A request of UpdateStateMachine.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Update {
    state_machine_arn: String,
    #[serde(default)]
    definition: Option<String>,
    #[serde(default)]
    role_arn: Option<String>,
    #[serde(default)]
    logging_configuration: Option<Value>,
    #[serde(default)]
    tracing_configuration: Option<Value>,
    #[serde(default)]
    encryption_configuration: Option<Value>,
    #[serde(default)]
    publish: bool,
    #[serde(default)]
    version_description: Option<String>,
}

/// A request that names a state machine, a version or an alias.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Named {
    state_machine_arn: String,
}

/// What an ARN of a state machine stands for.
pub(crate) struct Resolved {
    pub machine: StateMachine,
    pub version: Option<u64>,
    pub alias: Option<String>,
}

impl Api {
    pub(crate) async fn create_state_machine(&self, request: Create) -> Answer {
        checked_name(&request.name)?;
        checked_role(&request.role_arn)?;
        definition::runnable(&request.definition, request.kind)?;
        checked_logging(request.logging_configuration.as_ref())?;
        if request.version_description.is_some() && !request.publish {
            return Err(Fault::validation("Version description can only be set when publish is true"));
        }
        let _changing = self.changing.lock().await;
        let arn = self.state_machine_arn(&request.name);
        let now = self.now_ms();
        let wanted = StateMachine {
            name: request.name,
            kind: request.kind,
            definition: request.definition,
            role_arn: request.role_arn,
            logging_configuration: request.logging_configuration.unwrap_or_else(no_logging),
            tracing_configuration: request.tracing_configuration.unwrap_or_else(|| json!({ "enabled": false })),
            encryption_configuration: request.encryption_configuration,
            created_ms: now,
            updated_ms: now,
            revision_id: None,
            last_version: 0,
        };
        let found = self.runner.store().document::<StateMachine>(&machine_key(&wanted.name))?;
        let machine = match found {
            Some(found) if is_same(&found, &wanted) => found,
            Some(_) => {
                let message = format!("State Machine Already Exists: '{arn}'");
                return Err(Fault::new("StateMachineAlreadyExists", message));
            }
            None => {
                self.put(&machine_key(&wanted.name), &wanted)?;
                self.add_tags(&arn, request.tags)?;
                wanted
            }
        };
        let mut answer = json!({ "stateMachineArn": arn, "creationDate": seconds(machine.created_ms) });
        if request.publish {
            let version = self.publish(machine, request.version_description)?;
            answer["stateMachineVersionArn"] = self.version_arn(&version).into();
        }
        Ok(answer)
    }

    pub(crate) async fn update_state_machine(&self, request: Update) -> Answer {
        let name = arn::state_machine(&request.state_machine_arn)?;
        let parts = [&request.logging_configuration, &request.tracing_configuration, &request.encryption_configuration];
        if request.definition.is_none() && request.role_arn.is_none() && parts.iter().all(|part| part.is_none()) {
            let message = "Either the definition, the role ARN, the LoggingConfiguration, the TracingConfiguration or \
                           the EncryptionConfiguration must be specified";
            return Err(Fault::new("MissingRequiredParameter", message));
        }
        checked_logging(request.logging_configuration.as_ref())?;
        let _changing = self.changing.lock().await;
        let mut machine = self.machine(&name)?;
        if let Some(definition) = request.definition {
            definition::runnable(&definition, machine.kind)?;
            machine.definition = definition;
        }
        if let Some(role_arn) = request.role_arn {
            checked_role(&role_arn)?;
            machine.role_arn = role_arn;
        }
        machine.logging_configuration = request.logging_configuration.unwrap_or(machine.logging_configuration);
        machine.tracing_configuration = request.tracing_configuration.unwrap_or(machine.tracing_configuration);
        machine.encryption_configuration = request.encryption_configuration.or(machine.encryption_configuration);
        machine.updated_ms = self.now_ms();
        machine.revision_id = Some(crate::executions::new_uuid());
        self.put(&machine_key(&name), &machine)?;
        let mut answer = json!({ "updateDate": seconds(machine.updated_ms) });
        set(&mut answer, "revisionId", machine.revision_id.clone());
        if request.publish {
            let version = self.publish(machine, request.version_description)?;
            answer["stateMachineVersionArn"] = self.version_arn(&version).into();
        }
        Ok(answer)
    }

    fn version_arn(&self, version: &Version) -> String {
        self.qualified_arn(&version.machine.name, &version.number.to_string())
    }

    pub(crate) fn describe_state_machine(&self, request: Named) -> Answer {
        let name = match arn::parse(&request.state_machine_arn)? {
            arn::Resource::StateMachine { name, qualifier: None } => {
                return Ok(described(&self.machine(&name)?, &self.state_machine_arn(&name)));
            }
            arn::Resource::StateMachine { name, qualifier: Some(qualifier) } => (name, qualifier),
            _ => {
                let message = format!("Invalid State Machine Arn: '{}'", request.state_machine_arn);
                return Err(Fault::new("InvalidArn", message));
            }
        };
        let number = name.1.parse().map_err(|_| {
            Fault::new(
                "StateMachineDoesNotExist",
                format!("State Machine Does Not Exist: '{}'", request.state_machine_arn),
            )
        })?;
        let version = self.version(&name.0, number)?;
        let mut answer = described(&version.machine, &request.state_machine_arn);
        answer["creationDate"] = seconds(version.created_ms);
        set(&mut answer, "description", version.description);
        Ok(answer)
    }

    pub(crate) fn list_state_machines(&self, page: Page) -> Answer {
        let found = self.runner.store().documents::<StateMachine>("machine/", None, usize::MAX)?;
        let listed = |(_, machine): (String, StateMachine)| {
            let item = json!({
                "stateMachineArn": self.state_machine_arn(&machine.name), "name": machine.name, "type": machine.kind,
                "creationDate": seconds(machine.created_ms),
            });
            (paging::newest_first(machine.created_ms, &machine.name), item)
        };
        paging::page("stateMachines", &page, found.into_iter().map(listed).collect())
    }

    /// Deletes the state machine with its versions and aliases; its executions go on with the definition they began with.
    pub(crate) async fn delete_state_machine(&self, request: Named) -> Answer {
        let name = arn::state_machine(&request.state_machine_arn)?;
        let _changing = self.changing.lock().await;
        let store = self.runner.store();
        let mut keys = vec![machine_key(&name), records::tags_key(&request.state_machine_arn)];
        for prefix in [records::versions_prefix(&name), records::aliases_prefix(&name)] {
            keys.extend(store.documents::<Value>(&prefix, None, usize::MAX)?.into_iter().map(|(key, _)| key));
        }
        self.delete(&keys)?;
        Ok(json!({}))
    }

    /// The definition that a start of this ARN runs.
    pub(crate) fn resolve(&self, arn: &str) -> Result<Resolved, Fault> {
        let arn::Resource::StateMachine { name, qualifier } = arn::parse(arn)? else {
            return Err(Fault::new("InvalidArn", format!("Invalid State Machine Arn: '{arn}'")));
        };
        let Some(qualifier) = qualifier else {
            return Ok(Resolved { machine: self.machine(&name)?, version: None, alias: None });
        };
        if let Ok(number) = qualifier.parse() {
            let version = self.version(&name, number)?;
            return Ok(Resolved { machine: version.machine, version: Some(number), alias: None });
        }
        let missing = |_| Fault::new("StateMachineDoesNotExist", format!("State Machine Does Not Exist: '{arn}'"));
        let alias = self.alias(&name, &qualifier).map_err(missing)?;
        let number = self.routed(&alias)?;
        let version = self.version(&name, number)?;
        Ok(Resolved { machine: version.machine, version: Some(number), alias: Some(qualifier) })
    }
}

/// Where something is logged, exactly one destination says where to.
fn checked_logging(logging: Option<&Value>) -> Result<(), Fault> {
    let Some(logging) = logging.filter(|logging| logging["level"].as_str().is_some_and(|level| level != "OFF")) else {
        return Ok(());
    };
    if logging["destinations"].as_array().map_or(0, Vec::len) == 1 {
        return Ok(());
    }
    let message = "Invalid Logging Configuration: Must specify exactly one Log Destination.";
    Err(Fault::new("InvalidLoggingConfiguration", message))
}

fn no_logging() -> Value {
    json!({ "level": "OFF", "includeExecutionData": false })
}

/// Whether a create of the second is one of the first again (API Reference, CreateStateMachine: idempotent).
fn is_same(found: &StateMachine, wanted: &StateMachine) -> bool {
    let compared = |machine: &StateMachine| {
        let StateMachine { kind, definition, role_arn, logging_configuration, tracing_configuration, .. } =
            machine.clone();
        (kind, definition, role_arn, logging_configuration, tracing_configuration)
    };
    compared(found) == compared(wanted)
}

fn described(machine: &StateMachine, arn: &str) -> Value {
    let mut answer = json!({
        "stateMachineArn": arn, "name": machine.name, "status": "ACTIVE", "definition": machine.definition,
        "roleArn": machine.role_arn, "type": machine.kind, "creationDate": seconds(machine.created_ms),
        "loggingConfiguration": machine.logging_configuration, "tracingConfiguration": machine.tracing_configuration,
    });
    set(&mut answer, "revisionId", machine.revision_id.clone());
    set(&mut answer, "encryptionConfiguration", machine.encryption_configuration.clone());
    answer
}
