//! Checks whether the input requires changes that the bastion or the network of a deployment does not support.

use aws_sdk_ec2::types::{Filter, Instance, Subnet};
use engine::step::StepError;

use super::{filter, foreign_rules, of_deployment, quotas};
use crate::{
    Environment,
    elbv2::{tags_of, target_group_named},
    failure::{failure, is_missing},
    found_tags,
    service::{CheckChanges, Objections},
    tags::{DEPLOYMENT, sanitised},
};

pub(super) async fn check(
    environment: &Environment,
    input: &CheckChanges,
    objections: &mut Objections,
) -> Result<(), StepError> {
    if let Some(name) = &input.bastion_name
        && let Some(instance) = instance(environment, &input.deployment, name).await?
    {
        check_bastion(input, &instance, &mut objections.problems);
    }
    let has_network = check_network(environment, input, objections).await?;
    objections.notes.extend(foreign_rules::notes(environment, &input.deployment, &input.groups).await?);
    if !has_network && input.vpc_cidr.is_some() {
        quotas::check_vpcs(environment, &mut objections.problems, &mut objections.notes).await?;
    }
    Ok(())
}

async fn instance(environment: &Environment, deployment: &str, name: &str) -> Result<Option<Instance>, StepError> {
    let filter = |name: &str, values: &[&str]| {
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Filter::builder().name(name).set_values(Some(values)).build()
    };
    let found = environment
        .ec2_reads()
        .describe_instances()
        .filters(filter(&format!("tag:{DEPLOYMENT}"), &[&sanitised(deployment)]))
        .filters(filter("tag:Name", &[&sanitised(name)]))
        .filters(filter("instance-state-name", &["pending", "running", "stopping", "stopped"]))
        .send()
        .await
        .map_err(|error| failure("ec2:DescribeInstances", error))?;
    let found = found.reservations.unwrap_or_default();
    Ok(found.into_iter().flat_map(|reservation| reservation.instances.unwrap_or_default()).next())
}

fn check_bastion(input: &CheckChanges, instance: &Instance, problems: &mut Vec<String>) {
    let id = instance.instance_id().unwrap_or("the bastion");
    let replace = "The instance is replaced by a run with bastion.enabled: false and another one with it true";
    let mut differs = |field: &str, wanted: &str, existing: Option<&str>| {
        if let Some(existing) = existing.filter(|existing| *existing != wanted) {
            problems.push(format!("{field} is {wanted} in the input, and {id} was created with {existing}. {replace}"));
        }
    };
    let instance_type = instance.instance_type().map(|kind| kind.as_str());
    differs("bastion.instanceType", &input.bastion_instance_type, instance_type);
    let tags = found_tags!(instance.tags());
    differs("bastion.ubuntuRelease", &input.bastion_release, tags.release.as_deref());
    differs("bastion.keyPair", &input.bastion_key_name, instance.key_name());
}

