//! State machines: CreateStateMachine, UpdateStateMachine, DescribeStateMachine, ListStateMachines.

pub(crate) mod settings;

use std::sync::Arc;

use engine::store::DocumentChanges;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Answer, Api, Fault, arn, definition, paging,
    records::{self, Creation, StateMachineRecord, StateMachineType, Version, machine_key, seconds, set},
    request::{IncludedData, Page, checked_name, checked_role},
    tags::{self, Tag},
    uuid::new_uuid,
    variables,
};

/// A request of CreateStateMachine.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateStateMachineRequest {
    name: String,
    definition: String,
    role_arn: String,
    #[serde(default, rename = "type")]
    kind: StateMachineType,
    #[serde(flatten)]
    settings: settings::Given,
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
pub(crate) struct UpdateStateMachineRequest {
    state_machine_arn: String,
    #[serde(default)]
    definition: Option<String>,
    #[serde(default)]
    role_arn: Option<String>,
    #[serde(flatten)]
    settings: settings::Given,
    #[serde(default)]
    publish: bool,
    #[serde(default)]
    version_description: Option<String>,
}

/// A request that names a state machine, a version or an alias.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StateMachineRequest {
    state_machine_arn: String,
    #[serde(default)]
    included_data: IncludedData,
}

impl StateMachineRequest {
    pub fn arn(&self) -> &str {
        &self.state_machine_arn
    }
}

/// The state machine, and the version or alias, that an ARN refers to.
pub(crate) struct Resolved {
    pub machine: Arc<StateMachineRecord>,
    pub version: Option<u64>,
    pub alias: Option<String>,
}

