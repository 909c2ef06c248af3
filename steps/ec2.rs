//! EC2: network, security groups, key pairs, images and instances.

mod bastion;
mod changes;
mod choose_zones;
mod deletions;
mod foreign_rules;
mod holders;
mod image;
mod instance;
mod instance_wait;
mod internet_gateway;
mod inventory;
mod key_pair;
mod permissions;
mod quotas;
mod route_table;
mod security_group;
mod security_group_rule;
mod subnet;
mod use_vpc;
mod vpc;
mod zones;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use engine::step::{Registry, StepContext, StepError};

use crate::{
    Environment,
    outcome::{change_of_part, deleted, gone, gone_already},
    planned::{PlannedChange, Price, Prices},
    policy::Scope,
    service::{
        CheckChanges, CheckDeletions, CheckNames, DeletionFindings, Found, Holders, Objections, Service, UsualWait,
    },
    tags::{DEPLOYMENT, Tags, sanitised},
};

/// The usual time until a VPC or a subnet is available.
const TYPICAL_CREATION: Duration = Duration::from_secs(2);

/// EC2: instances, key pairs and networks.
pub(crate) struct Ec2;

#[async_trait]
impl Service for Ec2 {
    fn name(&self) -> &'static str {
        "ec2"
    }

    fn register(&self, registry: &mut Registry, environment: &Arc<Environment>) {
        register(registry, environment);
    }

    fn find_actions(&self) -> &'static [&'static str] {
        &[
            "ec2:DescribeInstances",
            "ec2:DescribeKeyPairs",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSecurityGroupRules",
            "ec2:DescribeRouteTables",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ]
    }

    async fn find(&self, environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
        inventory::find(environment, deployment, found).await
    }

    fn name_actions(&self) -> &'static [&'static str] {
        &["ec2:DescribeKeyPairs"]
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
            UsualWait { step: "ec2:waitForVpc", usual_seconds: (1, 5), takes: None },
            UsualWait { step: "ec2:waitForSubnet", usual_seconds: (1, 5), takes: None },
            UsualWait { step: "ec2:waitForInstanceRunning", usual_seconds: (20, 60), takes: Some("about 25 s") },
            UsualWait { step: "ec2:waitForInstanceTerminated", usual_seconds: (20, 60), takes: Some("about 25 s") },
            UsualWait { step: "ec2:waitForInstanceStatus", usual_seconds: (120, 300), takes: Some("about 3 min") },
        ]
    }

    fn scopes(&self, call: &str) -> &'static [&'static Scope] {
        permissions::scopes(call)
    }

    fn monthly_usd(&self, change: &PlannedChange, _plan: &[PlannedChange], prices: &Prices) -> Price {
        match change.resource_type.as_str() {
            instance::RESOURCE_TYPE => Price::Billed(instance::monthly_usd(&change.settings, prices)),
            _ => Price::Free,
        }
    }

    fn change_actions(&self) -> &'static [&'static str] {
        &[
            "ec2:DescribeInstances",
            "ec2:DescribeVpcs",
            "ec2:DescribeSubnets",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSecurityGroupRules",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTags",
            "servicequotas:GetServiceQuota",
        ]
    }

    async fn check_changes(
        &self,
        environment: &Environment,
        input: &CheckChanges,
        objections: &mut Objections,
    ) -> Result<(), StepError> {
        changes::check(environment, input, objections).await
    }

    fn deletion_actions(&self) -> &'static [&'static str] {
        deletions::ACTIONS
    }

    async fn check_deletions(
        &self,
        environment: &Environment,
        input: &CheckDeletions,
        findings: &mut DeletionFindings,
    ) -> Result<(), StepError> {
        deletions::check(environment, input, findings).await
    }
}

impl Environment {
    /// The client for changes.
    pub(crate) fn ec2(&self) -> aws_sdk_ec2::Client {
        self.client_for_changes(aws_sdk_ec2::Client::new)
    }

    /// The client for reads.
    pub(crate) fn ec2_reads(&self) -> aws_sdk_ec2::Client {
        self.client_for_reads(aws_sdk_ec2::Client::new)
    }
}

impl Tags {
    /// The tags in EC2's form for a creating call.
    fn ec2_specification(&self, kind: ResourceType) -> TagSpecification {
        let tags = self.pairs().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        TagSpecification::builder().resource_type(kind).set_tags(Some(tags)).build()
    }
}

fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    zones::register(registry, environment);
    choose_zones::register(registry, environment);
    vpc::register(registry, environment);
    use_vpc::register(registry, environment);
    subnet::register(registry, environment);
    internet_gateway::register(registry, environment);
    route_table::register(registry, environment);
    security_group::register(registry, environment);
    security_group_rule::register(registry, environment);
    key_pair::register(registry, environment);
    image::register(registry, environment);
    instance::register(registry, environment);
    bastion::register(registry, environment);
    instance_wait::register(registry, environment);
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// The filter for resources with this deployment's tag.
fn of_deployment(deployment: &str) -> Filter {
    filter(&format!("tag:{DEPLOYMENT}"), &sanitised(deployment))
}

/// The filter for instances that use their network interfaces. A terminated one keeps its tags for an hour.
fn not_terminated() -> Filter {
    let states = ["pending", "running", "stopping", "stopped", "shutting-down"].map(str::to_owned).to_vec();
    Filter::builder().name("instance-state-name").set_values(Some(states)).build()
}

/// The interval until the next poll of something that takes seconds.
fn soon(context: &StepContext) -> Duration {
    context.poll_towards(TYPICAL_CREATION)
}
