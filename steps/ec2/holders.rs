//! Finds what prevents the deletion of a resource: nearly always a network interface.

use aws_sdk_ec2::types::{Filter, NetworkInterface, SecurityGroup};
use engine::step::{ErrorClass, StepError};

use super::filter;
use crate::{Environment, failure::failure};

/// The most network interfaces that are named.
const NAMED_MAX: usize = 5;

/// Adds the network interfaces that match `interfaces` to a `Busy` failure.
pub(super) async fn explain(environment: &Environment, mut failure: StepError, interfaces: Filter) -> StepError {
    if failure.class != ErrorClass::Busy {
        return failure;
    }
    let found = environment.ec2_reads().describe_network_interfaces().filters(interfaces).send().await;
    let Ok(found) = found else { return failure };
    add(&mut failure, found.network_interfaces().iter().map(described).collect());
    failure
}

/// As [`explain`], and adds the security groups that refer to `group_id`.
pub(super) async fn explain_group(environment: &Environment, failure: StepError, group_id: &str) -> StepError {
    let mut failure = explain(environment, failure, filter("group-id", group_id)).await;
    if failure.class != ErrorClass::Busy {
        return failure;
    }
    let Ok(groups) = referring_groups(environment, group_id).await else { return failure };
    add(&mut failure, groups.iter().map(described_rule).collect());
    failure
}

/// The resources that use a security group, apart from these network interfaces and one group whose rules are about to be revoked.
pub(super) async fn other_users(
    environment: &Environment,
    group_id: &str,
    own_interfaces: &[&str],
    revoked_group_id: &str,
) -> Result<Vec<String>, StepError> {
    let call = environment.ec2_reads().describe_network_interfaces().filters(filter("group-id", group_id));
    let found = call.send().await.map_err(|error| failure("ec2:DescribeNetworkInterfaces", error))?;
    let is_own =
        |interface: &&NetworkInterface| interface.network_interface_id().is_some_and(|id| own_interfaces.contains(&id));
    let interfaces = found.network_interfaces().iter().filter(|interface| !is_own(interface)).map(described);
    let groups = referring_groups(environment, group_id).await?;
    let groups = groups.iter().filter(|group| group.group_id() != Some(revoked_group_id)).map(described_rule);
    Ok(interfaces.chain(groups).take(NAMED_MAX).collect())
}

/// The other groups with a rule that refers to this group.
async fn referring_groups(environment: &Environment, group_id: &str) -> Result<Vec<SecurityGroup>, StepError> {
    let referring = filter("ip-permission.group-id", group_id);
    let found = environment.ec2_reads().describe_security_groups().filters(referring).send().await;
    let found = found.map_err(|error| failure("ec2:DescribeSecurityGroups", error))?;
    let groups = found.security_groups.unwrap_or_default().into_iter();
    Ok(groups.filter(|group| group.group_id() != Some(group_id)).collect())
}

fn described_rule(group: &SecurityGroup) -> String {
    let (id, name) = (group.group_id().unwrap_or_default(), group.group_name().unwrap_or_default());
    format!("a rule of security group {id} ({name})")
}

fn add(failure: &mut StepError, holders: Vec<String>) {
    if holders.is_empty() {
        return;
    }
    failure.cause = format!("{}; held by {}", failure.cause.trim_end_matches('.'), listed(holders));
}

/// The first of several holders, and the number of the others.
pub(super) fn listed(holders: Vec<String>) -> String {
    let more = holders.len().saturating_sub(NAMED_MAX);
    let named = holders.into_iter().take(NAMED_MAX).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

pub(super) fn described(interface: &NetworkInterface) -> String {
    let id = interface.network_interface_id().unwrap_or_default();
    let status = interface.status().map_or("", |status| status.as_str());
    match interface.description() {
        Some(description) if !description.is_empty() => format!("network interface {id} ({description}, {status})"),
        _ => format!("network interface {id} ({status})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_held_by_many_says_so_in_one_line() {
        let mut failure = StepError::new(ErrorClass::Busy, "resource sg-1 has a dependent object.");
        add(&mut failure, (1..=7).map(|n| format!("eni-{n}")).collect());
        assert_eq!(
            failure.cause,
            "resource sg-1 has a dependent object; held by eni-1, eni-2, eni-3, eni-4, eni-5 and 2 more"
        );
        let interface = NetworkInterface::builder().network_interface_id("eni-9").description("ELB app/x/1").build();
        assert_eq!(described(&interface), "network interface eni-9 (ELB app/x/1, )");
    }
}
