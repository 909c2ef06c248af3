//! The subnet group of a database.

use std::sync::Arc;

use aws_sdk_rds::types::{DbSubnetGroup, Subnet};
use engine::step::{Answer, ChangeAction, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Environment, Nothing,
    failure::{already_exists, failure, failure_for, is_missing, name_taken},
    found_tags,
    outcome::{deleted, same_set},
    tags::{FoundTags, Tags},
};

const RESOURCE_TYPE: &str = "AWS::RDS::DBSubnetGroup";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "rds:createSubnetGroup",
        "Creates the group of subnets that the database may be in.",
        [
            "rds:DescribeDBSubnetGroups",
            "rds:ListTagsForResource",
            "rds:CreateDBSubnetGroup",
            "rds:ModifyDBSubnetGroup",
            "rds:AddTagsToResource",
        ],
        create_subnet_group
    );
    step!(
        registry,
        environment,
        "rds:deleteSubnetGroup",
        "Deletes a group of subnets for databases.",
        ["rds:DeleteDBSubnetGroup"],
        delete_subnet_group
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateSubnetGroup {
    deployment: String,
    name: String,
    description: String,
    /// In at least two Availability Zones.
    subnet_ids: Vec<String>,
}

/// A group of subnets by its name.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SubnetGroupName {
    name: String,
}

async fn create_subnet_group(
    environment: Arc<Environment>,
    context: StepContext,
    input: CreateSubnetGroup,
) -> StepResult<SubnetGroupName> {
    if let Some((group, tags)) = find(&environment, &input.name).await? {
        return found_group(&environment, &context, input, &group, &tags).await;
    }
    let created = environment
        .rds()
        .create_db_subnet_group()
        .db_subnet_group_name(&input.name)
        .db_subnet_group_description(&input.description)
        .set_subnet_ids(Some(input.subnet_ids.clone()))
        .set_tags(Some(Tags::new(&context, &input.deployment).named(&input.name).rds()))
        .send()
        .await;
    match created {
        Ok(answer) => {
            let arn = answer.db_subnet_group.and_then(|group| group.db_subnet_group_arn).unwrap_or_default();
            Ok(answered(input.name, &arn, ChangeAction::Created))
        }
        Err(error) if already_exists(&error) => match find(&environment, &input.name).await? {
            Some((group, tags)) => found_group(&environment, &context, input, &group, &tags).await,
            None => Err(failure("rds:CreateDBSubnetGroup", error)),
        },
        Err(error) => Err(failure_for(&context, &input.name, "rds:CreateDBSubnetGroup", error)),
    }
}

fn answered(name: String, arn: &str, action: ChangeAction) -> Answer<SubnetGroupName> {
    let resource_change = ResourceChange::new(action, RESOURCE_TYPE, arn).named(&name);
    Answer::with_change(SubnetGroupName { name }, resource_change)
}

/// The subnet group with this name, and its tags.
pub(super) async fn find(
    environment: &Environment,
    name: &str,
) -> Result<Option<(DbSubnetGroup, FoundTags)>, StepError> {
    let rds = environment.rds_reads();
    let group = match rds.describe_db_subnet_groups().db_subnet_group_name(name).send().await {
        Ok(answer) => answer.db_subnet_groups.unwrap_or_default().into_iter().next(),
        Err(error) if is_missing(&error) => None,
        Err(error) => return Err(failure("rds:DescribeDBSubnetGroups", error)),
    };
    let Some(group) = group else { return Ok(None) };
    let arn = group.db_subnet_group_arn().unwrap_or_default();
    match rds.list_tags_for_resource().resource_name(arn).send().await {
        Ok(answer) => {
            let tags = found_tags!(answer.tag_list());
            Ok(Some((group, tags)))
        }
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("rds:ListTagsForResource", error)),
    }
}

async fn found_group(
    environment: &Environment,
    context: &StepContext,
    input: CreateSubnetGroup,
    group: &DbSubnetGroup,
    tags: &FoundTags,
) -> StepResult<SubnetGroupName> {
    if !tags.is_ours(&input.deployment) {
        return Err(name_taken("database subnet group", &input.name, &input.deployment, tags.deployment.as_deref()));
    }
    let arn = group.db_subnet_group_arn().unwrap_or_default();
    if same_set(group.subnets().iter().filter_map(Subnet::subnet_identifier), &input.subnet_ids) {
        return Ok(answered(input.name, arn, tags.change(context, arn)));
    }
    let existing = group.subnets().iter().filter_map(Subnet::subnet_identifier).collect::<Vec<_>>().join(", ");
    environment.differs("subnetIds", existing, input.subnet_ids.join(", "));
    environment
        .rds()
        .modify_db_subnet_group()
        .db_subnet_group_name(&input.name)
        .set_subnet_ids(Some(input.subnet_ids))
        .send()
        .await
        .map_err(|error| failure_for(context, arn, "rds:ModifyDBSubnetGroup", error))?;
    Ok(answered(input.name, arn, ChangeAction::Updated))
}

async fn delete_subnet_group(
    environment: Arc<Environment>,
    context: StepContext,
    input: SubnetGroupName,
) -> StepResult<Nothing> {
    let answer = environment.rds().delete_db_subnet_group().db_subnet_group_name(&input.name).send().await;
    deleted(&context, (RESOURCE_TYPE, &input.name), "rds:DeleteDBSubnetGroup", answer)
}