/// Compares the network of the deployment with the input. Returns whether it has one.
async fn check_network(
    environment: &Environment,
    input: &CheckChanges,
    objections: &mut Objections,
) -> Result<bool, StepError> {
    let vpcs = vpcs_of_deployment(environment, input).await?;
    let problems = &mut objections.problems;
    let Some(existing) = vpcs.used().map(str::to_owned) else { return Ok(false) };
    let found = environment.ec2_reads().describe_vpcs().vpc_ids(&existing).send().await;
    let found = match found {
        Ok(found) => found.vpcs.unwrap_or_default(),
        Err(error) if is_missing(&error) => Vec::new(),
        Err(error) => return Err(failure("ec2:DescribeVpcs", error)),
    };
    let Some(vpc) = found.first() else {
        problems.extend(vpcs.left_behind(&input.target_group_name, "which does not exist any more"));
        return Ok(false);
    };
    if !vpcs.tagged.is_empty() && !vpcs.tagged.contains(&existing) {
        problems.extend(vpcs.left_behind(&input.target_group_name, "and the deployment has another VPC"));
        return Ok(true);
    }
    let is_own = found_tags!(vpc.tags()).is_ours(&input.deployment);
    let stay = "A deployment cannot move: set the input back, or tear it down first";
    match (&input.vpc_id, &input.vpc_cidr) {
        (Some(wanted), _) if *wanted != existing => {
            problems.push(format!("vpc.id is {wanted} in the input, and the deployment is in {existing}. {stay}"));
        }
        (None, None) if vpc.is_default() != Some(true) => {
            problems.push(format!("vpc.mode is default in the input, and the deployment is in {existing}. {stay}"));
        }
        (None, Some(_)) if !is_own => {
            problems.push(format!("vpc.mode is new in the input, and the deployment is in {existing}. {stay}"));
        }
        (None, Some(cidr)) if vpc.cidr_block().is_some_and(|existing| existing != cidr) => {
            let existing = vpc.cidr_block().unwrap_or_default();
            problems.push(format!("vpc.cidr is {cidr} in the input, and the VPC has {existing}. {stay}"));
        }
        _ => {}
    }
    if is_own && input.vpc_cidr.is_some() {
        check_subnets(environment, input, &existing, objections).await?;
    }
    Ok(true)
}

/// Compares the subnets of the deployment's own VPC with the input.
async fn check_subnets(
    environment: &Environment,
    input: &CheckChanges,
    vpc_id: &str,
    objections: &mut Objections,
) -> Result<(), StepError> {
    let call = environment.ec2_reads().describe_subnets().filters(filter("vpc-id", vpc_id));
    let found = call.filters(of_deployment(&input.deployment)).send().await;
    let found = found.map_err(|error| failure("ec2:DescribeSubnets", error))?;
    compare_subnets(input, found.subnets(), objections);
    Ok(())
}

/// The section "VPC and subnets" names the subnets `DEPLOYMENT-1` and `DEPLOYMENT-2`.
fn compare_subnets(input: &CheckChanges, subnets: &[Subnet], objections: &mut Objections) {
    let named = |index: usize| {
        let name = sanitised(&format!("{}-{}", input.deployment, index + 1));
        subnets.iter().find(|subnet| {
            subnet.tags().iter().any(|tag| tag.key() == Some("Name") && tag.value() == Some(name.as_str()))
        })
    };
    for (index, wanted) in input.vpc_subnet_cidrs.iter().flatten().enumerate() {
        let existing = named(index).and_then(Subnet::cidr_block);
        if let Some(existing) = existing.filter(|existing| existing != wanted) {
            objections.problems.push(format!(
                "vpc.subnetCidrs has {wanted} at {index} in the input, and the subnet has {existing}. The addresses of a subnet cannot \
                 change: set the input back, or tear the deployment down first"
            ));
        }
    }
    for (index, wanted) in input.vpc_availability_zones.iter().flatten().enumerate() {
        let existing = named(index).and_then(Subnet::availability_zone);
        if let Some(existing) = existing.filter(|existing| existing != wanted) {
            objections.notes.push(format!(
                "vpc.availabilityZones has {wanted} at {index} in the input, and the subnet is in {existing}: a subnet stays in its zone."
            ));
        }
    }
}

/// The VPCs of a deployment.
struct Vpcs {
    /// The VPC of the deployment's target group.
    of_target_group: Option<String>,
    /// The VPCs with the deployment's tag.
    tagged: Vec<String>,
}

impl Vpcs {
    /// The VPC of the target group, or the deployment's VPC if no run has created the target group.
    fn used(&self) -> Option<&str> {
        self.of_target_group.as_deref().or(self.tagged.first().map(String::as_str))
    }

    /// The problem of a target group in another VPC than the deployment's: it cannot move, and a run cannot create a second one of its
    /// name.
    fn left_behind(&self, target_group_name: &str, why: &str) -> Option<String> {
        let vpc_id = self.of_target_group.as_ref()?;
        Some(format!(
            "target group {target_group_name} of this deployment is left in {vpc_id}, {why}: an interrupted teardown leaves it. Run \
             flow run endpoints-aws-teardown to its end first"
        ))
    }
}

