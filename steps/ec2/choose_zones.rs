//! Chooses the Availability Zones of a new deployment among those that offer what it needs.

use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_ec2::types::LocationType;
use aws_sdk_rds::types::OrderableDbInstanceOption;
use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    filter,
    zones::{Zones, available, too_few},
};
use crate::{Environment, failure::failure};

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ec2:chooseZones",
        "Chooses Availability Zones that offer the database and the bastion.",
        [
            "ec2:DescribeAvailabilityZones",
            "ec2:DescribeInstanceTypeOfferings",
            "rds:DescribeOrderableDBInstanceOptions"
        ],
        choose_zones
    );
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ChooseZones {
    /// The number of zones that are needed.
    count: usize,
    /// The zones to use; without them, the first that offer everything.
    #[serde(default)]
    availability_zones: Option<Vec<String>>,
    /// Such as `db.t4g.micro`.
    database_instance_class: String,
    /// Such as `14` or `14.12`.
    database_version: String,
    /// Such as `gp3`.
    database_storage_type: String,
    database_multi_az: bool,
    /// Such as `t3.micro`; null without a bastion.
    bastion_instance_type: Option<String>,
}

async fn choose_zones(environment: Arc<Environment>, _context: StepContext, input: ChooseZones) -> StepResult<Zones> {
    let zones = environment.ec2_reads().describe_availability_zones().send().await;
    let zones = zones.map_err(|error| failure("ec2:DescribeAvailabilityZones", error))?;
    let zones = available(zones.availability_zones());
    let database = database_zones(&environment, &input).await?;
    let bastion = match &input.bastion_instance_type {
        Some(instance_type) => Some(bastion_zones(&environment, instance_type).await?),
        None => None,
    };
    choose(&input, environment.region(), &zones, &database, bastion.as_ref()).map(|zones| Answer::done(Zones { zones }))
}

/// The zones in which RDS offers the database. Of a major version, any minor version is sufficient.
async fn database_zones(environment: &Environment, input: &ChooseZones) -> Result<BTreeSet<String>, StepError> {
    let call = environment
        .rds_reads()
        .describe_orderable_db_instance_options()
        .engine("postgres")
        .db_instance_class(&input.database_instance_class)
        .vpc(true);
    let has_minor = input.database_version.contains('.');
    let call = if has_minor { call.engine_version(&input.database_version) } else { call };
    let mut options = call.into_paginator().items().send();
    let mut zones = BTreeSet::new();
    while let Some(option) = options.next().await {
        let option = option.map_err(|error| failure("rds:DescribeOrderableDBInstanceOptions", error))?;
        if offers(&option, input) {
            zones.extend(option.availability_zones().iter().filter_map(|zone| zone.name().map(str::to_owned)));
        }
    }
    Ok(zones)
}

fn offers(option: &OrderableDbInstanceOption, input: &ChooseZones) -> bool {
    let version = option.engine_version().unwrap_or_default();
    let is_version = version == input.database_version
        || version.strip_prefix(&input.database_version).is_some_and(|minor| minor.starts_with('.'));
    is_version
        && option.storage_type() == Some(input.database_storage_type.as_str())
        && (!input.database_multi_az || option.multi_az_capable() == Some(true))
}

async fn bastion_zones(environment: &Environment, instance_type: &str) -> Result<BTreeSet<String>, StepError> {
    let call = environment.ec2_reads().describe_instance_type_offerings().location_type(LocationType::AvailabilityZone);
    let mut offerings = call.filters(filter("instance-type", instance_type)).into_paginator().items().send();
    let mut zones = BTreeSet::new();
    while let Some(offering) = offerings.next().await {
        let offering = offering.map_err(|error| failure("ec2:DescribeInstanceTypeOfferings", error))?;
        zones.extend(offering.location);
    }
    Ok(zones)
}

