//! Records.

use std::sync::Arc;

use aws_sdk_route53::types::{
    Change as RecordChange, ChangeAction as RecordAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};
use engine::step::{Answer, ChangeAction, ErrorClass, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{RESOURCE_TYPE, normal, record_id};
use crate::{
    Environment, Nothing,
    failure::failure_for,
    outcome::{change_without_tags, deleted, gone_already, nothing_to_do},
    planned::is_unknown,
};

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "route53:upsertRecord",
        "Creates or updates a record.",
        ["route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets"],
        upsert_record
    );
    step!(
        registry,
        environment,
        "route53:deleteRecord",
        "Deletes a record.",
        ["route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets"],
        delete_record
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpsertRecord {
    deployment: String,
    hosted_zone_id: String,
    name: String,
    /// Such as `CNAME`.
    #[serde(rename = "type")]
    kind: String,
    value: String,
    ttl_seconds: i64,
}

/// A record that was changed, or existed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangedRecord {
    pub(super) name: String,
    /// The name of the record in the list of created resources.
    pub(super) record_id: String,
    /// The change to wait for; null if nothing had to be changed.
    pub(super) change_id: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RecordName {
    hosted_zone_id: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

async fn upsert_record(
    environment: Arc<Environment>,
    context: StepContext,
    input: UpsertRecord,
) -> StepResult<ChangedRecord> {
    let kind = RrType::from(input.kind.as_str());
    let records = records_at(&environment, &context, &input.hosted_zone_id, &input.name).await?;
    let existing = records.iter().find(|record| *record.r#type() == kind);
    let id = record_id(&input.name, &input.kind);
    if existing.is_some_and(|record| is_as_wanted(record, &input)) {
        let change = change_without_tags(&context, &id);
        return Ok(changed(input.name, id, None, change));
    }
    tracing::debug!(deployment = %input.deployment, record = %id, "changing a record");
    let change = if existing.is_some() { ChangeAction::Updated } else { ChangeAction::Created };
    let value = ResourceRecord::builder().value(&input.value).build().map_err(|error| incomplete(&error))?;
    let wanted = ResourceRecordSet::builder()
        .name(&input.name)
        .r#type(kind)
        .ttl(input.ttl_seconds)
        .resource_records(value)
        .build()
        .map_err(|error| incomplete(&error))?;
    if let Some(record) = existing {
        environment.differs("record", super::described(record), format!("{} {}", input.kind, input.value));
    }
    let changes = vec![record_change(RecordAction::Upsert, wanted)?];
    let change_id = apply(&environment, &context, &input.hosted_zone_id, changes).await?;
    Ok(changed(input.name, id, Some(change_id), change))
}

pub(super) fn changed(
    name: String,
    record_id: String,
    change_id: Option<String>,
    change: ChangeAction,
) -> Answer<ChangedRecord> {
    let resource_change = ResourceChange::new(change, RESOURCE_TYPE, &record_id);
    Answer::with_change(ChangedRecord { name, record_id, change_id }, resource_change)
}

fn is_as_wanted(record: &ResourceRecordSet, input: &UpsertRecord) -> bool {
    let values: Vec<String> = record.resource_records().iter().map(|record| normal(record.value())).collect();
    record.alias_target().is_none() && values == [normal(&input.value)] && record.ttl() == Some(input.ttl_seconds)
}

/// Every record set with exactly that name.
pub(crate) async fn records_at(
    environment: &Environment,
    context: &StepContext,
    hosted_zone_id: &str,
    name: &str,
) -> Result<Vec<ResourceRecordSet>, StepError> {
    if is_unknown(name) {
        return Ok(Vec::new());
    }
    let answer = environment
        .route53_reads()
        .list_resource_record_sets()
        .hosted_zone_id(hosted_zone_id)
        .start_record_name(name)
        .send()
        .await
        .map_err(|error| failure_for(context, hosted_zone_id, "route53:ListResourceRecordSets", error))?;
    // The list starts at the name and continues with later ones.
    Ok(answer.resource_record_sets.into_iter().filter(|record| normal(record.name()) == normal(name)).collect())
}

pub(super) fn record_change(action: RecordAction, record: ResourceRecordSet) -> Result<RecordChange, StepError> {
    let change = RecordChange::builder().action(action).resource_record_set(record).build();
    change.map_err(|error| incomplete(&error))
}

pub(super) fn incomplete(error: &dyn std::error::Error) -> StepError {
    StepError::new(ErrorClass::Invalid, format!("the record is incomplete: {error}"))
}

/// Makes all changes in one call and returns the change's id.
pub(super) async fn apply(
    environment: &Environment,
    context: &StepContext,
    hosted_zone_id: &str,
    changes: Vec<RecordChange>,
) -> Result<String, StepError> {
    let comment = format!("flow: {}", context.execution);
    let batch = ChangeBatch::builder().comment(comment).set_changes(Some(changes)).build();
    let answer = environment
        .route53()
        .change_resource_record_sets()
        .hosted_zone_id(hosted_zone_id)
        .change_batch(batch.map_err(|error| incomplete(&error))?)
        .send()
        .await
        .map_err(|error| failure_for(context, hosted_zone_id, "route53:ChangeResourceRecordSets", error))?;
    let id = answer.change_info.map(|change| change.id).unwrap_or_default();
    Ok(id.trim_start_matches("/change/").to_owned())
}

async fn delete_record(environment: Arc<Environment>, context: StepContext, input: RecordName) -> StepResult<Nothing> {
    let records = match records_at(&environment, &context, &input.hosted_zone_id, &input.name).await {
        Ok(records) => records,
        Err(error) if error.class == ErrorClass::NotFound => return nothing_to_do(),
        Err(error) => return Err(error),
    };
    let id = record_id(&input.name, &input.kind);
    let existing = records.into_iter().find(|record| record.r#type().as_str() == input.kind);
    let Some(record) = existing else { return gone_already(&context, RESOURCE_TYPE, &id) };
    // Route 53 deletes a record only if its complete description matches.
    let batch = ChangeBatch::builder().changes(record_change(RecordAction::Delete, record)?).build();
    let call = environment.route53().change_resource_record_sets().hosted_zone_id(&input.hosted_zone_id);
    let answer = call.change_batch(batch.map_err(|error| incomplete(&error))?).send().await;
    deleted(&context, (RESOURCE_TYPE, &id), "route53:ChangeResourceRecordSets", answer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_final_dot_or_a_capital_letter_is_no_reason_to_change_a_record() {
        let value = ResourceRecord::builder().value("_Y.acm-validations.aws.").build().unwrap();
        let record = ResourceRecordSet::builder().name("_x.").r#type(RrType::Cname).ttl(300).resource_records(value);
        let record = record.build().unwrap();
        let mut input = UpsertRecord {
            deployment: "demo".into(),
            hosted_zone_id: "Z".into(),
            name: "_x".into(),
            kind: "CNAME".into(),
            value: "_y.acm-validations.aws".into(),
            ttl_seconds: 300,
        };
        assert!(is_as_wanted(&record, &input));
        input.ttl_seconds = 60;
        assert!(!is_as_wanted(&record, &input));
    }
}
