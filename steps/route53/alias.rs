//! Alias records, which unlike a CNAME are allowed at a zone's apex.

use std::sync::Arc;

use aws_sdk_route53::types::{AliasTarget, ChangeAction as RecordAction, ResourceRecordSet, RrType};
use engine::step::{ChangeAction, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    normal,
    record::{ChangedRecord, apply, changed, incomplete, record_change, records_at},
    record_id,
};
use crate::{Environment, outcome::change_without_tags};

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "route53:createAlias",
        "Points a name at a load balancer.",
        ["route53:ListResourceRecordSets", "route53:ChangeResourceRecordSets"],
        create_alias
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateAlias {
    deployment: String,
    hosted_zone_id: String,
    name: String,
    /// The DNS name of the load balancer.
    dns_name: String,
    /// The hosted zone of the load balancer's DNS name.
    canonical_hosted_zone_id: String,
    /// Whether another record at that name may be replaced.
    overwrite: bool,
}

async fn create_alias(
    environment: Arc<Environment>,
    context: StepContext,
    input: CreateAlias,
) -> StepResult<ChangedRecord> {
    let records = records_at(&environment, &context, &input.hosted_zone_id, &input.name).await?;
    let in_the_way: Vec<&ResourceRecordSet> = records.iter().filter(|record| answers_for_addresses(record)).collect();
    let id = record_id(&input.name, "A");
    if in_the_way.iter().any(|record| is_as_wanted(record, &input)) {
        let change = change_without_tags(&context, &id);
        return Ok(changed(input.name, id, None, change));
    }
    if !in_the_way.is_empty() && !input.overwrite {
        let existing = in_the_way.iter().map(|record| described(record)).collect::<Vec<_>>().join("; ");
        return Err(StepError::new(
            ErrorClass::NameTaken,
            format!("{} exists already, as {existing}, and does not lead to {}", input.name, input.dns_name),
        )
        .hint("Remove the record, or allow it to be replaced."));
    }
    tracing::debug!(deployment = %input.deployment, record = %id, "pointing a name at the load balancer");
    let changes = changes(&input, &in_the_way)?;
    if !in_the_way.is_empty() {
        let existing = in_the_way.iter().map(|record| described(record)).collect::<Vec<_>>().join("; ");
        environment.differs("record", existing, format!("A alias of {}", input.dns_name));
    }
    let change = if in_the_way.is_empty() { ChangeAction::Created } else { ChangeAction::Updated };
    let change_id = apply(&environment, &context, &input.hosted_zone_id, changes).await?;
    Ok(changed(input.name, id, Some(change_id), change))
}

fn answers_for_addresses(record: &ResourceRecordSet) -> bool {
    matches!(record.r#type(), RrType::A | RrType::Aaaa | RrType::Cname)
}

fn is_as_wanted(record: &ResourceRecordSet, input: &CreateAlias) -> bool {
    leads_to(record, &input.dns_name)
}

/// Whether the record is an alias of the load balancer with this DNS name.
pub(crate) fn leads_to(record: &ResourceRecordSet, dns_name: &str) -> bool {
    let leads_there = |target: &AliasTarget| {
        let plain = |name: &str| normal(name).trim_start_matches("dualstack.").to_owned();
        plain(target.dns_name()) == plain(dns_name)
    };
    *record.r#type() == RrType::A && record.alias_target().is_some_and(leads_there)
}

/// Whether the record has addresses and does not refer to the load balancer with this DNS name, if one is given.
pub(crate) fn points_elsewhere(record: &ResourceRecordSet, balancer: Option<&str>) -> bool {
    answers_for_addresses(record) && !balancer.is_some_and(|dns_name| leads_to(record, dns_name))
}

/// The changes in one batch: the conflicting records are deleted and the alias is created, or neither.
fn changes(
    input: &CreateAlias,
    in_the_way: &[&ResourceRecordSet],
) -> Result<Vec<aws_sdk_route53::types::Change>, StepError> {
    let target = AliasTarget::builder()
        .dns_name(&input.dns_name)
        .hosted_zone_id(&input.canonical_hosted_zone_id)
        .evaluate_target_health(false)
        .build()
        .map_err(|error| incomplete(&error))?;
    let alias = ResourceRecordSet::builder().name(&input.name).r#type(RrType::A).alias_target(target).build();
    let alias = alias.map_err(|error| incomplete(&error))?;
    let mut changes = Vec::new();
    for record in in_the_way.iter().filter(|record| *record.r#type() != RrType::A) {
        changes.push(record_change(RecordAction::Delete, (*record).clone())?);
    }
    changes.push(record_change(RecordAction::Upsert, alias)?);
    Ok(changes)
}

/// The content of a record, such as `CNAME old.example.com`.
pub(crate) fn described(record: &ResourceRecordSet) -> String {
    let target = match record.alias_target() {
        Some(target) => format!("alias of {}", normal(target.dns_name())),
        None => record.resource_records().iter().map(|record| record.value()).collect::<Vec<_>>().join(", "),
    };
    format!("{} {target}", record.r#type())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use aws_sdk_route53::types::ResourceRecord;

    use super::*;

    fn input() -> CreateAlias {
        CreateAlias {
            deployment: "demo".into(),
            hosted_zone_id: "Z1".into(),
            name: "a.example.com".into(),
            dns_name: "LB-1.elb.amazonaws.com".into(),
            canonical_hosted_zone_id: "Z2".into(),
            overwrite: true,
        }
    }

    #[test]
    fn a_cname_is_replaced_in_the_same_batch_or_not_at_all() {
        let value = ResourceRecord::builder().value("old.example.com").build().unwrap();
        let cname = ResourceRecordSet::builder().name("a.example.com.").r#type(RrType::Cname).resource_records(value);
        let cname = cname.build().unwrap();
        assert_eq!(described(&cname), "CNAME old.example.com");
        let changes = changes(&input(), &[&cname]).unwrap();
        let actions: Vec<_> = changes.iter().map(|change| change.action().clone()).collect();
        assert_eq!(actions, [RecordAction::Delete, RecordAction::Upsert]);
    }

    #[test]
    fn a_record_of_the_deployments_own_does_not_stop_the_next_run() {
        let target = AliasTarget::builder().dns_name("lb-1.elb.amazonaws.com.").hosted_zone_id("Z2");
        let record = ResourceRecordSet::builder().name("a.example.com.").r#type(RrType::A);
        let record = record.alias_target(target.evaluate_target_health(false).build().unwrap()).build().unwrap();
        assert!(!points_elsewhere(&record, Some("lb-1.elb.amazonaws.com")));
        assert!(points_elsewhere(&record, Some("lb-2.elb.amazonaws.com")) && points_elsewhere(&record, None));
        let value = ResourceRecord::builder().value("\"v=spf1 -all\"").build().unwrap();
        let text = ResourceRecordSet::builder().name("a.example.com.").r#type(RrType::Txt).resource_records(value);
        assert!(!points_elsewhere(&text.build().unwrap(), None));
    }

    #[test]
    fn the_dualstack_prefix_that_the_console_adds_is_the_same_target() {
        let target = AliasTarget::builder()
            .dns_name("dualstack.lb-1.elb.amazonaws.com.")
            .hosted_zone_id("Z2")
            .evaluate_target_health(true);
        let record = ResourceRecordSet::builder().name("a.example.com.").r#type(RrType::A);
        let record = record.alias_target(target.build().unwrap()).build().unwrap();
        assert!(is_as_wanted(&record, &input()));
    }
}
