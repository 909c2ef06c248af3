//! Finds everything that belongs to a deployment. The services' own steps delete it.

mod certificates;
mod containers;
mod database;
mod identity;
mod last_check;
mod load_balancing;
mod monitoring;
mod network;
mod records;

use std::sync::Arc;

use engine::step::{Answer, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Environment;

pub(crate) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "teardown:find",
        "Finds everything that carries the deployment's tag, in every service, and the DNS records that lead to it.",
        [
            "cloudwatch:DescribeAlarms",
            "cloudwatch:ListTagsForResource",
            "sns:ListTopics",
            "sns:ListTagsForResource",
            "ecs:ListClusters",
            "ecs:DescribeClusters",
            "ecs:ListServices",
            "ecs:DescribeServices",
            "ecs:ListTaskDefinitions",
            "ecs:DescribeTaskDefinition",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeListeners",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTags",
            "route53:ListHostedZones",
            "route53:ListResourceRecordSets",
            "logs:DescribeLogGroups",
            "logs:ListTagsForResource",
            "iam:ListRoles",
            "iam:ListRoleTags",
            "iam:ListAttachedRolePolicies",
            "iam:ListRolePolicies",
            "secretsmanager:ListSecrets",
            "rds:DescribeDBInstances",
            "rds:DescribeDBSubnetGroups",
            "rds:ListTagsForResource",
            "ec2:DescribeInstances",
            "ec2:DescribeKeyPairs",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeRouteTables",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
            "acm:ListCertificates",
            "acm:ListTagsForCertificate",
            "acm:DescribeCertificate",
            "ec2:DescribeRegions",
            "iam:GetRole",
            "secretsmanager:DescribeSecret",
        ],
        find
    );
    last_check::register(registry, environment);
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Find {
    deployment: String,
}

/// Everything of a deployment, in the order in which it can be deleted.
#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Found {
    alarm_names: Vec<String>,
    topic_arns: Vec<String>,
    services: Vec<FoundService>,
    records: Vec<FoundRecord>,
    listener_arns: Vec<String>,
    load_balancer_arns: Vec<String>,
    target_group_arns: Vec<String>,
    task_definition_arns: Vec<String>,
    cluster_arns: Vec<String>,
    log_group_names: Vec<String>,
    roles: Vec<FoundRole>,
    secret_arns: Vec<String>,
    databases: Vec<FoundDatabase>,
    database_subnet_group_names: Vec<String>,
    instance_ids: Vec<String>,
    key_pair_ids: Vec<String>,
    /// Those whose rules refer to others come first.
    security_groups: Vec<FoundSecurityGroup>,
    route_tables: Vec<FoundRouteTable>,
    internet_gateways: Vec<FoundInternetGateway>,
    subnet_ids: Vec<String>,
    vpc_ids: Vec<String>,
    certificate_arns: Vec<String>,
    /// How many there are of all these together.
    total: usize,
    /// What is not deleted, each with the reason.
    stays: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FoundService {
    cluster_arn: String,
    service_name: String,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FoundRecord {
    hosted_zone_id: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FoundRole {
    name: String,
    attached_policy_arns: Vec<String>,
    inline_policy_names: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FoundDatabase {
    identifier: String,
    deletion_protection: bool,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FoundSecurityGroup {
    group_id: String,
    name: String,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FoundRouteTable {
    route_table_id: String,
    association_ids: Vec<String>,
    destination_cidrs: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FoundInternetGateway {
    internet_gateway_id: String,
    /// The VPC that it is attached to, if any.
    vpc_id: Option<String>,
}

async fn find(environment: Arc<Environment>, _context: StepContext, input: Find) -> StepResult<Found> {
    find_all(&environment, &input.deployment).await.map(Answer::done)
}

async fn find_all(world: &Environment, deployment: &str) -> Result<Found, StepError> {
    let mut found = Found::default();
    monitoring::find(world, deployment, &mut found).await?;
    containers::find(world, deployment, &mut found).await?;
    let balancers = load_balancing::find(world, deployment, &mut found).await?;
    let of_certificates = certificates::find(world, deployment, &mut found).await?;
    records::find(world, &balancers, &of_certificates, &mut found).await?;
    identity::find(world, deployment, &mut found).await?;
    database::find(world, deployment, &mut found).await?;
    network::find(world, deployment, &mut found).await?;
    found.total = found.count();
    Ok(found)
}

impl Found {
    fn count(&self) -> usize {
        [
            self.alarm_names.len(),
            self.topic_arns.len(),
            self.services.len(),
            self.records.len(),
            self.listener_arns.len(),
            self.load_balancer_arns.len(),
            self.target_group_arns.len(),
            self.task_definition_arns.len(),
            self.cluster_arns.len(),
            self.log_group_names.len(),
            self.roles.len(),
            self.secret_arns.len(),
            self.databases.len(),
            self.database_subnet_group_names.len(),
            self.instance_ids.len(),
            self.key_pair_ids.len(),
            self.security_groups.len(),
            self.route_tables.len(),
            self.internet_gateways.len(),
            self.subnet_ids.len(),
            self.vpc_ids.len(),
            self.certificate_arns.len(),
        ]
        .into_iter()
        .sum()
    }
}