impl Api {
    pub(crate) async fn create_state_machine(&self, request: CreateStateMachineRequest) -> Answer {
        checked_publishing(request.publish, request.version_description.as_deref())?;
        checked_name(&request.name)?;
        checked_role(&request.role_arn)?;
        let settings = request.settings.over(settings::initial())?;
        definition::runnable(&request.definition, request.kind)?;
        let _changing = self.changing.lock().await;
        let arn = self.state_machine_arn(&request.name);
        let now = self.now_ms();
        let wanted = StateMachineRecord {
            name: request.name,
            kind: request.kind,
            definition: request.definition,
            role_arn: request.role_arn,
            settings,
            creation: Creation { publish: request.publish, version_description: request.version_description.clone() },
            created_ms: now,
            updated_ms: now,
            revision_id: None,
            last_version: 0,
            of_workflow: false,
            deleting: false,
        };
        let found = self.machine_if_any(&wanted.name)?;
        let machine = match found {
            Some(found) if found.deleting => return Err(self.deleting(&found.name)),
            Some(found) if is_same(&found, &wanted) => Arc::unwrap_or_clone(found),
            Some(_) => {
                let message = format!("State Machine Already Exists: '{arn}'");
                return Err(Fault::new("StateMachineAlreadyExists", message));
            }
            None => {
                let mut changes = DocumentChanges::default();
                changes.put(&machine_key(&wanted.name), &wanted)?;
                changes.put(&records::tags_key(&arn), &tags::collected(request.tags)?)?;
                self.runner.store().change_documents(changes)?;
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

    pub(crate) async fn update_state_machine(&self, request: UpdateStateMachineRequest) -> Answer {
        let name = arn::state_machine(&request.state_machine_arn)?;
        if request.definition.is_none() && request.role_arn.is_none() && request.settings.is_empty() {
            let message = "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration \
                           must be specified";
            return Err(Fault::new("MissingRequiredParameter", message));
        }
        checked_publishing(request.publish, request.version_description.as_deref())?;
        let _changing = self.changing.lock().await;
        let earlier = self.lasting_machine(&name)?;
        let mut machine = (*earlier).clone();
        if let Some(definition) = request.definition {
            definition::runnable(&definition, machine.kind)?;
            machine.definition = definition;
        }
        if let Some(role_arn) = request.role_arn {
            checked_role(&role_arn)?;
            machine.role_arn = role_arn;
        }
        machine.settings = request.settings.over(machine.settings)?;
        let now = self.now_ms();
        // An update that changes nothing creates no revision.
        if machine != *earlier {
            // Checked first: a refused update must change nothing.
            if request.publish {
                self.has_room_for_version(&machine)?;
            }
            machine.updated_ms = now;
            machine.revision_id = Some(new_uuid());
            self.put(&machine_key(&name), &machine)?;
        }
        let mut answer = json!({ "updateDate": seconds(now) });
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

    pub(crate) fn describe_state_machine(&self, request: &StateMachineRequest) -> Answer {
        let arn = &request.state_machine_arn;
        let missing = || Fault::no_state_machine_with(arn);
        match arn::parse(arn)? {
            arn::Resource::StateMachine { name, qualifier: None } => {
                Ok(described(&*self.machine(&name)?, &self.state_machine_arn(&name), request.included_data))
            }
            arn::Resource::StateMachine { name, qualifier: Some(qualifier) } => {
                let version = self.version(&name, qualifier.parse().map_err(|_| missing())?)?;
                let mut answer = described(&version.machine, &self.version_arn(&version), request.included_data);
                answer["creationDate"] = seconds(version.created_ms);
                set(&mut answer, "description", version.description);
                Ok(answer)
            }
            _ => Err(arn::wrong_kind(arn)),
        }
    }

    /// Lists state machines by name, in the order of AWS.
    pub(crate) fn list_state_machines(&self, page: &Page) -> Answer {
        paging::documents(self.runner.store(), ("stateMachines", "machine/"), page, |machine: StateMachineRecord| {
            let is_gone = !self.complete_deletions([&machine])?.is_empty();
            Ok((!is_gone).then(|| {
                json!({
                    "stateMachineArn": self.state_machine_arn(&machine.name), "name": machine.name, "type": machine.kind,
                    "creationDate": seconds(machine.created_ms),
                })
            }))
        })
    }

    /// Resolves the ARN of a start to the definition that it runs.
    pub(crate) fn resolve(&self, arn: &str) -> Result<Resolved, Fault> {
        let arn::Resource::StateMachine { name, qualifier } = arn::parse(arn)? else {
            return Err(arn::wrong_kind(arn));
        };
        let Some(qualifier) = qualifier else {
            return Ok(Resolved { machine: self.lasting_machine(&name)?, version: None, alias: None });
        };
        if let Ok(number) = qualifier.parse() {
            let version = self.version(&name, number)?;
            return Ok(Resolved { machine: Arc::new(version.machine), version: Some(number), alias: None });
        }
        let missing = |_| Fault::no_state_machine_with(arn);
        let alias = self.alias(&name, &qualifier).map_err(missing)?;
        let number = self.routed(&alias)?;
        let version = self.version(&name, number)?;
        Ok(Resolved { machine: Arc::new(version.machine), version: Some(number), alias: Some(qualifier) })
    }
}

fn checked_publishing(publish: bool, description: Option<&str>) -> Result<(), Fault> {
    if description.is_some() && !publish {
        return Err(Fault::validation("Version description can only be set when publish is true"));
    }
    Ok(())
}

/// Whether a create request repeats the one that created the state machine. The role and the tags do not matter (API
/// Reference, CreateStateMachine: idempotent).
fn is_same(found: &StateMachineRecord, wanted: &StateMachineRecord) -> bool {
    found.kind == wanted.kind
        && found.definition == wanted.definition
        && found.settings == wanted.settings
        && found.creation == wanted.creation
}

fn described(machine: &StateMachineRecord, arn: &str, included: IncludedData) -> Value {
    let definition = if included == IncludedData::AllData { machine.definition.as_str() } else { "{}" };
    let status = if machine.deleting { "DELETING" } else { "ACTIVE" };
    let mut answer = json!({
        "stateMachineArn": arn, "name": machine.name, "status": status, "definition": definition,
        "roleArn": machine.role_arn, "type": machine.kind, "creationDate": seconds(machine.created_ms),
    });
    settings::add_to(&machine.settings, &mut answer);
    variables::add_to(definition, &mut answer);
    set(&mut answer, "revisionId", machine.revision_id.clone());
    answer
}
