//! Finds rules in the deployment's security groups that the deployment did not make, such as a database that a person opened to the
//! Internet.

use aws_sdk_ec2::types::{SecurityGroup, SecurityGroupRule};
use engine::step::StepError;

use super::{filter, of_deployment, security_group_rule::source_group};
use crate::{Environment, failure::failure, service::CheckedGroup};

/// A sentence for each rule that the deployment did not make. A run does not remove these rules.
pub(super) async fn notes(
    environment: &Environment,
    deployment: &str,
    wanted: &[CheckedGroup],
) -> Result<Vec<String>, StepError> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let found = environment.ec2_reads().describe_security_groups().filters(of_deployment(deployment)).send().await;
    let found = found.map_err(|error| failure("ec2:DescribeSecurityGroups", error))?;
    let groups = found.security_groups();
    let own: Vec<&str> = groups.iter().filter_map(SecurityGroup::group_id).collect();
    let mut notes = Vec::new();
    for group in groups {
        let (Some(id), Some(name)) = (group.group_id(), group.group_name()) else { continue };
        let Some(wanted) = wanted.iter().find(|wanted| wanted.name == name) else { continue };
        let call = environment.ec2_reads().describe_security_group_rules().filters(filter("group-id", id));
        let rules = call.send().await.map_err(|error| failure("ec2:DescribeSecurityGroupRules", error))?;
        let foreign = rules.security_group_rules().iter().filter(|rule| !is_own(rule, wanted, &own));
        notes.extend(foreign.map(|rule| note(rule, wanted, id)));
    }
    Ok(notes)
}

/// Whether the deployment made the rule, or revokes it in this run.
fn is_own(rule: &SecurityGroupRule, group: &CheckedGroup, own_groups: &[&str]) -> bool {
    if rule.is_egress() == Some(true) || source_group(rule).is_some_and(|source| own_groups.contains(&source)) {
        return true;
    }
    let is_wanted = rule.cidr_ipv4().is_some()
        && rule.cidr_ipv4() == group.cidr.as_deref()
        && rule.ip_protocol() == Some("tcp")
        && rule.from_port() == group.port
        && rule.to_port() == group.port;
    let is_replaced =
        group.replaced_description.is_some() && rule.description() == group.replaced_description.as_deref();
    is_wanted || is_replaced
}

fn note(rule: &SecurityGroupRule, group: &CheckedGroup, group_id: &str) -> String {
    let source = rule.cidr_ipv4().or(rule.cidr_ipv6()).or(source_group(rule)).or(rule.prefix_list_id());
    let ports = match (rule.ip_protocol(), rule.from_port(), rule.to_port()) {
        (Some("-1") | None, ..) => "on every port".to_owned(),
        (Some(protocol), Some(from), Some(to)) if from == to => format!("on {protocol} port {from}"),
        (Some(protocol), Some(from), Some(to)) => format!("on {protocol} ports {from} to {to}"),
        (Some(protocol), ..) => format!("by {protocol}"),
    };
    format!(
        "Security group {} ({group_id}) lets {} in {ports} by the rule {}, which this deployment did not make: revoke it, unless it is \
         wanted.",
        group.name,
        source.unwrap_or("a source that EC2 does not name"),
        rule.security_group_rule_id().unwrap_or("without an id"),
    )
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::ReferencedSecurityGroup;

    use super::*;

    fn group(name: &str, port: Option<i32>, cidr: Option<&str>) -> CheckedGroup {
        let replaced_description = port.map(|_| "SSH to the bastion".to_owned());
        CheckedGroup { name: name.to_owned(), port, cidr: cidr.map(str::to_owned), replaced_description }
    }

    fn rule(cidr: &str, port: i32, description: &str) -> SecurityGroupRule {
        let rule = SecurityGroupRule::builder().security_group_rule_id("sgr-1").ip_protocol("tcp").cidr_ipv4(cidr);
        rule.from_port(port).to_port(port).description(description).build()
    }

    #[test]
    fn a_rule_that_opens_the_database_to_the_internet_is_named() {
        let database = group("DB", None, None);
        let opened = rule("0.0.0.0/0", 5432, "");
        assert!(!is_own(&opened, &database, &["sg-1"]));
        let note = note(&opened, &database, "sg-2");
        assert!(note.contains("DB (sg-2) lets 0.0.0.0/0 in on tcp port 5432 by the rule sgr-1"), "{note}");
        let from = |id: &str| {
            let source = ReferencedSecurityGroup::builder().group_id(id).build();
            SecurityGroupRule::builder().ip_protocol("tcp").referenced_group_info(source).build()
        };
        assert!(is_own(&from("sg-1"), &database, &["sg-1"]) && !is_own(&from("sg-9"), &database, &["sg-1"]));
    }

    #[test]
    fn the_deployments_rules_are_not_named_nor_those_that_the_run_revokes() {
        let ssh = group("SSH from Internet", Some(22), Some("203.0.113.7/32"));
        assert!(is_own(&rule("203.0.113.7/32", 22, ""), &ssh, &[]));
        assert!(is_own(&rule("0.0.0.0/0", 22, "SSH to the bastion"), &ssh, &[]));
        assert!(!is_own(&rule("0.0.0.0/0", 22, "mine"), &ssh, &[]));
        assert!(!is_own(&rule("203.0.113.7/32", 23, ""), &ssh, &[]));
        let outgoing = SecurityGroupRule::builder().is_egress(true).cidr_ipv4("0.0.0.0/0").build();
        assert!(is_own(&outgoing, &ssh, &[]));
    }
}
