//! Checks that precede a teardown: resources of others in the deployment's VPC, and references to its security groups. Without them, AWS
//! would refuse the deletion of the VPC or of the groups after everything else is deleted.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{Filter, NetworkInterface, SecurityGroup, Subnet};
use engine::step::StepError;

use super::{filter, holders};
use crate::{
    Environment,
    failure::failure,
    found_tags,
    service::{CheckDeletions, DeletionFindings},
};

/// The group that EC2 creates with each VPC and deletes with it.
const DEFAULT_GROUP: &str = "default";
/// The filters for groups with a rule that refers to a group.
const REFERRING: [&str; 2] = ["ip-permission.group-id", "egress.ip-permission.group-id"];

pub(super) const ACTIONS: &[&str] =
    &["ec2:DescribeSecurityGroups", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"];

pub(super) async fn check(
    environment: &Environment,
    input: &CheckDeletions,
    findings: &mut DeletionFindings,
) -> Result<(), StepError> {
    for vpc_id in &input.vpc_ids {
        let others = others_in(environment, vpc_id, input).await?;
        if !others.is_empty() {
            findings.problems.push(format!(
                "{vpc_id} contains what does not belong to deployment {}: {}. Remove it first; another deployment has a teardown of \
                 its own",
                input.deployment,
                holders::listed(others)
            ));
        }
    }
    if input.group_ids.is_empty() {
        return Ok(());
    }
    let users = users_of_groups(environment, input).await?;
    if !users.is_empty() {
        let users = holders::listed(users);
        findings.problems.push(format!(
            "the security groups of deployment {} are used by {users}. Remove this use first",
            input.deployment
        ));
    }
    Ok(())
}

/// The resources of others in a VPC.
async fn others_in(environment: &Environment, vpc_id: &str, input: &CheckDeletions) -> Result<Vec<String>, StepError> {
    let ec2 = environment.ec2_reads();
    let of_vpc = || filter("vpc-id", vpc_id);
    let mut others = Vec::new();
    let mut groups = ec2.describe_security_groups().filters(of_vpc()).into_paginator().items().send();
    while let Some(group) = groups.next().await {
        let group = group.map_err(|error| failure("ec2:DescribeSecurityGroups", error))?;
        if is_other_group(&group, input) {
            others.push(described_group(&group));
        }
    }
    let mut subnets = ec2.describe_subnets().filters(of_vpc()).into_paginator().items().send();
    while let Some(subnet) = subnets.next().await {
        let subnet = subnet.map_err(|error| failure("ec2:DescribeSubnets", error))?;
        if is_other_subnet(&subnet, input) {
            others.push(format!("subnet {}", subnet.subnet_id().unwrap_or_default()));
        }
    }
    let mut interfaces = ec2.describe_network_interfaces().filters(of_vpc()).into_paginator().items().send();
    while let Some(interface) = interfaces.next().await {
        let interface = interface.map_err(|error| failure("ec2:DescribeNetworkInterfaces", error))?;
        if !uses_own_group(&interface, input) {
            others.push(described_interface(&interface));
        }
    }
    Ok(others)
}

/// The users of the deployment's groups that are not deleted with them: rules of other groups, and other instances.
async fn users_of_groups(environment: &Environment, input: &CheckDeletions) -> Result<Vec<String>, StepError> {
    let ec2 = environment.ec2_reads();
    let of_groups = |name: &str| Filter::builder().name(name).set_values(Some(input.group_ids.clone())).build();
    let mut users = BTreeSet::new();
    for referring in REFERRING {
        let mut groups = ec2.describe_security_groups().filters(of_groups(referring)).into_paginator().items().send();
        while let Some(group) = groups.next().await {
            let group = group.map_err(|error| failure("ec2:DescribeSecurityGroups", error))?;
            if !is_own_group(&group, input) {
                users.insert(format!("a rule of {}", described_group(&group)));
            }
        }
    }
    let mut interfaces =
        ec2.describe_network_interfaces().filters(of_groups("group-id")).into_paginator().items().send();
    while let Some(interface) = interfaces.next().await {
        let interface = interface.map_err(|error| failure("ec2:DescribeNetworkInterfaces", error))?;
        if is_of_other_instance(&interface, input) {
            users.insert(described_interface(&interface));
        }
    }
    Ok(users.into_iter().collect())
}

fn contains(ids: &[String], id: Option<&str>) -> bool {
    id.is_some_and(|id| ids.iter().any(|own| own == id))
}

fn is_own_group(group: &SecurityGroup, input: &CheckDeletions) -> bool {
    contains(&input.group_ids, group.group_id())
}

fn is_other_group(group: &SecurityGroup, input: &CheckDeletions) -> bool {
    group.group_name() != Some(DEFAULT_GROUP) && !is_own_group(group, input)
}

fn is_other_subnet(subnet: &Subnet, input: &CheckDeletions) -> bool {
    !contains(&input.subnet_ids, subnet.subnet_id())
}

/// Whether a network interface is of the deployment: its load balancers, databases, tasks and instances have its groups.
fn uses_own_group(interface: &NetworkInterface, input: &CheckDeletions) -> bool {
    interface.groups().iter().any(|group| contains(&input.group_ids, group.group_id()))
}

/// Whether a network interface belongs to an instance of someone else. Those of load balancers, databases and tasks name no instance.
fn is_of_other_instance(interface: &NetworkInterface, input: &CheckDeletions) -> bool {
    let instance = interface.attachment().and_then(|attachment| attachment.instance_id());
    instance.is_some_and(|id| !id.is_empty()) && !contains(&input.instance_ids, instance)
}

fn described_group(group: &SecurityGroup) -> String {
    let (id, name) = (group.group_id().unwrap_or_default(), group.group_name().unwrap_or_default());
    match found_tags!(group.tags()).deployment {
        Some(deployment) => format!("security group {id} ({name}) of deployment {deployment}"),
        None => format!("security group {id} ({name})"),
    }
}

fn described_interface(interface: &NetworkInterface) -> String {
    let described = holders::described(interface);
    match interface.attachment().and_then(|attachment| attachment.instance_id()).filter(|id| !id.is_empty()) {
        Some(instance) => format!("{described} of instance {instance}"),
        None => described,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{GroupIdentifier, NetworkInterfaceAttachment, Tag};

    use super::*;

    fn input() -> CheckDeletions {
        CheckDeletions {
            group_ids: vec!["sg-1".into()],
            subnet_ids: vec!["subnet-1".into()],
            instance_ids: vec!["i-1".into()],
            ..CheckDeletions::example()
        }
    }

    fn interface(group: &str, instance: Option<&str>) -> NetworkInterface {
        let attachment = NetworkInterfaceAttachment::builder().set_instance_id(instance.map(str::to_owned)).build();
        let group = GroupIdentifier::builder().group_id(group).build();
        NetworkInterface::builder().network_interface_id("eni-1").groups(group).attachment(attachment).build()
    }

    #[test]
    fn what_another_deployment_has_in_the_vpc_is_named_and_the_own_is_not() {
        let group = |id: &str, name: &str| SecurityGroup::builder().group_id(id).group_name(name);
        assert!(!is_other_group(&group("sg-1", "WebApp").build(), &input()));
        assert!(!is_other_group(&group("sg-9", "default").build(), &input()), "EC2 deletes it with the VPC");
        let tag = Tag::builder().key("flow:deployment").value("tenant").build();
        let tenant = group("sg-2", "tenant WebApp").tags(tag).build();
        assert!(is_other_group(&tenant, &input()));
        assert_eq!(described_group(&tenant), "security group sg-2 (tenant WebApp) of deployment tenant");
        assert!(is_other_subnet(&Subnet::builder().subnet_id("subnet-2").build(), &input()));
        assert!(!is_other_subnet(&Subnet::builder().subnet_id("subnet-1").build(), &input()));
    }

    #[test]
    fn an_interface_is_the_deployments_own_by_its_groups_and_by_its_instance() {
        assert!(uses_own_group(&interface("sg-1", None), &input()));
        assert!(!uses_own_group(&interface("sg-2", None), &input()));
        assert!(!is_of_other_instance(&interface("sg-1", None), &input()), "of a load balancer");
        assert!(!is_of_other_instance(&interface("sg-1", Some("i-1")), &input()));
        let other = interface("sg-1", Some("i-2"));
        assert!(is_of_other_instance(&other, &input()));
        assert!(described_interface(&other).ends_with("of instance i-2"));
    }
}