/// Chooses zones. The bastion is in the first zone, so only that zone must offer its type. All types that are not offered are refused at
/// once.
fn choose(
    input: &ChooseZones,
    region: &str,
    zones: &[String],
    database: &BTreeSet<String>,
    bastion: Option<&BTreeSet<String>>,
) -> Result<Vec<String>, StepError> {
    let ChooseZones { database_instance_class: class, database_version: version, count, .. } = input;
    let storage = &input.database_storage_type;
    let mut problems: Vec<(String, &str)> = Vec::new();
    let unknown = input.availability_zones.iter().flatten().filter(|zone| !zones.contains(zone));
    let unknown: Vec<&str> = unknown.map(String::as_str).collect();
    if !unknown.is_empty() {
        let (unknown, known) = (unknown.join(", "), zones.join(", "));
        let cause = format!("region {region} has no Availability Zone {unknown}: it has {known}");
        problems.push((cause, "Name zones of the region in vpc.availabilityZones."));
    }
    // With an unknown zone, the offers of all zones of the region are checked.
    let wanted = input.availability_zones.as_deref().filter(|_| unknown.is_empty()).unwrap_or(zones);
    if wanted.len() < *count {
        problems.push(too_few(region, wanted.len(), *count));
    }
    let for_database: Vec<&String> = wanted.iter().filter(|zone| database.contains(*zone)).collect();
    let needed = if input.database_multi_az { *count } else { 1 };
    if for_database.len() < needed {
        let of = if wanted.len() == zones.len() { format!("region {region}") } else { wanted.join(", ") };
        let standby = if input.database_multi_az { " with a standby" } else { "" };
        let cause = format!("RDS does not offer PostgreSQL {version} on {class} with {storage}{standby} in {of}");
        problems.push((cause, "Choose another database.instanceClass, database.version or region."));
    }
    let is_for_bastion = |zone: &&String| bastion.is_none_or(|bastion| bastion.contains(*zone));
    let first = wanted.iter().find(is_for_bastion);
    if first.is_none() {
        let instance_type = input.bastion_instance_type.as_deref().unwrap_or_default();
        let cause = format!("EC2 does not offer {instance_type} in {}", wanted.join(", "));
        problems.push((cause, "Choose another bastion.instanceType or region."));
    }
    let Some(first) = first.filter(|_| problems.is_empty()) else { return Err(refused(&problems)) };
    let mut chosen = vec![first.clone()];
    // Zones that offer the database come first: at least one of them must be chosen.
    let others = for_database.iter().copied().chain(wanted).filter(|zone| *zone != first);
    for zone in others {
        if chosen.len() < *count && !chosen.contains(zone) {
            chosen.push(zone.clone());
        }
    }
    Ok(chosen)
}

/// One error for all problems, each with a hint.
fn refused(problems: &[(String, &str)]) -> StepError {
    let causes: Vec<&str> = problems.iter().map(|(cause, _)| cause.as_str()).collect();
    let hints: Vec<&str> = problems.iter().map(|(_, hint)| *hint).collect();
    StepError::new(ErrorClass::Invalid, causes.join("; ")).hint(hints.join(" "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn input() -> ChooseZones {
        ChooseZones {
            count: 2,
            availability_zones: None,
            database_instance_class: "db.t4g.micro".into(),
            database_version: "14".into(),
            database_storage_type: "gp3".into(),
            database_multi_az: false,
            bastion_instance_type: Some("t3.micro".into()),
        }
    }

    fn set(zones: &[&str]) -> BTreeSet<String> {
        zones.iter().map(|zone| (*zone).to_owned()).collect()
    }

    #[test]
    fn zones_are_chosen_among_those_that_offer_what_is_needed() {
        let zones = ["r-1a", "r-1b", "r-1c"].map(str::to_owned);
        let choose = |input: &ChooseZones, database: &[&str], bastion: &[&str]| {
            choose(input, "r-1", &zones, &set(database), Some(&set(bastion)))
        };
        assert_eq!(choose(&input(), &["r-1a", "r-1b", "r-1c"], &["r-1a", "r-1b"]).unwrap(), ["r-1a", "r-1b"]);
        assert_eq!(choose(&input(), &["r-1c"], &["r-1b"]).unwrap(), ["r-1b", "r-1c"]);
        let own = ChooseZones { availability_zones: Some(vec!["r-1c".into(), "r-1a".into()]), ..input() };
        assert_eq!(choose(&own, &["r-1a"], &["r-1a", "r-1c"]).unwrap(), ["r-1c", "r-1a"]);
    }

    #[test]
    fn what_is_not_offered_is_refused_with_its_name() {
        let zones = ["r-1a", "r-1b"].map(str::to_owned);
        let refuse = |input: &ChooseZones, database: &[&str], bastion: &[&str]| {
            choose(input, "r-1", &zones, &set(database), Some(&set(bastion))).unwrap_err().cause
        };
        assert!(refuse(&input(), &[], &["r-1a"]).contains("PostgreSQL 14 on db.t4g.micro with gp3 in region r-1"));
        assert!(refuse(&input(), &["r-1a"], &[]).contains("EC2 does not offer t3.micro"));
        let standby = ChooseZones { database_multi_az: true, ..input() };
        assert!(refuse(&standby, &["r-1a"], &["r-1a"]).contains("with a standby"));
        let unknown = ChooseZones { availability_zones: Some(vec!["r-1a".into(), "r-9z".into()]), ..input() };
        assert!(refuse(&unknown, &["r-1a"], &["r-1a"]).contains("no Availability Zone r-9z"));
        let all = refuse(&unknown, &[], &[]);
        for part in ["no Availability Zone r-9z", "RDS does not offer PostgreSQL 14", "EC2 does not offer t3.micro"] {
            assert!(all.contains(part), "{part}: {all}");
        }
    }

    #[test]
    fn a_minor_version_of_another_major_one_is_no_match() {
        let option =
            |version: &str| OrderableDbInstanceOption::builder().engine_version(version).storage_type("gp3").build();
        assert!(offers(&option("14.12"), &input()));
        assert!(!offers(&option("140.1"), &input()));
        assert!(!offers(&option("16.1"), &input()));
    }
}
