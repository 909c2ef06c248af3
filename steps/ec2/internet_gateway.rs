//! Internet gateways.

use std::sync::Arc;

use aws_sdk_ec2::types::{InternetGateway, ResourceType};
use engine::step::{Answer, ChangeAction, ErrorClass, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{change_of_part, deleted, filter, gone, gone_already, holders, of_deployment};
use crate::{
    Environment, Nothing,
    failure::{code_of, failure, failure_for, is_missing},
    found_tags,
    outcome::earlier_call_may_be_listed,
    planned::is_unknown,
    tags::{Tags, only_one},
};

const RESOURCE_TYPE: &str = "AWS::EC2::InternetGateway";
const ATTACHMENT: &str = "AWS::EC2::VPCGatewayAttachment";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ec2:createInternetGateway",
        "Creates the deployment's internet gateway.",
        ["ec2:DescribeInternetGateways", "ec2:CreateInternetGateway", "ec2:CreateTags"],
        create_internet_gateway
    );
    step!(
        registry,
        environment,
        "ec2:attachInternetGateway",
        "Attaches the internet gateway to the VPC.",
        ["ec2:DescribeInternetGateways", "ec2:AttachInternetGateway"],
        attach_internet_gateway
    );
    step!(
        registry,
        environment,
        "ec2:detachInternetGateway",
        "Detaches the internet gateway from the VPC.",
        ["ec2:DetachInternetGateway"],
        detach_internet_gateway
    );
    step!(
        registry,
        environment,
        "ec2:deleteInternetGateway",
        "Deletes the internet gateway.",
        ["ec2:DeleteInternetGateway"],
        delete_internet_gateway
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateInternetGateway {
    deployment: String,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InternetGatewayId {
    internet_gateway_id: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Attachment {
    internet_gateway_id: String,
    vpc_id: String,
}

async fn create_internet_gateway(
    environment: Arc<Environment>,
    context: StepContext,
    input: CreateInternetGateway,
) -> StepResult<InternetGatewayId> {
    let found = environment
        .ec2_reads()
        .describe_internet_gateways()
        .filters(of_deployment(&input.deployment))
        .send()
        .await
        .map_err(|error| failure("ec2:DescribeInternetGateways", error))?
        .internet_gateways
        .unwrap_or_default();
    let found = only_one("internet gateway", &input.deployment, found, InternetGateway::internet_gateway_id)?;
    let (id, change) = match found {
        Some(gateway) => {
            let id = gateway.internet_gateway_id().unwrap_or_default().to_owned();
            let change = found_tags!(gateway.tags()).change(&context, &id);
            (id, change)
        }
        None => {
            if let Some(answer) = earlier_call_may_be_listed(&context) {
                return Ok(answer);
            }
            let tags = Tags::new(&context, &input.deployment).named(&input.deployment);
            let answer = environment
                .ec2()
                .create_internet_gateway()
                .tag_specifications(tags.ec2_specification(ResourceType::InternetGateway))
                .send()
                .await
                .map_err(|error| failure("ec2:CreateInternetGateway", error))?;
            let id = answer.internet_gateway().and_then(InternetGateway::internet_gateway_id).unwrap_or_default();
            (id.to_owned(), ChangeAction::Created)
        }
    };
    let resource_change = ResourceChange::new(change, RESOURCE_TYPE, &id).named(&input.deployment);
    Ok(Answer::with_change(InternetGatewayId { internet_gateway_id: id }, resource_change))
}

async fn attach_internet_gateway(
    environment: Arc<Environment>,
    context: StepContext,
    input: Attachment,
) -> StepResult<InternetGatewayId> {
    let gateway_id = input.internet_gateway_id.clone();
    let link = format!("{gateway_id} {}", input.vpc_id);
    let answer = |change| {
        let output = InternetGatewayId { internet_gateway_id: gateway_id.clone() };
        Ok(Answer::with_change(output, ResourceChange::new(change, ATTACHMENT, &link)))
    };
    match attached_to(&environment, &context, &gateway_id).await? {
        Some(vpc_id) if vpc_id == input.vpc_id => return answer(change_of_part(&context, &gateway_id, &link)),
        Some(vpc_id) => {
            return Err(StepError::new(
                ErrorClass::NameTaken,
                format!("{gateway_id} is attached to {vpc_id}, not to {}", input.vpc_id),
            ));
        }
        None => {}
    }
    let call = environment.ec2().attach_internet_gateway().internet_gateway_id(&gateway_id).vpc_id(&input.vpc_id);
    match call.send().await {
        Ok(_) => answer(ChangeAction::Created),
        Err(error) => Err(failure_for(&context, &gateway_id, "ec2:AttachInternetGateway", error)),
    }
}

async fn attached_to(
    environment: &Environment,
    context: &StepContext,
    gateway_id: &str,
) -> Result<Option<String>, StepError> {
    if is_unknown(gateway_id) {
        return Ok(None);
    }
    let found = environment
        .ec2_reads()
        .describe_internet_gateways()
        .internet_gateway_ids(gateway_id)
        .send()
        .await
        .map_err(|error| failure_for(context, gateway_id, "ec2:DescribeInternetGateways", error))?;
    let attachments = found.internet_gateways().iter().flat_map(InternetGateway::attachments);
    Ok(attachments.filter_map(|attachment| attachment.vpc_id().map(str::to_owned)).next())
}

async fn detach_internet_gateway(
    environment: Arc<Environment>,
    context: StepContext,
    input: Attachment,
) -> StepResult<Nothing> {
    let call = environment.ec2().detach_internet_gateway();
    match call.internet_gateway_id(&input.internet_gateway_id).vpc_id(&input.vpc_id).send().await {
        Ok(_) => gone(ATTACHMENT, &format!("{} {}", input.internet_gateway_id, input.vpc_id)),
        Err(error) if is_missing(&error) || code_of(&error) == Some("Gateway.NotAttached") => {
            gone_already(&context, ATTACHMENT, &format!("{} {}", input.internet_gateway_id, input.vpc_id))
        }
        Err(error) => {
            let failure = failure("ec2:DetachInternetGateway", error);
            Err(holders::explain(&environment, failure, filter("vpc-id", &input.vpc_id)).await)
        }
    }
}

async fn delete_internet_gateway(
    environment: Arc<Environment>,
    context: StepContext,
    input: InternetGatewayId,
) -> StepResult<Nothing> {
    let id = &input.internet_gateway_id;
    let answer = environment.ec2().delete_internet_gateway().internet_gateway_id(id).send().await;
    deleted(&context, (RESOURCE_TYPE, id), "ec2:DeleteInternetGateway", answer)
}
