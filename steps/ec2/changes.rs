//! Checks whether the input requires changes that the bastion or the network of a deployment does not support.

use aws_sdk_ec2::types::{Filter, Instance};
use engine::step::StepError;

use super::quotas;
use crate::{
    Environment,
    failure::{failure, is_missing},
    found_tags,
    preflight::{CheckChanges, Objections},
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
    let has_network = check_network(environment, input, &mut objections.problems).await?;
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
    problems: &mut Vec<String>,
) -> Result<bool, StepError> {
    let Some(existing) = vpc_of_deployment(environment, input).await? else { return Ok(false) };
    let found = environment.ec2_reads().describe_vpcs().vpc_ids(&existing).send().await;
    let found = match found {
        Ok(found) => found,
        Err(error) if is_missing(&error) => return Ok(false),
        Err(error) => return Err(failure("ec2:DescribeVpcs", error)),
    };
    let Some(vpc) = found.vpcs().first() else { return Ok(false) };
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
    Ok(true)
}

/// The VPC of the deployment's target group, or the deployment's own VPC if a run did not reach the target group.
async fn vpc_of_deployment(environment: &Environment, input: &CheckChanges) -> Result<Option<String>, StepError> {
    let elbv2 = environment.elbv2_reads();
    let group = match elbv2.describe_target_groups().names(&input.target_group_name).send().await {
        Ok(answer) => answer.target_groups.unwrap_or_default().into_iter().next(),
        Err(error) if is_missing(&error) => None,
        Err(error) => return Err(failure("elasticloadbalancing:DescribeTargetGroups", error)),
    };
    if let Some((arn, vpc_id)) = group.and_then(|group| Some((group.target_group_arn?, group.vpc_id?))) {
        let tags = elbv2.describe_tags().resource_arns(arn).send().await;
        let tags = tags.map_err(|error| failure("elasticloadbalancing:DescribeTags", error))?;
        let ours = tags.tag_descriptions().iter().any(|found| found_tags!(found.tags()).is_ours(&input.deployment));
        return Ok(ours.then_some(vpc_id));
    }
    let tagged = Filter::builder().name(format!("tag:{DEPLOYMENT}")).values(sanitised(&input.deployment)).build();
    let found = environment.ec2_reads().describe_vpcs().filters(tagged).send().await;
    let found = found.map_err(|error| failure("ec2:DescribeVpcs", error))?;
    Ok(found.vpcs().first().and_then(|vpc| vpc.vpc_id().map(str::to_owned)))
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
}
