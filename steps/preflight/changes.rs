//! Checks whether the input requires changes that an existing deployment does not support. All of them are refused at
//! once, before any change. What can be changed in place is left to the steps.

use std::sync::Arc;

use aws_sdk_ec2::types::{Filter, Instance};
use aws_sdk_rds::types::DbInstance;
use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::quotas;
use crate::{
    Environment,
    failure::{failure, is_missing},
    found_tags,
    tags::{DEPLOYMENT, sanitised},
};

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "preflight:checkChanges",
        "Checks that what the deployment has already can become what the input describes.",
        [
            "rds:DescribeDBInstances",
            "ec2:DescribeInstances",
            "ec2:DescribeVpcs",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTags",
            "servicequotas:GetServiceQuota",
        ],
        check_changes
    );
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CheckChanges {
    deployment: String,
    target_group_name: String,
    /// The VPC to use; null for one of the deployment's own or the default one.
    vpc_id: Option<String>,
    /// The addresses of a VPC of the deployment's own; null where another one is used.
    vpc_cidr: Option<String>,
    /// The bastion's name; null without a bastion.
    bastion_name: Option<String>,
    bastion_instance_type: String,
    bastion_release: String,
    /// The key pair's name.
    bastion_key_name: String,
    database_identifier: String,
    database_username: String,
    /// Such as `14` or `14.12`.
    database_version: String,
    database_allocated_storage_gib: i32,
}

#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CheckedChanges {
    /// What the input asks for and does not get, each in a sentence.
    notes: Vec<String>,
}

async fn check_changes(
    environment: Arc<Environment>,
    _context: StepContext,
    input: CheckChanges,
) -> StepResult<CheckedChanges> {
    let (mut problems, mut notes) = (Vec::new(), Vec::new());
    if let Some(database) = database(&environment, &input).await? {
        check_database(&input, &database, &mut problems, &mut notes);
    }
    if let Some(name) = &input.bastion_name
        && let Some(instance) = instance(&environment, &input.deployment, name).await?
    {
        check_bastion(&input, &instance, &mut problems);
    }
    let has_network = check_network(&environment, &input, &mut problems).await?;
    if !has_network && input.vpc_cidr.is_some() {
        quotas::check_vpcs(&environment, &mut problems, &mut notes).await?;
    }
    if problems.is_empty() {
        return Ok(Answer::done(CheckedChanges { notes }));
    }
    Err(StepError::new(ErrorClass::Invalid, problems.join("; ")))
}

async fn database(environment: &Environment, input: &CheckChanges) -> Result<Option<DbInstance>, StepError> {
    let call = environment.rds_reads().describe_db_instances().db_instance_identifier(&input.database_identifier);
    match call.send().await {
        Ok(answer) => {
            let found = answer.db_instances.unwrap_or_default().into_iter().next();
            Ok(found.filter(|database| found_tags!(database.tag_list()).is_ours(&input.deployment)))
        }
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("rds:DescribeDBInstances", error)),
    }
}

fn check_database(input: &CheckChanges, database: &DbInstance, problems: &mut Vec<String>, notes: &mut Vec<String>) {
    let username = database.master_username().unwrap_or(&input.database_username);
    if username != input.database_username {
        problems.push(format!(
            "database.username is {} in the input, and the database was created for {username}: RDS cannot rename the master user. \
             Set the input back; create other users with SQL",
            input.database_username
        ));
    }
    let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
    let version = database.engine_version().unwrap_or(&input.database_version);
    if major(version) != major(&input.database_version) {
        problems.push(format!(
            "database.version is {} in the input, and the database runs {version}: a major upgrade needs a plan of its own. Make it \
             in RDS, then set the version in the input",
            input.database_version
        ));
    }
    let (wanted_gib, there_gib) = (
        input.database_allocated_storage_gib,
        database.allocated_storage().unwrap_or(input.database_allocated_storage_gib),
    );
    // Amazon RDS API Reference, ModifyDBInstance, AllocatedStorage: the new value must be at least 10 % greater.
    let least_gib = there_gib.saturating_add(there_gib.saturating_add(9) / 10);
    if wanted_gib > there_gib && wanted_gib < least_gib {
        problems.push(format!(
            "database.allocatedStorageGib is {wanted_gib} in the input, and the database has {there_gib} GiB: RDS grows storage by at \
             least 10 %. Give {least_gib} or more, or {there_gib}"
        ));
    } else if wanted_gib < there_gib {
        notes.push(format!(
            "The database has {there_gib} GiB, more than database.allocatedStorageGib ({wanted_gib}): storage never shrinks."
        ));
    }
}

