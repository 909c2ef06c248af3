//! Finds the load balancers, listeners and target groups of a deployment, and the holders of their names.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::{LoadBalancer, TargetGroup};
use engine::step::StepError;
use serde_json::json;

use super::tags_of;
use crate::{
    Environment,
    failure::{failure, is_missing},
    found_tags,
    service::{Balancer, CheckNames, Found, Holders, NameHolder},
    tags::FoundTags,
};

/// The most ARNs in one call.
const ARNS_MAX: usize = 20;

fn balancer_with(dns_name: String, tags: &FoundTags) -> Balancer {
    Balancer { dns_name, domains: tags.domains.values().cloned().collect() }
}

/// The load balancer with this name; `None` if there is none.
///
/// # Errors
/// A read failed.
pub(crate) async fn balancer_named(environment: &Environment, name: &str) -> Result<Option<Balancer>, StepError> {
    let Some(found) = load_balancer_named(environment, name).await? else { return Ok(None) };
    let tags = tags_of(environment, found.load_balancer_arn().unwrap_or_default()).await?.unwrap_or_default();
    Ok(Some(balancer_with(found.dns_name.unwrap_or_default(), &tags)))
}

/// Finds load balancers, listeners and target groups.
pub(super) async fn find(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let elbv2 = environment.elbv2_reads();
    let mut balancers = Vec::new();
    let mut pages = elbv2.describe_load_balancers().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failure("elasticloadbalancing:DescribeLoadBalancers", error))?;
        balancers.extend(page.load_balancers.unwrap_or_default());
    }
    let arns = balancers.iter().filter_map(|balancer| balancer.load_balancer_arn.clone()).collect();
    let ours = ours(environment, deployment, arns).await?;
    for balancer in &balancers {
        let zones = balancer.availability_zones().iter();
        let subnet_ids: Vec<&str> = zones.filter_map(|zone| zone.subnet_id()).collect();
        let settings = json!({ "subnetIds": subnet_ids });
        environment.record_found(
            balancer.load_balancer_arn().unwrap_or_default(),
            balancer.load_balancer_name(),
            settings,
        );
    }
    for arn in ours.keys() {
        listeners(environment, arn, found).await?;
    }
    let balancer = |balancer: LoadBalancer| {
        let tags = ours.get(balancer.load_balancer_arn()?)?;
        Some(balancer_with(balancer.dns_name?, tags))
    };
    found.balancers = balancers.into_iter().filter_map(balancer).collect();
    found.load_balancer_arns = ours.into_keys().collect();
    target_groups(environment, deployment, found).await
}

/// Finds all listeners of a load balancer of the deployment: they are deleted with it.
async fn listeners(environment: &Environment, load_balancer_arn: &str, found: &mut Found) -> Result<(), StepError> {
    let call = environment.elbv2_reads().describe_listeners().load_balancer_arn(load_balancer_arn);
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        match page {
            Ok(page) => {
                let listeners = page.listeners.unwrap_or_default();
                found.listener_arns.extend(listeners.into_iter().filter_map(|listener| listener.listener_arn));
            }
            Err(error) if is_missing(&error) => return Ok(()),
            Err(error) => return Err(failure("elasticloadbalancing:DescribeListeners", error)),
        }
    }
    Ok(())
}

async fn target_groups(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let mut arns = Vec::new();
    let mut pages = environment.elbv2_reads().describe_target_groups().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failure("elasticloadbalancing:DescribeTargetGroups", error))?;
        arns.extend(page.target_groups.unwrap_or_default().into_iter().filter_map(|group| group.target_group_arn));
    }
    found.target_group_arns = ours(environment, deployment, arns).await?.into_keys().collect();
    Ok(())
}

/// The resources with the deployment's tag, with their tags.
async fn ours(
    environment: &Environment,
    deployment: &str,
    arns: Vec<String>,
) -> Result<BTreeMap<String, FoundTags>, StepError> {
    let mut ours = BTreeMap::new();
    for arns in arns.chunks(ARNS_MAX) {
        let call = environment.elbv2_reads().describe_tags().set_resource_arns(Some(arns.to_vec()));
        let answer = call.send().await.map_err(|error| failure("elasticloadbalancing:DescribeTags", error))?;
        for tagged in answer.tag_descriptions.unwrap_or_default() {
            let tags = found_tags!(tagged.tags());
            if let Some(arn) = tagged.resource_arn.filter(|_| tags.is_ours(deployment)) {
                ours.insert(arn, tags);
            }
        }
    }
    Ok(ours)
}

pub(super) async fn check_names(
    environment: &Environment,
    names: &CheckNames,
    holders: &mut Holders,
) -> Result<(), StepError> {
    let name = &names.load_balancer_name;
    let arn = load_balancer_named(environment, name).await?.and_then(|found| found.load_balancer_arn);
    holders.add("load balancer", name, holder(environment, arn).await?);
    let name = &names.target_group_name;
    let arn = target_group_named(environment, name).await?.and_then(|found| found.target_group_arn);
    holders.add("target group", name, holder(environment, arn).await?);
    Ok(())
}

/// The holder of a name, from the ARN of the resource that has it.
async fn holder(environment: &Environment, arn: Option<String>) -> Result<NameHolder, StepError> {
    match arn {
        Some(arn) => Ok(NameHolder::of(tags_of(environment, &arn).await?)),
        None => Ok(NameHolder::Nobody),
    }
}

/// The load balancer with this name; `None` if there is none.
///
/// # Errors
/// A read failed.
pub(crate) async fn load_balancer_named(
    environment: &Environment,
    name: &str,
) -> Result<Option<LoadBalancer>, StepError> {
    match environment.elbv2_reads().describe_load_balancers().names(name).send().await {
        Ok(answer) => Ok(answer.load_balancers.unwrap_or_default().into_iter().next()),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("elasticloadbalancing:DescribeLoadBalancers", error)),
    }
}

/// The target group with this name; `None` if there is none.
///
/// # Errors
/// A read failed.
pub(crate) async fn target_group_named(
    environment: &Environment,
    name: &str,
) -> Result<Option<TargetGroup>, StepError> {
    match environment.elbv2_reads().describe_target_groups().names(name).send().await {
        Ok(answer) => Ok(answer.target_groups.unwrap_or_default().into_iter().next()),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("elasticloadbalancing:DescribeTargetGroups", error)),
    }
}
