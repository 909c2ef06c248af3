//! The default VPC, or one that exists already.

use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_ec2::types::{RouteTable, Subnet, Vpc};
use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::filter;
use crate::{
    Environment,
    failure::{failure, failure_for},
};

/// A load balancer needs two subnets in different zones.
const SUBNETS: usize = 2;

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ec2:useVpc",
        "Finds two public subnets, in different zones, of the default VPC or of one that exists.",
        ["ec2:DescribeVpcs", "ec2:DescribeSubnets", "ec2:DescribeRouteTables"],
        use_vpc
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UseVpc {
    /// The VPC's id; none for the region's default VPC.
    vpc_id: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct VpcToUse {
    vpc_id: String,
    cidr: String,
    /// Two, in different zones, with a route to an internet gateway.
    subnet_ids: Vec<String>,
}

async fn use_vpc(environment: Arc<Environment>, context: StepContext, input: UseVpc) -> StepResult<VpcToUse> {
    let vpc = find_vpc(&environment, &context, input.vpc_id.as_deref()).await?;
    let vpc_id = vpc.vpc_id().unwrap_or_default().to_owned();
    let ec2 = environment.ec2_reads();
    let subnets = ec2.describe_subnets().filters(filter("vpc-id", &vpc_id)).send().await;
    let subnets = subnets.map_err(|error| failure("ec2:DescribeSubnets", error))?;
    let tables = ec2.describe_route_tables().filters(filter("vpc-id", &vpc_id)).send().await;
    let tables = tables.map_err(|error| failure("ec2:DescribeRouteTables", error))?;
    let only_default = input.vpc_id.is_none();
    // What stands in for AWS has a default VPC without an internet gateway.
    let public_anyway = only_default && environment.is_rehearsal();
    let candidates = subnets
        .subnets()
        .iter()
        .filter(|subnet| !only_default || subnet.default_for_az() == Some(true))
        .filter(|subnet| public_anyway || is_public(subnet, tables.route_tables()));
    let subnet_ids = choose_subnets(candidates).ok_or_else(|| {
        let kind = if only_default { "the default VPC " } else { "" };
        StepError::new(
            ErrorClass::Invalid,
            format!(
                "{kind}{vpc_id} has no two subnets in different Availability Zones with a route to an internet gateway"
            ),
        )
        .hint("Add such subnets, or let the deployment make a VPC of its own.")
    })?;
    let cidr = vpc.cidr_block().unwrap_or_default().to_owned();
    Ok(Answer::done(VpcToUse { vpc_id, cidr, subnet_ids }))
}

async fn find_vpc(environment: &Environment, context: &StepContext, vpc_id: Option<&str>) -> Result<Vpc, StepError> {
    let call = environment.ec2_reads().describe_vpcs();
    let call = match vpc_id {
        Some(vpc_id) => call.vpc_ids(vpc_id),
        None => call.filters(filter("is-default", "true")),
    };
    let found = call
        .send()
        .await
        .map_err(|error| failure_for(context, vpc_id.unwrap_or_default(), "ec2:DescribeVpcs", error))?;
    found.vpcs.unwrap_or_default().into_iter().next().ok_or_else(|| {
        StepError::new(ErrorClass::Invalid, format!("region {} has no default VPC", environment.region()))
            .hint("Name an existing VPC, or let the deployment make one of its own.")
    })
}

/// The first subnet of each of the first two zones by name, so that every run chooses the same.
fn choose_subnets<'a>(candidates: impl Iterator<Item = &'a Subnet>) -> Option<Vec<String>> {
    let mut public: Vec<(&str, &str)> =
        candidates.filter_map(|subnet| Some((subnet.availability_zone()?, subnet.subnet_id()?))).collect();
    public.sort_unstable();
    let mut zones = BTreeSet::new();
    public.retain(|(zone, _)| zones.insert(*zone));
    public.truncate(SUBNETS);
    (public.len() == SUBNETS).then(|| public.into_iter().map(|(_, id)| id.to_owned()).collect())
}

/// Whether the route table that the subnet uses, its own or else the VPC's main one, leads to an internet gateway.
fn is_public(subnet: &Subnet, tables: &[RouteTable]) -> bool {
    let own = |table: &&RouteTable| table.associations().iter().any(|found| found.subnet_id() == subnet.subnet_id());
    let main = |table: &&RouteTable| table.associations().iter().any(|found| found.main() == Some(true));
    // An association of the main table has no subnet, which must not count as the same as a subnet without an id.
    let table = match subnet.subnet_id() {
        Some(_) => tables.iter().find(own).or_else(|| tables.iter().find(main)),
        None => None,
    };
    table.is_some_and(|table| {
        table.routes().iter().any(|route| {
            route.destination_cidr_block() == Some("0.0.0.0/0")
                && route.gateway_id().is_some_and(|gateway| gateway.starts_with("igw-"))
        })
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{Route, RouteTableAssociation};

    use super::*;

    fn subnet(id: &str, zone: &str) -> Subnet {
        Subnet::builder().subnet_id(id).availability_zone(zone).build()
    }

    fn table(gateway: &str, association: RouteTableAssociation) -> RouteTable {
        let route = Route::builder().destination_cidr_block("0.0.0.0/0").gateway_id(gateway).build();
        RouteTable::builder().routes(route).associations(association).build()
    }

    #[test]
    fn private_subnets_and_a_second_one_in_the_same_zone_are_not_chosen() {
        let main = table("igw-1", RouteTableAssociation::builder().main(true).build());
        let private = table("vgw-1", RouteTableAssociation::builder().subnet_id("subnet-0").build());
        let tables = [private, main];
        let subnets =
            [subnet("subnet-3", "b"), subnet("subnet-2", "a"), subnet("subnet-1", "a"), subnet("subnet-0", "a")];
        let public = || subnets.iter().filter(|subnet| is_public(subnet, &tables));
        assert_eq!(public().count(), 3);
        assert_eq!(choose_subnets(public()), Some(vec!["subnet-1".into(), "subnet-3".into()]));
        assert_eq!(choose_subnets(public().skip(1)), None);
    }
}