async fn instance(environment: &Environment, deployment: &str, name: &str) -> Result<Option<Instance>, StepError> {
    let filter = |name: &str, values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Filter::builder().name(name).set_values(Some(values)).build()
    };
    let found = environment
        .ec2_reads()
        .describe_instances()
        .filters(filter(&format!("tag:{DEPLOYMENT}"), &[&sanitised(deployment)]))
        .filters(filter("tag:Name", &[&sanitised(name)]))
        .filters(filter("instance-state-name", &["pending", "running", "stopping", "stopped"]))
        .send()
        .await
        .map_err(|error| failure("ec2:DescribeInstances", error))?;
    let found = found.reservations.unwrap_or_default();
    Ok(found.into_iter().flat_map(|reservation| reservation.instances.unwrap_or_default()).next())
}

fn check_bastion(input: &CheckChanges, instance: &Instance, problems: &mut Vec<String>) {
    let id = instance.instance_id().unwrap_or("the bastion");
    let replace = "The instance is replaced by a run with bastion.enabled: false and another one with it true";
    let mut differs = |field: &str, wanted: &str, there: Option<&str>| {
        if let Some(there) = there.filter(|there| *there != wanted) {
            problems.push(format!("{field} is {wanted} in the input, and {id} was created with {there}. {replace}"));
        }
    };
    let instance_type = instance.instance_type().map(|kind| kind.as_str());
    differs("bastion.instanceType", &input.bastion_instance_type, instance_type);
    let tags = found_tags!(instance.tags());
    differs("bastion.ubuntuRelease", &input.bastion_release, tags.release.as_deref());
    differs("bastion.keyPair", &input.bastion_key_name, instance.key_name());
}

/// Compares the network of the deployment with the input. Returns whether it has one.
async fn check_network(
    environment: &Environment,
    input: &CheckChanges,
    problems: &mut Vec<String>,
) -> Result<bool, StepError> {
    let Some(there) = vpc_of_deployment(environment, input).await? else { return Ok(false) };
    let found = environment.ec2_reads().describe_vpcs().vpc_ids(&there).send().await;
    let found = match found {
        Ok(found) => found,
        Err(error) if is_missing(&error) => return Ok(false),
        Err(error) => return Err(failure("ec2:DescribeVpcs", error)),
    };
    let Some(vpc) = found.vpcs().first() else { return Ok(false) };
    let is_own = found_tags!(vpc.tags()).is_ours(&input.deployment);
    let stay = "A deployment cannot move: set the input back, or tear it down first";
    match (&input.vpc_id, &input.vpc_cidr) {
        (Some(wanted), _) if *wanted != there => {
            problems.push(format!("vpc.id is {wanted} in the input, and the deployment is in {there}. {stay}"));
        }
        (None, None) if vpc.is_default() != Some(true) => {
            problems.push(format!("vpc.mode is default in the input, and the deployment is in {there}. {stay}"));
        }
        (None, Some(_)) if !is_own => {
            problems.push(format!("vpc.mode is new in the input, and the deployment is in {there}. {stay}"));
        }
        (None, Some(cidr)) if vpc.cidr_block().is_some_and(|there| there != cidr) => {
            let there = vpc.cidr_block().unwrap_or_default();
            problems.push(format!("vpc.cidr is {cidr} in the input, and the VPC has {there}. {stay}"));
        }
        _ => {}
    }
    Ok(true)
}

