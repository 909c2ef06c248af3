//! Elastic Load Balancing: the load balancer, its target group and its listener.

mod inventory;
mod listener;
mod load_balancer;
mod load_balancer_wait;
mod stickiness;
mod target_group;

use std::sync::Arc;

use async_trait::async_trait;
use engine::step::{Registry, StepError};

pub(crate) use inventory::{balancer_named, load_balancer_named, target_group_named};
pub(crate) use target_group::target_health;

use crate::{
    Environment,
    failure::{failure, is_missing},
    found_tags,
    planned::{KNOWN_AFTER_APPLY, PlannedChange, Price, Prices, query_answer},
    policy::{Scope, none},
    service::{CheckNames, Found, Holders, Service, UsualWait},
    tags::{FoundTags, Tags},
};

/// The load balancer, its listeners and its target group.
const LOAD_BALANCERS: Scope = Scope {
    id: "LoadBalancers",
    resources: |restriction| {
        let deployment = &restriction.deployment;
        let named = [
            format!("loadbalancer/app/{deployment}-https/*"),
            format!("listener/app/{deployment}-https/*"),
            format!("targetgroup/{deployment}-app/*"),
        ];
        named.iter().map(|resource| restriction.arn("elasticloadbalancing", resource)).collect()
    },
    condition: none,
};

/// Elastic Load Balancing: load balancers, listeners and target groups.
pub(crate) struct LoadBalancing;

#[async_trait]
impl Service for LoadBalancing {
    fn name(&self) -> &'static str {
        "elbv2"
    }

    fn register(&self, registry: &mut Registry, environment: &Arc<Environment>) {
        register(registry, environment);
    }

    fn find_actions(&self) -> &'static [&'static str] {
        &[
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTags",
        ]
    }

    async fn find(&self, environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
        inventory::find(environment, deployment, found).await
    }

    fn name_actions(&self) -> &'static [&'static str] {
        &[
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTags",
        ]
    }

    async fn check_names(
        &self,
        environment: &Environment,
        names: &CheckNames,
        holders: &mut Holders,
    ) -> Result<(), StepError> {
        inventory::check_names(environment, names, holders).await
    }

    fn waits(&self) -> &'static [UsualWait] {
        &[
            UsualWait { step: "elbv2:waitForLoadBalancer", usual_seconds: (120, 300), takes: Some("about 2.5 min") },
            UsualWait {
                step: "elbv2:waitForLoadBalancerDeleted",
                usual_seconds: (30, 600),
                takes: Some("about 1 min"),
            },
        ]
    }

    fn answer_in_plan(&self, operation: &str) -> Option<String> {
        let id = KNOWN_AFTER_APPLY;
        let content = format!(
            "<LoadBalancers><member><LoadBalancerArn>{id}</LoadBalancerArn><DNSName>{id}</DNSName>\
             <CanonicalHostedZoneId>{id}</CanonicalHostedZoneId></member></LoadBalancers>"
        );
        (operation == "CreateLoadBalancer").then(|| query_answer(operation, &content))
    }

    fn scopes(&self, _call: &str) -> &'static [&'static Scope] {
        &[&LOAD_BALANCERS]
    }

    fn iam_prefix(&self) -> &'static str {
        "elasticloadbalancing"
    }

    fn monthly_usd(&self, change: &PlannedChange, _plan: &[PlannedChange], prices: &Prices) -> Price {
        match change.resource_type.as_str() {
            load_balancer::RESOURCE_TYPE => Price::Billed(load_balancer::monthly_usd(&change.settings, prices)),
            _ => Price::Free,
        }
    }
}

impl Environment {
    /// The client for changes.
    fn elbv2(&self) -> aws_sdk_elasticloadbalancingv2::Client {
        self.client_for_changes(aws_sdk_elasticloadbalancingv2::Client::new)
    }

    /// The client for reads.
    fn elbv2_reads(&self) -> aws_sdk_elasticloadbalancingv2::Client {
        self.client_for_reads(aws_sdk_elasticloadbalancingv2::Client::new)
    }
}

impl Tags {
    /// The tags in Elastic Load Balancing's form.
    fn elbv2(&self) -> Vec<aws_sdk_elasticloadbalancingv2::types::Tag> {
        self.pairs()
            .map(|(key, value)| aws_sdk_elasticloadbalancingv2::types::Tag::builder().key(key).value(value).build())
            .collect()
    }
}

fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    load_balancer::register(registry, environment);
    load_balancer_wait::register(registry, environment);
    target_group::register(registry, environment);
    stickiness::register(registry, environment);
    listener::register(registry, environment);
}

/// The tags of a load balancer, target group or listener; `None` if it no longer exists.
pub(crate) async fn tags_of(environment: &Environment, arn: &str) -> Result<Option<FoundTags>, StepError> {
    match environment.elbv2_reads().describe_tags().resource_arns(arn).send().await {
        Ok(answer) => Ok(answer.tag_descriptions().first().map(|found| found_tags!(found.tags()))),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("elasticloadbalancing:DescribeTags", error)),
    }
}
