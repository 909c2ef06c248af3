//! Finds what prevents the deletion of a resource: nearly always a network interface.

use aws_sdk_ec2::types::{Filter, NetworkInterface};
use engine::step::{ErrorClass, StepError};

use super::filter;
use crate::Environment;

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
    let referring = filter("ip-permission.group-id", group_id);
    let Ok(found) = environment.ec2_reads().describe_security_groups().filters(referring).send().await else {
        return failure;
    };
    let groups = found.security_groups().iter().filter(|group| group.group_id() != Some(group_id));
    let groups = groups
        .map(|group| {
            format!(
                "a rule of security group {} ({})",
                group.group_id().unwrap_or_default(),
                group.group_name().unwrap_or_default()
            )
        })
        .collect();
    add(&mut failure, groups);
    failure
}

fn add(failure: &mut StepError, holders: Vec<String>) {
    if holders.is_empty() {
        return;
    }
    let more = holders.len().saturating_sub(NAMED_MAX);
    let named = holders.into_iter().take(NAMED_MAX).collect::<Vec<_>>().join(", ");
    failure.cause = format!("{}; held by {named}", failure.cause.trim_end_matches('.'));
    if more > 0 {
        failure.cause = format!("{} and {more} more", failure.cause);
    }
}

fn described(interface: &NetworkInterface) -> String {
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
