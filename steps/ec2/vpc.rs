//! Creates and deletes VPCs.

use std::sync::Arc;

use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, Vpc, VpcAttributeName, VpcState};
use engine::step::{Answer, ChangeAction, ErrorClass, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{TYPICAL_CREATION, filter, gone, gone_already, holders, of_deployment, soon};
use crate::{
    Environment, Nothing,
    failure::{failure, failure_for, is_missing, poll_again_or},
    found_tags,
    outcome::earlier_call_may_be_listed,
    tags::{Tags, only_one},
};

const RESOURCE_TYPE: &str = "AWS::EC2::VPC";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ec2:createVpc",
        "Creates the deployment's VPC.",
        ["ec2:DescribeVpcs", "ec2:CreateVpc", "ec2:CreateTags"],
        create_vpc
    );
    step!(
        registry,
        environment,
        "ec2:waitForVpc",
        "Waits until the VPC is available.",
        ["ec2:DescribeVpcs"],
        wait_for_vpc
    );
    step!(
        registry,
        environment,
        "ec2:enableVpcDnsSupport",
        "Lets the VPC resolve names through Amazon's DNS server.",
        ["ec2:DescribeVpcAttribute", "ec2:ModifyVpcAttribute"],
        enable_dns_support
    );
    step!(
        registry,
        environment,
        "ec2:enableVpcDnsHostnames",
        "Gives instances with public addresses DNS host names.",
        ["ec2:DescribeVpcAttribute", "ec2:ModifyVpcAttribute"],
        enable_dns_hostnames
    );
    step!(registry, environment, "ec2:deleteVpc", "Deletes the VPC.", ["ec2:DeleteVpc"], delete_vpc);
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateVpc {
    deployment: String,
    /// The addresses, such as `10.100.0.0/16`.
    cidr: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct VpcAndCidr {
    vpc_id: String,
    cidr: String,
}

/// A VPC by its id.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct VpcId {
    pub(super) vpc_id: String,
}

async fn create_vpc(environment: Arc<Environment>, context: StepContext, input: CreateVpc) -> StepResult<VpcAndCidr> {
    let found = environment.ec2_reads().describe_vpcs().filters(of_deployment(&input.deployment)).send().await;
    let found = found.map_err(|error| failure("ec2:DescribeVpcs", error))?.vpcs.unwrap_or_default();
    if let Some(vpc) = only_one("VPC", &input.deployment, found, Vpc::vpc_id)? {
        return found_vpc(&context, &input, &vpc);
    }
    if let Some(answer) = earlier_call_may_be_listed(&context) {
        return Ok(answer);
    }
    let tags = Tags::new(&context, &input.deployment).named(&input.deployment);
    let answer = environment
        .ec2()
        .create_vpc()
        .cidr_block(&input.cidr)
        .tag_specifications(tags.ec2_specification(ResourceType::Vpc))
        .send()
        .await
        .map_err(|error| failure("ec2:CreateVpc", error))?;
    let vpc_id = answer.vpc().and_then(Vpc::vpc_id).unwrap_or_default().to_owned();
    let resource_change = ResourceChange::new(ChangeAction::Created, RESOURCE_TYPE, &vpc_id).named(&input.deployment);
    Ok(Answer::with_change(VpcAndCidr { vpc_id, cidr: input.cidr }, resource_change))
}

fn found_vpc(context: &StepContext, input: &CreateVpc, vpc: &Vpc) -> StepResult<VpcAndCidr> {
    let vpc_id = vpc.vpc_id().unwrap_or_default().to_owned();
    let cidr = vpc.cidr_block().unwrap_or_default().to_owned();
    if cidr != input.cidr {
        return Err(StepError::new(
            ErrorClass::Invalid,
            format!(
                "{vpc_id} of deployment {} has the addresses {cidr}, but the input says {}",
                input.deployment, input.cidr
            ),
        )
        .hint("The addresses of a VPC cannot be changed: set them back, or tear the deployment down first."));
    }
    let change = found_tags!(vpc.tags()).change(context, &vpc_id);
    let resource_change = ResourceChange::new(change, RESOURCE_TYPE, &vpc_id).named(&input.deployment);
    Ok(Answer::with_change(VpcAndCidr { vpc_id, cidr }, resource_change))
}

async fn wait_for_vpc(environment: Arc<Environment>, context: StepContext, input: VpcId) -> StepResult<VpcId> {
    if let Some(later) = context.first_poll_after(&input.vpc_id, TYPICAL_CREATION) {
        return Ok(Answer::pending("pending", later));
    }
    let answer = environment.ec2_reads().describe_vpcs().vpc_ids(&input.vpc_id).send().await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            return poll_again_or(failure_for(&context, &input.vpc_id, "ec2:DescribeVpcs", error), &context);
        }
    };
    match answer.vpcs().first().and_then(Vpc::state) {
        Some(VpcState::Available) => Ok(Answer::done(input)),
        state => Ok(Answer::pending(state.map_or("pending", VpcState::as_str), soon(&context))),
    }
}

async fn enable_dns_support(environment: Arc<Environment>, context: StepContext, input: VpcId) -> StepResult<VpcId> {
    enable_attribute(&environment, &context, input, VpcAttributeName::EnableDnsSupport).await
}

async fn enable_dns_hostnames(environment: Arc<Environment>, context: StepContext, input: VpcId) -> StepResult<VpcId> {
    enable_attribute(&environment, &context, input, VpcAttributeName::EnableDnsHostnames).await
}

async fn enable_attribute(
    environment: &Environment,
    context: &StepContext,
    input: VpcId,
    attribute: VpcAttributeName,
) -> StepResult<VpcId> {
    let found = environment
        .ec2_reads()
        .describe_vpc_attribute()
        .vpc_id(&input.vpc_id)
        .attribute(attribute.clone())
        .send()
        .await
        .map_err(|error| failure_for(context, &input.vpc_id, "ec2:DescribeVpcAttribute", error))?;
    let found = match attribute {
        VpcAttributeName::EnableDnsSupport => found.enable_dns_support,
        _ => found.enable_dns_hostnames,
    };
    if found.and_then(|found| found.value) == Some(true) {
        return Ok(Answer::done(input));
    }
    environment.differs(attribute.as_str(), false, true);
    let on = AttributeBooleanValue::builder().value(true).build();
    let call = environment.ec2().modify_vpc_attribute().vpc_id(&input.vpc_id);
    let call = match attribute {
        VpcAttributeName::EnableDnsSupport => call.enable_dns_support(on),
        _ => call.enable_dns_hostnames(on),
    };
    call.send().await.map_err(|error| failure_for(context, &input.vpc_id, "ec2:ModifyVpcAttribute", error))?;
    if context.created.contains_key(&input.vpc_id) {
        // This completes the creation, so it is not reported as an update.
        return Ok(Answer::done(input));
    }
    let resource_change = ResourceChange::new(ChangeAction::Updated, RESOURCE_TYPE, &input.vpc_id);
    Ok(Answer::with_change(input, resource_change))
}

async fn delete_vpc(environment: Arc<Environment>, context: StepContext, input: VpcId) -> StepResult<Nothing> {
    match environment.ec2().delete_vpc().vpc_id(&input.vpc_id).send().await {
        Ok(_) => gone(RESOURCE_TYPE, &input.vpc_id),
        Err(error) if is_missing(&error) => gone_already(&context, RESOURCE_TYPE, &input.vpc_id),
        Err(error) => {
            let failure = failure("ec2:DeleteVpc", error);
            Err(holders::explain(&environment, failure, filter("vpc-id", &input.vpc_id)).await)
        }
    }
}
