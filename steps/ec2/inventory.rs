//! Finds the instances, key pairs, security groups and networks of a deployment, and the holder of its key pair's name.
//! EC2 filters by tag itself.

use aws_sdk_ec2::types::{RouteTable, SecurityGroup, Tag};
use engine::step::StepError;
use serde_json::{Value, json};

use super::{filter, not_terminated, of_deployment, security_group_rule};
use crate::{
    Environment,
    failure::failure,
    found_tags,
    service::{CheckNames, Found, FoundInternetGateway, FoundRouteTable, FoundSecurityGroup, Holders, NameHolder},
};

/// The names of the groups in the order of deletion: a group precedes the groups that its rules refer to.
const ORDER: [&str; 4] = ["DB", "WebApp", "Load Balancer HTTPS", "SSH from Internet"];

/// Reads all pages of a call that is filtered by the deployment's tag, and collects `$pick` of each item.
macro_rules! tagged {
    ($deployment:expr, $action:literal, $call:expr, |$item:ident| $pick:expr) => {{
        let mut items = $call.filters(of_deployment($deployment)).into_paginator().items().send();
        let mut picked = Vec::new();
        while let Some($item) = items.next().await {
            let $item = $item.map_err(|error| failure($action, error))?;
            picked.extend($pick);
        }
        picked
    }};
}

pub(super) async fn find(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let ec2 = environment.ec2_reads();
    found.instance_ids = instances(environment, deployment).await?;
    let key_pairs = ec2.describe_key_pairs().filters(of_deployment(deployment)).send().await;
    let key_pairs = key_pairs.map_err(|error| failure("ec2:DescribeKeyPairs", error))?;
    for pair in key_pairs.key_pairs() {
        environment.record_found(pair.key_pair_id().unwrap_or_default(), pair.key_name(), Value::Null);
        found.key_pair_ids.extend(pair.key_pair_id.clone());
    }
    let groups = tagged!(deployment, "ec2:DescribeSecurityGroups", ec2.describe_security_groups(), |group| Some(group));
    for group in &groups {
        environment.record_found(group.group_id().unwrap_or_default(), group.group_name(), Value::Null);
    }
    found.security_groups = in_order(groups);
    for group in &mut found.security_groups {
        group.rule_ids = security_group_rule::ids(environment, &group.group_id).await?;
    }
    found.route_tables = tagged!(deployment, "ec2:DescribeRouteTables", ec2.describe_route_tables(), |table| {
        knows_name(environment, table.route_table_id(), table.tags());
        Some(route_table(&table))
    });
    found.internet_gateways =
        tagged!(deployment, "ec2:DescribeInternetGateways", ec2.describe_internet_gateways(), |gateway| {
            knows_name(environment, gateway.internet_gateway_id(), gateway.tags());
            let vpc_id = gateway.attachments().first().and_then(|attachment| attachment.vpc_id.clone());
            gateway.internet_gateway_id.map(|id| FoundInternetGateway { internet_gateway_id: id, vpc_id })
        });
    found.subnet_ids = tagged!(deployment, "ec2:DescribeSubnets", ec2.describe_subnets(), |subnet| {
        knows_name(environment, subnet.subnet_id(), subnet.tags());
        subnet.subnet_id
    });
    found.vpc_ids = tagged!(deployment, "ec2:DescribeVpcs", ec2.describe_vpcs(), |vpc| {
        knows_name(environment, vpc.vpc_id(), vpc.tags());
        vpc.vpc_id
    });
    Ok(())
}

/// Reports the `Name` of a resource for a plan.
fn knows_name(environment: &Environment, id: Option<&str>, tags: &[Tag]) {
    environment.record_found(id.unwrap_or_default(), found_tags!(tags).name.as_deref(), Value::Null);
}

async fn instances(environment: &Environment, deployment: &str) -> Result<Vec<String>, StepError> {
    let call = environment.ec2_reads().describe_instances().filters(not_terminated());
    let reservations =
        tagged!(deployment, "ec2:DescribeInstances", call, |reservation| reservation.instances.unwrap_or_default());
    for instance in &reservations {
        let settings = json!({ "instanceType": instance.instance_type().map(|kind| kind.as_str()) });
        let name = found_tags!(instance.tags()).name;
        environment.record_found(instance.instance_id().unwrap_or_default(), name.as_deref(), settings);
    }
    Ok(reservations.into_iter().filter_map(|instance| instance.instance_id).collect())
}

fn in_order(groups: Vec<SecurityGroup>) -> Vec<FoundSecurityGroup> {
    // In a shared VPC the group's name is prefixed with the deployment's.
    let rank = |name: &str| ORDER.iter().position(|known| name.ends_with(known)).unwrap_or(ORDER.len());
    let mut found: Vec<FoundSecurityGroup> = groups
        .into_iter()
        .map(|group| FoundSecurityGroup {
            group_id: group.group_id.unwrap_or_default(),
            name: group.group_name.unwrap_or_default(),
            rule_ids: Vec::new(),
        })
        .collect();
    found.sort_by_key(|group| rank(&group.name));
    found
}

fn route_table(table: &RouteTable) -> FoundRouteTable {
    // The main association and the VPC's own route are deleted with the table.
    let associations = table.associations().iter().filter(|association| association.main() != Some(true));
    let routes = table.routes().iter().filter(|route| route.gateway_id() != Some("local"));
    FoundRouteTable {
        route_table_id: table.route_table_id().unwrap_or_default().to_owned(),
        association_ids: associations.filter_map(|one| one.route_table_association_id.clone()).collect(),
        destination_cidrs: routes.filter_map(|route| route.destination_cidr_block.clone()).collect(),
    }
}

pub(super) async fn check_names(
    environment: &Environment,
    names: &CheckNames,
    holders: &mut Holders,
) -> Result<(), StepError> {
    let Some(name) = &names.key_pair_name else { return Ok(()) };
    let found = environment.ec2_reads().describe_key_pairs().filters(filter("key-name", name)).send().await;
    let found = found.map_err(|error| failure("ec2:DescribeKeyPairs", error))?;
    let pair = found.key_pairs().iter().find(|pair| pair.key_name() == Some(name.as_str()));
    holders.add("key pair", name, NameHolder::of(pair.map(|pair| found_tags!(pair.tags()))));
    Ok(())
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{Route, RouteTableAssociation};

    use super::*;

    #[test]
    fn a_group_goes_before_those_that_it_refers_to() {
        let named = |name: &str| SecurityGroup::builder().group_id("sg").group_name(name).build();
        let groups = ["other", "demo SSH from Internet", "demo Load Balancer HTTPS", "demo DB", "demo WebApp"];
        let found = in_order(groups.map(named).to_vec());
        let names: Vec<&str> = found.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["demo DB", "demo WebApp", "demo Load Balancer HTTPS", "demo SSH from Internet", "other"]);
    }

    #[test]
    fn what_cannot_be_deleted_by_itself_is_not_tried() {
        let table = RouteTable::builder()
            .route_table_id("rtb-1")
            .routes(Route::builder().destination_cidr_block("10.100.0.0/16").gateway_id("local").build())
            .routes(Route::builder().destination_cidr_block("0.0.0.0/0").gateway_id("igw-1").build())
            .associations(RouteTableAssociation::builder().main(true).route_table_association_id("main").build())
            .associations(RouteTableAssociation::builder().main(false).route_table_association_id("a-1").build());
        let found = route_table(&table.build());
        assert_eq!(found.association_ids, ["a-1"]);
        assert_eq!(found.destination_cidrs, ["0.0.0.0/0"]);
    }
}
