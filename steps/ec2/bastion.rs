//! Finds what an earlier run created for a bastion that the input switches off.

use std::sync::Arc;

use aws_sdk_ec2::types::{Instance, InstanceNetworkInterface, SecurityGroup};
use engine::step::{Answer, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{filter, holders, key_pair, not_terminated, of_deployment, security_group, security_group_rule};
use crate::{Environment, failure::failure, found_tags, tags::sanitised};

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ec2:findBastion",
        "Finds what earlier runs created for the deployment's bastion: instance, key pair and security group.",
        [
            "ec2:DescribeInstances",
            "ec2:DescribeKeyPairs",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSecurityGroupRules",
            "ec2:DescribeNetworkInterfaces",
        ],
        find_bastion
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FindBastion {
    deployment: String,
    /// The instance's name.
    name: String,
    /// The key pair's name.
    key_name: String,
    vpc_id: String,
    /// The security group's name.
    group_name: String,
    /// The security group whose rules may refer to the bastion's.
    database_group_id: String,
}

#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FoundBastion {
    instance_ids: Vec<String>,
    key_pair_ids: Vec<String>,
    /// Security groups of the bastion that nothing else uses.
    group_ids: Vec<String>,
    /// Security groups of the bastion, including those that stay.
    groups_to_close: Vec<GroupToClose>,
    /// The resources that are not deleted, each with the reason.
    stays: Vec<String>,
}

/// A security group of the bastion with the rules to remove.
#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct GroupToClose {
    group_id: String,
    /// The rules of the group.
    rule_ids: Vec<String>,
    /// The rules of the database's group that let it in.
    database_rule_ids: Vec<String>,
}

async fn find_bastion(
    environment: Arc<Environment>,
    _context: StepContext,
    input: FindBastion,
) -> StepResult<FoundBastion> {
    let instances = instances(&environment, &input).await?;
    let pair = key_pair::find(&environment, &input.key_name).await?;
    let pair = pair.filter(|pair| found_tags!(pair.tags()).is_ours(&input.deployment));
    let group = security_group::named(&environment, &input.vpc_id, &input.group_name).await;
    let group = group.map_err(|error| failure("ec2:DescribeSecurityGroups", error))?;
    let ours = |group: &SecurityGroup| found_tags!(group.tags()).is_ours(&input.deployment);
    for instance in &instances {
        let settings = json!({ "instanceType": instance.instance_type().map(|kind| kind.as_str()) });
        environment.record_found(instance.instance_id().unwrap_or_default(), Some(&input.name), settings);
    }
    if let Some(id) = pair.as_ref().and_then(|pair| pair.key_pair_id()) {
        environment.record_found(id, Some(&input.key_name), Value::Null);
    }
    let mut found = FoundBastion {
        instance_ids: instances.iter().filter_map(|instance| instance.instance_id.clone()).collect(),
        key_pair_ids: pair.and_then(|pair| pair.key_pair_id).into_iter().collect(),
        ..FoundBastion::default()
    };
    if let Some(group_id) = group.filter(ours).and_then(|group| group.group_id) {
        environment.record_found(&group_id, Some(&input.group_name), Value::Null);
        let own = interfaces(&instances);
        let users = holders::other_users(&environment, &group_id, &own, &input.database_group_id).await?;
        let database_group_id = &input.database_group_id;
        let group = GroupToClose {
            rule_ids: security_group_rule::ids(&environment, &group_id).await?,
            database_rule_ids: security_group_rule::ids_from(&environment, database_group_id, &group_id).await?,
            group_id,
        };
        add_group(&mut found, &input.group_name, group, &users);
    }
    Ok(Answer::done(found))
}

async fn instances(environment: &Environment, input: &FindBastion) -> Result<Vec<Instance>, StepError> {
    let found = environment
        .ec2_reads()
        .describe_instances()
        .filters(of_deployment(&input.deployment))
        .filters(filter("tag:Name", &sanitised(&input.name)))
        .filters(not_terminated())
        .send()
        .await
        .map_err(|error| failure("ec2:DescribeInstances", error))?;
    let found = found.reservations.unwrap_or_default();
    Ok(found.into_iter().flat_map(|reservation| reservation.instances.unwrap_or_default()).collect())
}

/// The ids of the instances' network interfaces.
fn interfaces(instances: &[Instance]) -> Vec<&str> {
    let interfaces = instances.iter().flat_map(Instance::network_interfaces);
    interfaces.filter_map(InstanceNetworkInterface::network_interface_id).collect()
}

/// Adds the bastion's group. AWS deletes no group that a network interface or a rule uses.
fn add_group(found: &mut FoundBastion, name: &str, group: GroupToClose, users: &[String]) {
    if users.is_empty() {
        found.group_ids.push(group.group_id.clone());
    } else {
        let (group_id, users) = (&group.group_id, users.join(", "));
        found.stays.push(format!("security group {name} ({group_id}), without rules, because of {users}"));
    }
    found.groups_to_close.push(group);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_something_else_uses_is_closed_and_named_and_not_deleted() {
        let group = || GroupToClose { group_id: "sg-1".into(), ..GroupToClose::default() };
        let mut found = FoundBastion::default();
        add_group(&mut found, "SSH from Internet", group(), &[]);
        assert_eq!((found.group_ids.as_slice(), found.stays.len()), (&["sg-1".to_owned()][..], 0));
        let mut found = FoundBastion::default();
        add_group(&mut found, "SSH from Internet", group(), &["network interface eni-9 (of a person)".into()]);
        assert_eq!((found.group_ids.len(), found.groups_to_close.len()), (0, 1));
        assert!(found.stays[0].contains("sg-1") && found.stays[0].contains("eni-9"), "{:?}", found.stays);
    }
}
