//! Versions of state machines: numbered and immutable.

use std::sync::Arc;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::json;

use crate::{
    Answer, Api, Fault, arn, paging,
    records::{self, Alias, StateMachineRecord, Version, seconds, set},
    request::Page,
};

/// The most versions of a state machine (API Reference, PublishStateMachineVersion).
const VERSIONS_MAX: u64 = 1_000;

/// A request of PublishStateMachineVersion.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PublishVersionRequest {
    state_machine_arn: String,
    #[serde(default)]
    revision_id: Option<String>,
    #[serde(default)]
    description: Option<String>,
}

/// A request of DeleteStateMachineVersion.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeleteVersionRequest {
    state_machine_version_arn: String,
}

/// A request of ListStateMachineVersions or ListStateMachineAliases.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListVersionsRequest {
    pub state_machine_arn: String,
    #[serde(flatten)]
    pub page: Page,
}

impl Api {
    pub(crate) async fn publish_version(&self, request: PublishVersionRequest) -> Answer {
        let name = arn::state_machine(&request.state_machine_arn)?;
        let _changing = self.changing.lock().await;
        let machine = self.lasting_machine(&name)?;
        // The first revision has no id; AWS calls it INITIAL.
        let revision = machine.revision_id.as_deref().unwrap_or("INITIAL");
        if request.revision_id.as_deref().is_some_and(|wanted| wanted != revision) {
            let wanted = request.revision_id.unwrap_or_default();
            let message = format!(
                "Failed to publish the State Machine version for revision {wanted}. \
                 The current State Machine revision is {revision}."
            );
            return Err(Fault::new("ConflictException", message));
        }
        let version = self.publish(Arc::unwrap_or_clone(machine), request.description)?;
        let arn = self.qualified_arn(&name, &version.number.to_string());
        Ok(json!({ "stateMachineVersionArn": arn, "creationDate": seconds(version.created_ms) }))
    }

    /// Publishes the state machine as a version, unless its last version has the same revision. A different description
    /// does not matter then (API Reference, PublishStateMachineVersion: idempotent).
    pub(crate) fn publish(
        &self,
        mut machine: StateMachineRecord,
        description: Option<String>,
    ) -> Result<Version, Fault> {
        let store = self.runner.store();
        let last: Option<Version> = store.document(&records::version_key(&machine.name, machine.last_version))?;
        if let Some(last) = last.filter(|last| last.machine.revision_id == machine.revision_id) {
            return Ok(last);
        }
        self.has_room_for_version(&machine)?;
        machine.last_version += 1;
        let number = machine.last_version;
        let version = Version { number, description, created_ms: self.now_ms(), machine: machine.clone() };
        let mut changes = engine::store::DocumentChanges::default();
        changes.put(&records::machine_key(&machine.name), &machine)?;
        changes.put(&records::version_key(&machine.name, number), &version)?;
        store.change_documents(changes)?;
        Ok(version)
    }

    /// Refuses a version beyond the limit.
    pub(crate) fn has_room_for_version(&self, machine: &StateMachineRecord) -> Result<(), Fault> {
        // Fewer versions than the limit were ever published, so counting is not needed.
        if machine.last_version < VERSIONS_MAX {
            return Ok(());
        }
        let prefix = records::versions_prefix(&machine.name);
        let versions = self.runner.store().documents::<IgnoredAny>(&prefix, None, usize::MAX)?;
        if (versions.len() as u64) < VERSIONS_MAX {
            return Ok(());
        }
        let message = format!("A state machine has at most {VERSIONS_MAX} versions: delete those that are not used");
        Err(Fault::new("ServiceQuotaExceededException", message))
    }

    pub(crate) async fn delete_version(&self, request: DeleteVersionRequest) -> Answer {
        let arn = request.state_machine_version_arn;
        let (name, qualifier) = arn::qualified(&arn)?;
        let number = qualifier.parse().map_err(|_| Fault::new("InvalidArn", format!("Invalid Arn: '{arn}'")))?;
        let _changing = self.changing.lock().await;
        let aliases = self.runner.store().documents::<Alias>(&records::aliases_prefix(&name), None, usize::MAX)?;
        let routed =
            |alias: &Alias| alias.routing_configuration.iter().any(|route| route.state_machine_version_arn == arn);
        let routed: Vec<&str> =
            aliases.iter().filter(|(_, alias)| routed(alias)).map(|(_, alias)| alias.name.as_str()).collect();
        if !routed.is_empty() {
            let message = format!(
                "Version to be deleted must not be referenced by an alias. \
                 Current list of aliases referencing this version: [{}]",
                routed.join(", ")
            );
            return Err(Fault::new("ConflictException", message));
        }
        self.delete(&[records::version_key(&name, number)])?;
        Ok(json!({}))
    }

    pub(crate) fn list_versions(&self, request: &ListVersionsRequest) -> Answer {
        let name = arn::state_machine(&request.state_machine_arn)?;
        let (store, size) = (self.runner.store(), request.page.size());
        let last = self.machine_if_any(&name)?.map_or(0, |machine| machine.last_version);
        let before = request.page.after()?.map(|key| number(&key)).transpose()?;
        let mut before = before.unwrap_or(u64::MAX).min(last.saturating_add(1));
        let mut listed: Vec<Version> = Vec::new();
        // Numbers are consecutive, so the preceding versions are read by key, skipping deleted ones.
        while listed.len() <= size && before > 1 {
            let wanted = size + 1 - listed.len();
            let from = before.saturating_sub(wanted as u64).max(1);
            let after = records::version_key(&name, from - 1);
            let found = store.documents::<Version>(&records::versions_prefix(&name), Some(&after), wanted)?;
            let found = found.into_iter().rev().map(|(_, version)| version);
            listed.extend(found.filter(|version| version.number < before));
            before = from;
        }
        let more = listed.len() > size;
        listed.truncate(size);
        let next = listed.last().filter(|_| more).map(|last| paging::token(&paging::newest_first(last.number, "")));
        let shown = listed.iter().map(|version| {
            let arn = self.qualified_arn(&name, &version.number.to_string());
            json!({ "stateMachineVersionArn": arn, "creationDate": seconds(version.created_ms) })
        });
        let mut answer = json!({ "stateMachineVersions": shown.collect::<Vec<_>>() });
        set(&mut answer, "nextToken", next);
        Ok(answer)
    }
}

/// The version number in a token.
fn number(key: &str) -> Result<u64, Fault> {
    paging::of_newest_first(key).map(|(number, _)| number).ok_or_else(Fault::invalid_token)
}
