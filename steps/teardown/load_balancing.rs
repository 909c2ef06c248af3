//! Finds load balancers, listeners and target groups.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::LoadBalancer;
use engine::step::StepError;

use super::Found;
use crate::{
    Environment,
    failure::{failure, is_missing},
    found_tags,
    tags::FoundTags,
};

/// The most ARNs in one call.
const ARNS_MAX: usize = 20;

/// The DNS names of a load balancer of the deployment.
pub(super) struct Balancer {
    pub(super) dns_name: String,
    /// The domain that the deployment points at it, if its tags have one.
    pub(super) domain: Option<String>,
}

/// Finds load balancers, listeners and target groups. Returns the load balancers.
pub(super) async fn find(
    environment: &Environment,
    deployment: &str,
    found: &mut Found,
) -> Result<Vec<Balancer>, StepError> {
    let elbv2 = environment.elbv2_reads();
    let mut balancers = Vec::new();
    let mut pages = elbv2.describe_load_balancers().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failure("elasticloadbalancing:DescribeLoadBalancers", error))?;
        balancers.extend(page.load_balancers.unwrap_or_default());
    }
    let arns = balancers.iter().filter_map(|balancer| balancer.load_balancer_arn.clone()).collect();
    let ours = ours(environment, deployment, arns).await?;
    for arn in ours.keys() {
        listeners(environment, arn, found).await?;
    }
    let balancer = |balancer: LoadBalancer| {
        let tags = ours.get(balancer.load_balancer_arn()?)?;
        Some(Balancer { dns_name: balancer.dns_name?, domain: tags.domain.clone() })
    };
    let balancers = balancers.into_iter().filter_map(balancer).collect();
    found.load_balancer_arns = ours.into_keys().collect();
    target_groups(environment, deployment, found).await?;
    Ok(balancers)
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
