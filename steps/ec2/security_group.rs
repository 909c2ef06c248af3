//! Security groups.

use std::sync::Arc;

use aws_sdk_ec2::{
    error::SdkError,
    operation::describe_security_groups::DescribeSecurityGroupsError,
    types::{ResourceType, SecurityGroup},
};
use engine::step::{Answer, ChangeAction, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{filter, gone, gone_already, holders};
use crate::{
    Environment, Nothing,
    failure::{already_exists, failure, failure_for, is_missing, name_taken},
    found_tags,
    outcome::{earlier_call_may_be_listed, taken_but_not_listed},
    tags::Tags,
};

const RESOURCE_TYPE: &str = "AWS::EC2::SecurityGroup";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ec2:createSecurityGroup",
        "Creates a security group without rules for incoming traffic.",
        ["ec2:DescribeSecurityGroups", "ec2:CreateSecurityGroup", "ec2:CreateTags"],
        create_security_group
    );
    step!(
        registry,
        environment,
        "ec2:deleteSecurityGroup",
        "Deletes a security group.",
        ["ec2:DeleteSecurityGroup"],
        delete_security_group
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateSecurityGroup {
    deployment: String,
    vpc_id: String,
    /// The name, unique within the VPC.
    name: String,
    description: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CreatedSecurityGroup {
    group_id: String,
    name: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GroupId {
    group_id: String,
}

async fn create_security_group(
    environment: Arc<Environment>,
    context: StepContext,
    input: CreateSecurityGroup,
) -> StepResult<CreatedSecurityGroup> {
    if let Some(group) = find(&environment, &context, &input).await? {
        return found_group(&context, input, &group);
    }
    if let Some(answer) = earlier_call_may_be_listed(&context) {
        return Ok(answer);
    }
    let tags = Tags::new(&context, &input.deployment).named(&input.name);
    let answer = environment
        .ec2()
        .create_security_group()
        .vpc_id(&input.vpc_id)
        .group_name(&input.name)
        .description(&input.description)
        .tag_specifications(tags.ec2_specification(ResourceType::SecurityGroup))
        .send()
        .await;
    match answer {
        Ok(answer) => {
            let group_id = answer.group_id.unwrap_or_default();
            let resource_change =
                ResourceChange::new(ChangeAction::Created, RESOURCE_TYPE, &group_id).named(&input.name);
            Ok(Answer::with_change(CreatedSecurityGroup { group_id, name: input.name }, resource_change))
        }
        // The name is unique within the VPC, so the existing group belongs to this deployment or to someone else.
        Err(error) if already_exists(&error) => match find(&environment, &context, &input).await? {
            Some(group) => found_group(&context, input, &group),
            None => Err(taken_but_not_listed(failure("ec2:CreateSecurityGroup", error))),
        },
        Err(error) => Err(failure_for(&context, &input.vpc_id, "ec2:CreateSecurityGroup", error)),
    }
}

async fn find(
    environment: &Environment,
    context: &StepContext,
    input: &CreateSecurityGroup,
) -> Result<Option<SecurityGroup>, StepError> {
    named(environment, &input.vpc_id, &input.name)
        .await
        .map_err(|error| failure_for(context, &input.vpc_id, "ec2:DescribeSecurityGroups", error))
}

/// The security group with this name, which is unique within a VPC.
pub(super) async fn named(
    environment: &Environment,
    vpc_id: &str,
    name: &str,
) -> Result<Option<SecurityGroup>, SdkError<DescribeSecurityGroupsError>> {
    let found = environment
        .ec2_reads()
        .describe_security_groups()
        .filters(filter("vpc-id", vpc_id))
        .filters(filter("group-name", name))
        .send()
        .await?;
    Ok(found.security_groups.unwrap_or_default().into_iter().next())
}

fn found_group(
    context: &StepContext,
    input: CreateSecurityGroup,
    group: &SecurityGroup,
) -> StepResult<CreatedSecurityGroup> {
    let group_id = group.group_id().unwrap_or_default().to_owned();
    let tags = found_tags!(group.tags());
    if !tags.is_ours(&input.deployment) {
        let what = format!("{} ({group_id}) in {}", input.name, input.vpc_id);
        return Err(name_taken("security group", &what, &input.deployment, tags.deployment.as_deref()));
    }
    let resource_change =
        ResourceChange::new(tags.change(context, &group_id), RESOURCE_TYPE, &group_id).named(&input.name);
    Ok(Answer::with_change(CreatedSecurityGroup { group_id, name: input.name }, resource_change))
}

async fn delete_security_group(
    environment: Arc<Environment>,
    context: StepContext,
    input: GroupId,
) -> StepResult<Nothing> {
    match environment.ec2().delete_security_group().group_id(&input.group_id).send().await {
        Ok(_) => gone(RESOURCE_TYPE, &input.group_id),
        Err(error) if is_missing(&error) => gone_already(&context, RESOURCE_TYPE, &input.group_id),
        Err(error) => {
            let failure = failure("ec2:DeleteSecurityGroup", error);
            Err(holders::explain_group(&environment, failure, &input.group_id).await)
        }
    }
}
