//! Uses the default VPC or an existing one.

use std::{collections::BTreeSet, sync::Arc};

use aws_sdk_ec2::types::{RouteTable, Subnet, Vpc};
use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::filter;
use crate::{
    Environment,
    elbv2::{load_balancer_named, tags_of},
    failure::{failure, failure_for},
};

/// A load balancer needs subnets in two zones.
const SUBNETS_MIN: usize = 2;

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ec2:useVpc",
        "Chooses public subnets, one for each zone, of the default VPC or of one that exists; a deployment keeps those it has.",
        [
            "ec2:DescribeVpcs",
            "ec2:DescribeSubnets",
            "ec2:DescribeRouteTables",
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeTags",
        ],
        use_vpc
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UseVpc {
    /// The VPC's id; none for the region's default VPC.
    vpc_id: Option<String>,
    /// The subnets to use; without them those of the deployment's load balancer, or one for each zone.
    #[serde(default)]
    subnet_ids: Option<Vec<String>>,
    /// The deployment whose subnets are kept.
    #[serde(default)]
    deployment: Option<String>,
    /// Its load balancer.
    #[serde(default)]
    load_balancer_name: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct VpcToUse {
    vpc_id: String,
    cidr: String,
    /// At least two, each in another zone, with a route to an internet gateway.
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
    // The rehearsal's AWS API has a default VPC without an internet gateway.
    let public_anyway = only_default && environment.is_rehearsal();
    let candidates: Vec<&Subnet> =
        subnets.subnets().iter().filter(|subnet| public_anyway || is_public(subnet, tables.route_tables())).collect();
    let cidr = vpc.cidr_block().unwrap_or_default().to_owned();
    let answer = |subnet_ids| Ok(Answer::done(VpcToUse { vpc_id: vpc_id.clone(), cidr, subnet_ids }));
    if let Some(wanted) = &input.subnet_ids {
        return answer(named_subnets(&vpc_id, wanted, &candidates)?);
    }
    if let Some(kept) = kept_subnets(&environment, &input).await?
        && kept.iter().all(|id| candidates.iter().any(|subnet| subnet.subnet_id() == Some(id)))
    {
        return answer(kept);
    }
    let by_default = candidates.into_iter().filter(|subnet| !only_default || subnet.default_for_az() == Some(true));
    let chosen = choose_subnets(by_default).ok_or_else(|| {
        let kind = if only_default { "the default VPC " } else { "" };
        StepError::new(
            ErrorClass::Invalid,
            format!(
                "{kind}{vpc_id} has no two subnets in different Availability Zones with a route to an internet gateway"
            ),
        )
        .hint("Add such subnets, or let the deployment make a VPC of its own.")
    })?;
    answer(chosen)
}

/// Checks the subnets that the input names.
///
/// # Errors
/// `Invalid` if a subnet is not a public subnet of the VPC, if two are in one zone, or if there are fewer than two.
fn named_subnets(vpc_id: &str, wanted: &[String], candidates: &[&Subnet]) -> Result<Vec<String>, StepError> {
    let invalid = |cause: String| {
        let hint =
            "vpc.subnetIds names public subnets of the VPC, each in another Availability Zone, and at least two.";
        Err(StepError::new(ErrorClass::Invalid, cause).hint(hint))
    };
    let mut zones = BTreeSet::new();
    for id in wanted {
        let Some(subnet) = candidates.iter().find(|subnet| subnet.subnet_id() == Some(id)) else {
            return invalid(format!("{id} is no subnet of {vpc_id} with a route to an internet gateway"));
        };
        if !zones.insert(subnet.availability_zone().unwrap_or_default()) {
            return invalid(format!("{id} is in a zone that another of the subnets is in"));
        }
    }
    if zones.len() < SUBNETS_MIN {
        return invalid(format!("vpc.subnetIds names {} subnet, and a load balancer needs {SUBNETS_MIN}", zones.len()));
    }
    Ok(wanted.to_vec())
}

/// The subnets of the deployment's load balancer. They are kept, whatever subnets are later added to the VPC.
async fn kept_subnets(environment: &Environment, input: &UseVpc) -> Result<Option<Vec<String>>, StepError> {
    let (Some(deployment), Some(name)) = (&input.deployment, &input.load_balancer_name) else { return Ok(None) };
    let Some(balancer) = load_balancer_named(environment, name).await? else { return Ok(None) };
    let arn = balancer.load_balancer_arn().unwrap_or_default();
    let ours = tags_of(environment, arn).await?.is_some_and(|tags| tags.is_ours(deployment));
    let subnets = balancer.availability_zones().iter().filter_map(|zone| zone.subnet_id().map(str::to_owned));
    Ok(Some(subnets.collect::<Vec<_>>()).filter(|subnets| ours && subnets.len() >= SUBNETS_MIN))
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

/// The first subnet of each zone by name, so that every run chooses the same subnets. A load balancer uses one subnet of each zone.
fn choose_subnets<'a>(candidates: impl Iterator<Item = &'a Subnet>) -> Option<Vec<String>> {
    let mut public: Vec<(&str, &str)> =
        candidates.filter_map(|subnet| Some((subnet.availability_zone()?, subnet.subnet_id()?))).collect();
    public.sort_unstable();
    let mut zones = BTreeSet::new();
    public.retain(|(zone, _)| zones.insert(*zone));
    (public.len() >= SUBNETS_MIN).then(|| public.into_iter().map(|(_, id)| id.to_owned()).collect())
}

/// Whether the route table of the subnet, or else the main one of the VPC, has a route to an internet gateway.
fn is_public(subnet: &Subnet, tables: &[RouteTable]) -> bool {
    let own = |table: &&RouteTable| table.associations().iter().any(|found| found.subnet_id() == subnet.subnet_id());
    let main = |table: &&RouteTable| table.associations().iter().any(|found| found.main() == Some(true));
    // The association of the main table has no subnet. It must not match a subnet without an id.
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
        let more = [subnet("subnet-1", "a"), subnet("subnet-3", "b"), subnet("subnet-4", "c")];
        assert_eq!(choose_subnets(more.iter()).map(|chosen| chosen.len()), Some(3), "one for each zone");
    }

    #[test]
    fn subnets_that_the_input_names_are_checked() {
        let subnets = [subnet("subnet-1", "a"), subnet("subnet-2", "a"), subnet("subnet-3", "b")];
        let candidates: Vec<&Subnet> = subnets.iter().collect();
        let named = |ids: &[&str]| {
            let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            named_subnets("vpc-1", &ids, &candidates).map_err(|error| error.cause)
        };
        assert_eq!(named(&["subnet-3", "subnet-2"]), Ok(vec!["subnet-3".to_owned(), "subnet-2".to_owned()]));
        assert!(named(&["subnet-1", "subnet-9"]).is_err_and(|cause| cause.contains("subnet-9 is no subnet of vpc-1")));
        assert!(named(&["subnet-1", "subnet-2"]).is_err_and(|cause| cause.contains("subnet-2 is in a zone")));
        assert!(named(&["subnet-1"]).is_err());
    }
}
