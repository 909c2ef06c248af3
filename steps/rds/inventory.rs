//! Finds the databases and subnet groups of a deployment, and the holders of their names.

use aws_sdk_rds::types::DbInstance;
use engine::step::StepError;
use serde_json::{Value, json};

use super::subnet_group;
use crate::{
    Environment,
    failure::{failure, is_missing},
    found_tags,
    service::{CheckNames, Found, FoundDatabase, Holders, NameHolder},
    tags::FoundTags,
};

pub(super) async fn find(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let mut databases = environment.rds_reads().describe_db_instances().into_paginator().items().send();
    while let Some(database) = databases.next().await {
        let database = database.map_err(|error| failure("rds:DescribeDBInstances", error))?;
        // A database that is being deleted must still be awaited.
        if found_tags!(database.tag_list()).is_ours(deployment) {
            let arn = database.db_instance_arn().unwrap_or_default();
            environment.record_found(arn, database.db_instance_identifier(), settings(&database));
            found.databases.push(FoundDatabase {
                deletion_protection: database.deletion_protection() == Some(true),
                arn: arn.to_owned(),
                identifier: database.db_instance_identifier.unwrap_or_default(),
            });
        }
    }
    subnet_groups(environment, deployment, found).await?;
    snapshots(environment, deployment, found).await
}

/// Names the final snapshots of earlier teardowns: they remain and are billed. A snapshot that a person copied or made has the deployment's
/// tags if the database had them.
async fn snapshots(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let call = environment.rds_reads().describe_db_snapshots().snapshot_type("manual");
    let mut snapshots = call.into_paginator().items().send();
    while let Some(snapshot) = snapshots.next().await {
        let snapshot = snapshot.map_err(|error| failure("rds:DescribeDBSnapshots", error))?;
        let identifier = snapshot.db_snapshot_identifier().unwrap_or_default();
        let is_final = identifier.starts_with(&format!("{}-db-final-", deployment.to_ascii_lowercase()));
        if is_final || found_tags!(snapshot.tag_list()).is_ours(deployment) {
            let gib = snapshot.allocated_storage().unwrap_or_default();
            found.stays.push(format!("database snapshot {identifier} of {gib} GiB, which is billed"));
        }
    }
    Ok(())
}

/// The settings that determine a database's price, as in the input of `rds:createDatabase`.
fn settings(database: &DbInstance) -> Value {
    json!({
        "instanceClass": database.db_instance_class(),
        "allocatedStorageGib": database.allocated_storage(),
        "storageType": database.storage_type(),
        "multiAz": database.multi_az(),
    })
}

/// Finds subnet groups. Their names start with the deployment's, because the list has no tags. RDS stores the names in
/// lower case.
async fn subnet_groups(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let rds = environment.rds_reads();
    let mut groups = rds.describe_db_subnet_groups().into_paginator().items().send();
    while let Some(group) = groups.next().await {
        let group = group.map_err(|error| failure("rds:DescribeDBSubnetGroups", error))?;
        let name = group.db_subnet_group_name.unwrap_or_default();
        if !name.starts_with(&deployment.to_ascii_lowercase()) {
            continue;
        }
        let arn = group.db_subnet_group_arn.unwrap_or_default();
        match rds.list_tags_for_resource().resource_name(arn).send().await {
            Ok(answer) if found_tags!(answer.tag_list()).is_ours(deployment) => {
                found.database_subnet_group_names.push(name);
            }
            Ok(_) => {}
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(failure("rds:ListTagsForResource", error)),
        }
    }
    Ok(())
}

pub(super) async fn check_names(
    environment: &Environment,
    names: &CheckNames,
    holders: &mut Holders,
) -> Result<(), StepError> {
    let identifier = &names.database_identifier;
    holders.add("database", identifier, NameHolder::of(database_tags(environment, identifier).await?));
    let name = &names.database_subnet_group_name;
    let group = subnet_group::find(environment, name).await?;
    holders.add("database subnet group", name, NameHolder::of(group.map(|(_, tags)| tags)));
    Ok(())
}

/// The tags of the database with this identifier, if it exists.
async fn database_tags(environment: &Environment, identifier: &str) -> Result<Option<FoundTags>, StepError> {
    match environment.rds_reads().describe_db_instances().db_instance_identifier(identifier).send().await {
        Ok(answer) => Ok(answer.db_instances().first().map(|database| found_tags!(database.tag_list()))),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("rds:DescribeDBInstances", error)),
    }
}
