//! The load balancer.

use std::sync::Arc;

use aws_sdk_elasticloadbalancingv2::types::{
    AvailabilityZone, IpAddressType, LoadBalancer, LoadBalancerSchemeEnum, LoadBalancerTypeEnum, Tag,
};
use engine::step::{Answer, ChangeAction, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tags_of;
use crate::{
    Environment, Nothing,
    failure::{already_exists, failure, failure_for, is_missing, name_taken},
    outcome::{gone, gone_already, incomplete_answer, of_deletion, same_set},
    planned::{Bill, Prices},
    tags::{DOMAIN, FoundTags, Tags, only_one},
};

pub(super) const RESOURCE_TYPE: &str = "AWS::ElasticLoadBalancingV2::LoadBalancer";

/// The monthly price of a load balancer: its hours, and a public address in each subnet.
pub(super) fn monthly_usd(settings: &Value, prices: &Prices) -> Bill {
    let hours = prices.hours_per_month();
    let subnets = settings["subnetIds"].as_array().map(|subnets| subnets.len() as f64);
    Bill::default().with("hours of the load balancer", Some(hours), prices.regional("loadBalancerHour").as_f64()).with(
        "public addresses",
        subnets.map(|subnets| subnets * hours),
        prices.public_address_hour(),
    )
}

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "elbv2:createLoadBalancer",
        "Creates an application load balancer that is reached from the Internet.",
        [
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeTags",
            "elasticloadbalancing:CreateLoadBalancer",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:SetSecurityGroups",
            "elasticloadbalancing:SetSubnets",
        ],
        create_load_balancer
    );
    step!(
        registry,
        environment,
        "elbv2:deleteLoadBalancer",
        "Deletes a load balancer.",
        ["elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DeleteLoadBalancer"],
        delete_load_balancer
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateLoadBalancer {
    deployment: String,
    /// Unique within account and region, at most 32 characters.
    name: String,
    /// In at least two Availability Zones.
    subnet_ids: Vec<String>,
    group_ids: Vec<String>,
    /// The domain that is going to be pointed at it, for its tags: the teardown deletes the records of no other one.
    #[serde(default)]
    domain: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CreatedLoadBalancer {
    load_balancer_arn: String,
    dns_name: String,
    /// The hosted zone of `dnsName`, which an alias record needs.
    canonical_hosted_zone_id: String,
}

/// A load balancer by its ARN.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct LoadBalancerArn {
    pub(super) load_balancer_arn: String,
}

async fn create_load_balancer(
    environment: Arc<Environment>,
    context: StepContext,
    input: CreateLoadBalancer,
) -> StepResult<CreatedLoadBalancer> {
    // Not every creation of an existing name is refused, so the load balancer is searched for first.
    if let Some(balancer) = find(&environment, &input).await? {
        return found_load_balancer(&environment, &context, input, &balancer).await;
    }
    let created = environment
        .elbv2()
        .create_load_balancer()
        .name(&input.name)
        .r#type(LoadBalancerTypeEnum::Application)
        .scheme(LoadBalancerSchemeEnum::InternetFacing)
        .ip_address_type(IpAddressType::Ipv4)
        .set_subnets(Some(input.subnet_ids.clone()))
        .set_security_groups(Some(input.group_ids.clone()))
        .set_tags(Some(tags(&context, &input).elbv2()))
        .send()
        .await;
    match created {
        Ok(answer) => {
            let balancer = answer.load_balancers.unwrap_or_default().into_iter().next();
            let balancer = balancer
                .ok_or_else(|| incomplete_answer("elasticloadbalancing:CreateLoadBalancer", "load balancer"))?;
            Ok(answered(&balancer, &input.name, ChangeAction::Created))
        }
        Err(error) if already_exists(&error) => match find(&environment, &input).await? {
            Some(balancer) => found_load_balancer(&environment, &context, input, &balancer).await,
            None => Err(failure("elasticloadbalancing:CreateLoadBalancer", error)),
        },
        Err(error) => Err(failure_for(&context, &input.name, "elasticloadbalancing:CreateLoadBalancer", error)),
    }
}

fn tags(context: &StepContext, input: &CreateLoadBalancer) -> Tags {
    Tags::new(context, &input.deployment).named(&input.name).with(DOMAIN, input.domain.as_deref())
}

fn answered(balancer: &LoadBalancer, name: &str, change: ChangeAction) -> Answer<CreatedLoadBalancer> {
    let load_balancer_arn = balancer.load_balancer_arn().unwrap_or_default().to_owned();
    let resource_change = ResourceChange::new(change, RESOURCE_TYPE, &load_balancer_arn).named(name).billed();
    let output = CreatedLoadBalancer {
        load_balancer_arn,
        dns_name: balancer.dns_name().unwrap_or_default().to_owned(),
        canonical_hosted_zone_id: balancer.canonical_hosted_zone_id().unwrap_or_default().to_owned(),
    };
    Answer::with_change(output, resource_change)
}

async fn find(environment: &Environment, input: &CreateLoadBalancer) -> Result<Option<LoadBalancer>, StepError> {
    match environment.elbv2_reads().describe_load_balancers().names(&input.name).send().await {
        Ok(answer) => {
            let found = answer.load_balancers.unwrap_or_default();
            only_one("load balancer", &input.deployment, found, LoadBalancer::load_balancer_arn)
        }
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("elasticloadbalancing:DescribeLoadBalancers", error)),
    }
}