/// The VPC of the deployment's target group, or the deployment's own VPC if a run did not reach the target group.
async fn vpc_of_deployment(environment: &Environment, input: &CheckChanges) -> Result<Option<String>, StepError> {
    let elbv2 = environment.elbv2_reads();
    let group = match elbv2.describe_target_groups().names(&input.target_group_name).send().await {
        Ok(answer) => answer.target_groups.unwrap_or_default().into_iter().next(),
        Err(error) if is_missing(&error) => None,
        Err(error) => return Err(failure("elasticloadbalancing:DescribeTargetGroups", error)),
    };
    if let Some((arn, vpc_id)) = group.and_then(|group| Some((group.target_group_arn?, group.vpc_id?))) {
        let tags = elbv2.describe_tags().resource_arns(arn).send().await;
        let tags = tags.map_err(|error| failure("elasticloadbalancing:DescribeTags", error))?;
        let ours = tags.tag_descriptions().iter().any(|found| found_tags!(found.tags()).is_ours(&input.deployment));
        return Ok(ours.then_some(vpc_id));
    }
    let tagged = Filter::builder().name(format!("tag:{DEPLOYMENT}")).values(sanitised(&input.deployment)).build();
    let found = environment.ec2_reads().describe_vpcs().filters(tagged).send().await;
    let found = found.map_err(|error| failure("ec2:DescribeVpcs", error))?;
    Ok(found.vpcs().first().and_then(|vpc| vpc.vpc_id().map(str::to_owned)))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{InstanceType, Tag};

    use super::*;

    fn input() -> CheckChanges {
        CheckChanges {
            deployment: "demo".into(),
            target_group_name: "demo-app".into(),
            vpc_id: None,
            vpc_cidr: Some("10.100.0.0/16".into()),
            bastion_name: Some("demo-bastion".into()),
            bastion_instance_type: "t3.micro".into(),
            bastion_release: "24.04".into(),
            bastion_key_name: "demo-bastion".into(),
            database_identifier: "demo-db".into(),
            database_username: "postgres".into(),
            database_version: "14".into(),
            database_allocated_storage_gib: 20,
        }
    }

    fn problems_of(database: &DbInstance, input: &CheckChanges) -> (Vec<String>, Vec<String>) {
        let (mut problems, mut notes) = (Vec::new(), Vec::new());
        check_database(input, database, &mut problems, &mut notes);
        (problems, notes)
    }

    #[test]
    fn what_rds_cannot_change_is_refused_all_at_once_and_not_ignored() {
        let database = DbInstance::builder().master_username("postgres").engine_version("14.12").allocated_storage(20);
        let database = database.build();
        assert_eq!(problems_of(&database, &input()), (vec![], vec![]));
        let changed = CheckChanges {
            database_username: "admin2".into(),
            database_version: "16".into(),
            database_allocated_storage_gib: 21,
            ..input()
        };
        let (problems, _) = problems_of(&database, &changed);
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[2].contains("Give 22 or more"), "{problems:?}");
        let smaller = DbInstance::builder().allocated_storage(40).build();
        assert_eq!(problems_of(&smaller, &input()).1.len(), 1);
        assert_eq!(problems_of(&database, &CheckChanges { database_allocated_storage_gib: 22, ..input() }).0.len(), 0);
    }

    #[test]
    fn another_kind_of_bastion_is_refused_and_says_how_to_replace_it() {
        let release = Tag::builder().key("flow:ubuntu-release").value("22.04").build();
        let instance = Instance::builder().instance_id("i-1").instance_type(InstanceType::T3Micro).tags(release);
        let instance = instance.key_name("demo-bastion").build();
        let mut problems = Vec::new();
        check_bastion(&input(), &instance, &mut problems);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("bastion.ubuntuRelease is 24.04") && problems[0].contains("enabled: false"));
        let larger =
            CheckChanges { bastion_instance_type: "t3.small".into(), bastion_release: "22.04".into(), ..input() };
        let mut problems = Vec::new();
        check_bastion(&larger, &instance, &mut problems);
        assert!(problems.len() == 1 && problems[0].contains("i-1 was created with t3.micro"), "{problems:?}");
    }
}
