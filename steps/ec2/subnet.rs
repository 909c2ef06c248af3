//! Creates and deletes subnets.

use std::sync::Arc;

use aws_sdk_ec2::types::{ResourceType, Subnet, SubnetState};
use engine::step::{Answer, ChangeAction, ErrorClass, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{TYPICAL_CREATION, filter, gone, gone_already, holders, of_deployment, soon};
use crate::{
    Environment, Nothing,
    failure::{already_exists, failure, failure_for, is_missing, poll_again_or},
    found_tags,
    outcome::earlier_call_may_be_listed,
    tags::{Tags, only_one, sanitised},
};

const RESOURCE_TYPE: &str = "AWS::EC2::Subnet";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ec2:createSubnet",
        "Creates a subnet of the deployment's VPC.",
        ["ec2:DescribeSubnets", "ec2:CreateSubnet", "ec2:CreateTags"],
        create_subnet
    );
    step!(
        registry,
        environment,
        "ec2:waitForSubnet",
        "Waits until the subnet is available.",
        ["ec2:DescribeSubnets"],
        wait_for_subnet
    );
    step!(registry, environment, "ec2:deleteSubnet", "Deletes a subnet.", ["ec2:DeleteSubnet"], delete_subnet);
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateSubnet {
    deployment: String,
    /// The name, unique within the deployment.
    name: String,
    vpc_id: String,
    /// The addresses, such as `10.100.10.0/26`.
    cidr: String,
    availability_zone: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CreatedSubnet {
    subnet_id: String,
    availability_zone: String,
    cidr: String,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SubnetId {
    subnet_id: String,
}

async fn create_subnet(
    environment: Arc<Environment>,
    context: StepContext,
    input: CreateSubnet,
) -> StepResult<CreatedSubnet> {
    if let Some(subnet) = find(&environment, &context, &input).await? {
        return found_subnet(&context, &input, &subnet);
    }
    if let Some(answer) = earlier_call_may_be_listed(&context) {
        return Ok(answer);
    }
    let tags = Tags::new(&context, &input.deployment).named(&input.name);
    let answer = environment
        .ec2()
        .create_subnet()
        .vpc_id(&input.vpc_id)
        .cidr_block(&input.cidr)
        .availability_zone(&input.availability_zone)
        .tag_specifications(tags.ec2_specification(ResourceType::Subnet))
        .send()
        .await;
    match answer {
        Ok(answer) => {
            let subnet_id = answer.subnet().and_then(Subnet::subnet_id).unwrap_or_default().to_owned();
            let resource_change =
                ResourceChange::new(ChangeAction::Created, RESOURCE_TYPE, &subnet_id).named(&input.name);
            let output = CreatedSubnet { subnet_id, availability_zone: input.availability_zone, cidr: input.cidr };
            Ok(Answer::with_change(output, resource_change))
        }
        Err(error) if already_exists(&error) => match find(&environment, &context, &input).await? {
            Some(subnet) => found_subnet(&context, &input, &subnet),
            None => Err(failure("ec2:CreateSubnet", error)
                .hint(format!("Another subnet of {} has some of these addresses.", input.vpc_id))),
        },
        Err(error) => Err(failure_for(&context, &input.vpc_id, "ec2:CreateSubnet", error)),
    }
}

async fn find(
    environment: &Environment,
    context: &StepContext,
    input: &CreateSubnet,
) -> Result<Option<Subnet>, StepError> {
    let found = environment
        .ec2_reads()
        .describe_subnets()
        .filters(of_deployment(&input.deployment))
        .filters(filter("vpc-id", &input.vpc_id))
        .filters(filter("tag:Name", &sanitised(&input.name)))
        .send()
        .await
        .map_err(|error| failure_for(context, &input.vpc_id, "ec2:DescribeSubnets", error))?;
    only_one("subnet", &input.deployment, found.subnets.unwrap_or_default(), Subnet::subnet_id)
}

fn found_subnet(context: &StepContext, input: &CreateSubnet, subnet: &Subnet) -> StepResult<CreatedSubnet> {
    let subnet_id = subnet.subnet_id().unwrap_or_default().to_owned();
    let cidr = subnet.cidr_block().unwrap_or_default().to_owned();
    if cidr != input.cidr {
        return Err(StepError::new(
            ErrorClass::Invalid,
            format!("{subnet_id} ({}) has the addresses {cidr}, but the input says {}", input.name, input.cidr),
        )
        .hint("The addresses of a subnet cannot be changed: set them back, or tear the deployment down first."));
    }
    let change = found_tags!(subnet.tags()).change(context, &subnet_id);
    let resource_change = ResourceChange::new(change, RESOURCE_TYPE, &subnet_id).named(&input.name);
    let availability_zone = subnet.availability_zone().unwrap_or(&input.availability_zone).to_owned();
    Ok(Answer::with_change(CreatedSubnet { subnet_id, availability_zone, cidr }, resource_change))
}

async fn wait_for_subnet(environment: Arc<Environment>, context: StepContext, input: SubnetId) -> StepResult<SubnetId> {
    if let Some(later) = context.first_poll_after(&input.subnet_id, TYPICAL_CREATION) {
        return Ok(Answer::pending("pending", later));
    }
    let answer = match environment.ec2_reads().describe_subnets().subnet_ids(&input.subnet_id).send().await {
        Ok(answer) => answer,
        Err(error) => {
            return poll_again_or(failure_for(&context, &input.subnet_id, "ec2:DescribeSubnets", error), &context);
        }
    };
    match answer.subnets().first().and_then(Subnet::state) {
        Some(SubnetState::Available) => Ok(Answer::done(input)),
        state => Ok(Answer::pending(state.map_or("pending", SubnetState::as_str), soon(&context))),
    }
}

async fn delete_subnet(environment: Arc<Environment>, context: StepContext, input: SubnetId) -> StepResult<Nothing> {
    match environment.ec2().delete_subnet().subnet_id(&input.subnet_id).send().await {
        Ok(_) => gone(RESOURCE_TYPE, &input.subnet_id),
        Err(error) if is_missing(&error) => gone_already(&context, RESOURCE_TYPE, &input.subnet_id),
        Err(error) => {
            let failure = failure("ec2:DeleteSubnet", error);
            Err(holders::explain(&environment, failure, filter("subnet-id", &input.subnet_id)).await)
        }
    }
}