async fn found_load_balancer(
    environment: &Environment,
    context: &StepContext,
    input: CreateLoadBalancer,
    balancer: &LoadBalancer,
) -> StepResult<CreatedLoadBalancer> {
    let arn = balancer.load_balancer_arn().unwrap_or_default();
    let tags = tags_of(environment, arn).await?.unwrap_or_default();
    if !tags.is_ours(&input.deployment) {
        return Err(name_taken("load balancer", &input.name, &input.deployment, tags.deployment.as_deref()));
    }
    let mut change = tags.change(context, arn);
    // Each call sets the complete value, so repeating one of them is harmless.
    if !same_set(balancer.security_groups().iter().map(String::as_str), &input.group_ids) {
        environment.differs("groupIds", balancer.security_groups().join(", "), input.group_ids.join(", "));
        let call = environment.elbv2().set_security_groups().load_balancer_arn(arn);
        let answer = call.set_security_groups(Some(input.group_ids.clone())).send().await;
        answer.map_err(|error| failure_for(context, arn, "elasticloadbalancing:SetSecurityGroups", error))?;
        change = ChangeAction::Updated;
    }
    if !same_set(balancer.availability_zones().iter().filter_map(AvailabilityZone::subnet_id), &input.subnet_ids) {
        let existing = balancer.availability_zones().iter().filter_map(AvailabilityZone::subnet_id);
        environment.differs("subnetIds", existing.collect::<Vec<_>>().join(", "), input.subnet_ids.join(", "));
        let call = environment.elbv2().set_subnets().load_balancer_arn(arn);
        let answer = call.set_subnets(Some(input.subnet_ids.clone())).send().await;
        answer.map_err(|error| failure_for(context, arn, "elasticloadbalancing:SetSubnets", error))?;
        change = ChangeAction::Updated;
    }
    if let Some((key, domain)) = input.domain.as_deref().and_then(|domain| tags.new_domain(domain)) {
        add_domain(environment, context, arn, &tags, (key.as_str(), domain.as_str())).await?;
        change = ChangeAction::Updated;
    }
    Ok(answered(balancer, &input.name, change))
}

/// Adds the tag of a changed domain before its record is created. The tags of the earlier domains stay: the teardown
/// deletes their records too.
async fn add_domain(
    environment: &Environment,
    context: &StepContext,
    arn: &str,
    tags: &FoundTags,
    (key, domain): (&str, &str),
) -> Result<(), StepError> {
    let earlier = tags.domains.values().cloned().collect::<Vec<_>>();
    environment.differs("domains", earlier.join(", "), [earlier, vec![domain.to_owned()]].concat().join(", "));
    let tag = Tag::builder().key(key).value(domain).build();
    let answer = environment.elbv2().add_tags().resource_arns(arn).tags(tag).send().await;
    answer.map_err(|error| failure_for(context, arn, "elasticloadbalancing:AddTags", error))?;
    Ok(())
}

/// The load balancer with this ARN, in any state.
pub(super) async fn find_by_arn(
    environment: &Environment,
    context: &StepContext,
    arn: &str,
) -> Result<Option<LoadBalancer>, StepError> {
    match environment.elbv2_reads().describe_load_balancers().load_balancer_arns(arn).send().await {
        Ok(answer) => Ok(answer.load_balancers.unwrap_or_default().into_iter().next()),
        Err(error) if is_missing(&error) && !context.created.contains_key(arn) => Ok(None),
        Err(error) => Err(failure_for(context, arn, "elasticloadbalancing:DescribeLoadBalancers", error)),
    }
}

async fn delete_load_balancer(
    environment: Arc<Environment>,
    context: StepContext,
    input: LoadBalancerArn,
) -> StepResult<Nothing> {
    let arn = &input.load_balancer_arn;
    let may_be_new = context.created.contains_key(arn);
    let context = of_deletion(context);
    // The deletion of a load balancer that does not exist succeeds, so this must be checked first.
    let exists = find_by_arn(&environment, &context, arn).await?.is_some();
    // One that this execution created may not be listed yet.
    if !exists && !may_be_new {
        return gone_already(&context, RESOURCE_TYPE, arn);
    }
    match environment.elbv2().delete_load_balancer().load_balancer_arn(arn).send().await {
        Ok(_) if exists => gone(RESOURCE_TYPE, arn),
        Ok(_) => gone_already(&context, RESOURCE_TYPE, arn),
        Err(error) if is_missing(&error) => gone_already(&context, RESOURCE_TYPE, arn),
        Err(error) => Err(failure("elasticloadbalancing:DeleteLoadBalancer", error)),
    }
}