async fn vpcs_of_deployment(environment: &Environment, input: &CheckChanges) -> Result<Vpcs, StepError> {
    let group = target_group_named(environment, &input.target_group_name).await?;
    let mut of_target_group = None;
    if let Some((arn, vpc_id)) = group.and_then(|group| Some((group.target_group_arn?, group.vpc_id?))) {
        let ours = tags_of(environment, &arn).await?.is_some_and(|tags| tags.is_ours(&input.deployment));
        of_target_group = ours.then_some(vpc_id);
    }
    let found = environment.ec2_reads().describe_vpcs().filters(of_deployment(&input.deployment)).send().await;
    let found = found.map_err(|error| failure("ec2:DescribeVpcs", error))?;
    let tagged = found.vpcs().iter().filter_map(|vpc| vpc.vpc_id().map(str::to_owned)).collect();
    Ok(Vpcs { of_target_group, tagged })
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{InstanceType, Tag};

    use super::*;

    #[test]
    fn another_kind_of_bastion_is_refused_and_says_how_to_replace_it() {
        let release = Tag::builder().key("flow:ubuntu-release").value("22.04").build();
        let instance = Instance::builder().instance_id("i-1").instance_type(InstanceType::T3Micro).tags(release);
        let instance = instance.key_name("demo-bastion").build();
        let mut problems = Vec::new();
        check_bastion(&CheckChanges::example(), &instance, &mut problems);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("bastion.ubuntuRelease is 24.04") && problems[0].contains("enabled: false"));
        let larger = CheckChanges {
            bastion_instance_type: "t3.small".into(),
            bastion_release: "22.04".into(),
            ..CheckChanges::example()
        };
        let mut problems = Vec::new();
        check_bastion(&larger, &instance, &mut problems);
        assert!(problems.len() == 1 && problems[0].contains("i-1 was created with t3.micro"), "{problems:?}");
    }

    #[test]
    fn other_addresses_of_a_subnet_are_refused_and_another_zone_is_named() {
        let subnet = |name: &str, cidr: &str| {
            let tag = Tag::builder().key("Name").value(name).build();
            Subnet::builder().cidr_block(cidr).availability_zone("r-1a").tags(tag).build()
        };
        let subnets = [subnet("demo-2", "10.100.10.64/26"), subnet("demo-1", "10.100.10.0/26")];
        let mut objections = Objections::default();
        compare_subnets(&CheckChanges::example(), &subnets, &mut objections);
        assert!(objections.problems.is_empty() && objections.notes.is_empty(), "{objections:?}");
        let other = CheckChanges {
            vpc_subnet_cidrs: Some(vec!["10.100.10.0/26".into(), "10.100.20.0/26".into()]),
            vpc_availability_zones: Some(vec!["r-1a".into(), "r-1c".into()]),
            ..CheckChanges::example()
        };
        compare_subnets(&other, &subnets, &mut objections);
        assert!(objections.problems.len() == 1 && objections.problems[0].contains("10.100.20.0/26"), "{objections:?}");
        assert!(objections.notes.len() == 1 && objections.notes[0].contains("r-1c"), "{objections:?}");
    }

    #[test]
    fn a_target_group_that_a_teardown_left_says_what_to_do() {
        let vpcs = Vpcs { of_target_group: Some("vpc-1".to_owned()), tagged: Vec::new() };
        assert_eq!(vpcs.used(), Some("vpc-1"));
        let problem = vpcs.left_behind("demo-app", "which does not exist any more").unwrap_or_default();
        assert!(problem.contains("vpc-1") && problem.contains("flow run endpoints-aws-teardown"), "{problem}");
        let vpcs = Vpcs { of_target_group: None, tagged: vec!["vpc-2".to_owned()] };
        assert_eq!((vpcs.used(), vpcs.left_behind("demo-app", "")), (Some("vpc-2"), None));
    }
}
