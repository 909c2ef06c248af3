//! Rules of security groups for incoming traffic.

use std::sync::Arc;

use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, SecurityGroup, SecurityGroupRule, UserIdGroupPair};
use engine::step::{Answer, ChangeAction, ErrorClass, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{change_of_part, filter, nothing_to_do, security_group};
use crate::{
    Environment, Nothing,
    failure::{failure, failure_for, is_already_there, is_missing},
    found_tags,
    plan::is_unknown,
};

const RESOURCE_TYPE: &str = "AWS::EC2::SecurityGroupIngress";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ec2:authorizeIngress",
        "Lets traffic into a security group.",
        ["ec2:DescribeSecurityGroupRules", "ec2:AuthorizeSecurityGroupIngress"],
        authorize_ingress
    );
    step!(
        registry,
        environment,
        "ec2:revokeIngressByName",
        "Revokes all rules of the deployment's security group of this name, if there is one.",
        ["ec2:DescribeSecurityGroups", "ec2:DescribeSecurityGroupRules", "ec2:RevokeSecurityGroupIngress"],
        revoke_ingress_by_name
    );
    step!(
        registry,
        environment,
        "ec2:revokeReplacedIngress",
        "Removes rules that an earlier input made under the same description for other addresses.",
        ["ec2:DescribeSecurityGroupRules", "ec2:RevokeSecurityGroupIngress"],
        revoke_replaced_ingress
    );
    step!(
        registry,
        environment,
        "ec2:revokeIngressFromGroup",
        "Removes the rules of a security group that let another group in.",
        ["ec2:DescribeSecurityGroupRules", "ec2:RevokeSecurityGroupIngress"],
        revoke_ingress_from_group
    );
    step!(
        registry,
        environment,
        "ec2:revokeAllIngress",
        "Removes all rules for incoming traffic, so that no group refers to another any more.",
        ["ec2:DescribeSecurityGroupRules", "ec2:RevokeSecurityGroupIngress"],
        revoke_all_ingress
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AuthorizeIngress {
    group_id: String,
    /// `tcp`, `udp`, `icmp`, or `-1` for all.
    protocol: String,
    from_port: i32,
    to_port: i32,
    /// From these addresses, such as `0.0.0.0/0`; or see `sourceGroupId`.
    cidr: Option<String>,
    /// From members of this group; or see `cidr`.
    source_group_id: Option<String>,
    description: String,
}

/// A group by its name.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NamedGroup {
    deployment: String,
    vpc_id: String,
    name: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RevokeReplacedIngress {
    group_id: String,
    /// The description of the rules that are ours; those that a person added have others.
    description: String,
    /// The addresses whose rule stays.
    cidr: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RevokeIngressFromGroup {
    group_id: String,
    /// The group that was let in.
    source_group_id: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CreatedRule {
    security_group_rule_id: Option<String>,
    /// Whether other rules carry the description, which an earlier input made for other addresses.
    has_earlier_rules: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GroupId {
    group_id: String,
}

async fn authorize_ingress(
    environment: Arc<Environment>,
    context: StepContext,
    input: AuthorizeIngress,
) -> StepResult<CreatedRule> {
    let permission = permission(&input)?;
    let (wanted, others) = find(&environment, &context, &input).await?;
    let has_earlier_rules = others.iter().any(|rule| rule.description() == Some(&input.description));
    if let Some(rule) = wanted {
        return found_rule(&context, &input, rule, has_earlier_rules);
    }
    let answer = environment
        .ec2()
        .authorize_security_group_ingress()
        .group_id(&input.group_id)
        .ip_permissions(permission)
        .send()
        .await;
    match answer {
        Ok(answer) => {
            let rule = answer.security_group_rules().first().and_then(SecurityGroupRule::security_group_rule_id);
            let id = rule.unwrap_or(&input.group_id);
            let resource_change =
                ResourceChange::new(ChangeAction::Created, RESOURCE_TYPE, id).named(&input.description);
            let security_group_rule_id = rule.map(str::to_owned);
            Ok(Answer::with_change(CreatedRule { security_group_rule_id, has_earlier_rules }, resource_change))
        }
        Err(error) if is_already_there(&error) => {
            let (rule, _) = find(&environment, &context, &input).await?;
            let rule = rule.ok_or_else(|| failure("ec2:AuthorizeSecurityGroupIngress", error))?;
            found_rule(&context, &input, rule, has_earlier_rules)
        }
        Err(error) => Err(failure_for(&context, &input.group_id, "ec2:AuthorizeSecurityGroupIngress", error)),
    }
}

fn found_rule(
    context: &StepContext,
    input: &AuthorizeIngress,
    rule: SecurityGroupRule,
    has_earlier_rules: bool,
) -> StepResult<CreatedRule> {
    let id = rule.security_group_rule_id.unwrap_or_default();
    let change = change_of_part(context, &input.group_id, &id);
    let resource_change = ResourceChange::new(change, RESOURCE_TYPE, &id).named(&input.description);
    Ok(Answer::with_change(CreatedRule { security_group_rule_id: Some(id), has_earlier_rules }, resource_change))
}

fn permission(input: &AuthorizeIngress) -> Result<IpPermission, StepError> {
    let permission =
        IpPermission::builder().ip_protocol(&input.protocol).from_port(input.from_port).to_port(input.to_port);
    let description = &input.description;
    let permission = match (&input.cidr, &input.source_group_id) {
        (Some(cidr), None) if cidr.contains(':') => {
            permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(cidr).description(description).build())
        }
        (Some(cidr), None) => permission.ip_ranges(IpRange::builder().cidr_ip(cidr).description(description).build()),
        (None, Some(group)) => {
            permission.user_id_group_pairs(UserIdGroupPair::builder().group_id(group).description(description).build())
        }
        _ => {
            return Err(StepError::new(
                ErrorClass::Invalid,
                "ec2:authorizeIngress takes either cidr or sourceGroupId, and not both",
            ));
        }
    };
    Ok(permission.build())
}

/// The wanted rule, if it exists, and all other rules of the group.
async fn find(
    environment: &Environment,
    context: &StepContext,
    input: &AuthorizeIngress,
) -> Result<(Option<SecurityGroupRule>, Vec<SecurityGroupRule>), StepError> {
    let rules = ingress_rules(environment, &input.group_id)
        .await
        .map_err(|error| failure_for(context, &input.group_id, "ec2:DescribeSecurityGroupRules", error))?;
    let (wanted, others): (Vec<_>, Vec<_>) = rules.into_iter().partition(|rule| is_wanted(rule, input));
    Ok((wanted.into_iter().next(), others))
}

type DescribeError = aws_sdk_ec2::error::SdkError<
    aws_sdk_ec2::operation::describe_security_group_rules::DescribeSecurityGroupRulesError,
>;

async fn ingress_rules(environment: &Environment, group_id: &str) -> Result<Vec<SecurityGroupRule>, DescribeError> {
    if is_unknown(group_id) {
        return Ok(Vec::new());
    }
    let call = environment.ec2_reads().describe_security_group_rules().filters(filter("group-id", group_id));
    let rules = call.send().await?.security_group_rules.unwrap_or_default();
    Ok(rules.into_iter().filter(|rule| rule.is_egress() != Some(true)).collect())
}

fn is_wanted(rule: &SecurityGroupRule, input: &AuthorizeIngress) -> bool {
    let source = match (&input.cidr, &input.source_group_id) {
        (Some(cidr), _) => rule.cidr_ipv4() == Some(cidr) || rule.cidr_ipv6() == Some(cidr),
        (None, Some(group)) => source_group(rule) == Some(group),
        (None, None) => false,
    };
    // For "all protocols" AWS returns no ports, or -1.
    let ports =
        input.protocol == "-1" || (rule.from_port() == Some(input.from_port) && rule.to_port() == Some(input.to_port));
    source && ports && rule.ip_protocol() == Some(input.protocol.as_str())
}

async fn revoke_all_ingress(
    environment: Arc<Environment>,
    _context: StepContext,
    input: GroupId,
) -> StepResult<Nothing> {
    revoke(&environment, &input.group_id, |_| true).await
}

/// Revokes the access through the group of an earlier run, for an input without a bastion.
async fn revoke_ingress_by_name(
    environment: Arc<Environment>,
    _context: StepContext,
    input: NamedGroup,
) -> StepResult<Nothing> {
    let found = security_group::named(&environment, &input.vpc_id, &input.name)
        .await
        .map_err(|error| failure("ec2:DescribeSecurityGroups", error))?;
    let ours = |group: &&SecurityGroup| found_tags!(group.tags()).is_ours(&input.deployment);
    match found.as_ref().filter(ours).and_then(SecurityGroup::group_id) {
        Some(group_id) => revoke(&environment, group_id, |_| true).await,
        None => nothing_to_do(),
    }
}

async fn revoke_replaced_ingress(
    environment: Arc<Environment>,
    _context: StepContext,
    input: RevokeReplacedIngress,
) -> StepResult<Nothing> {
    revoke(&environment, &input.group_id, |rule| is_replaced(rule, &input)).await
}

async fn revoke_ingress_from_group(
    environment: Arc<Environment>,
    _context: StepContext,
    input: RevokeIngressFromGroup,
) -> StepResult<Nothing> {
    revoke(&environment, &input.group_id, |rule| source_group(rule) == Some(input.source_group_id.as_str())).await
}

/// The group that a rule lets in.
pub(super) fn source_group(rule: &SecurityGroupRule) -> Option<&str> {
    rule.referenced_group_info().and_then(|referenced| referenced.group_id())
}

fn is_replaced(rule: &SecurityGroupRule, input: &RevokeReplacedIngress) -> bool {
    let kept = [rule.cidr_ipv4(), rule.cidr_ipv6()].contains(&Some(input.cidr.as_str()));
    rule.description() == Some(input.description.as_str()) && !kept
}

async fn revoke(
    environment: &Environment,
    group_id: &str,
    wanted: impl Fn(&SecurityGroupRule) -> bool,
) -> StepResult<Nothing> {
    let rules = match ingress_rules(environment, group_id).await {
        Ok(rules) => rules,
        Err(error) if is_missing(&error) => return nothing_to_do(),
        Err(error) => return Err(failure("ec2:DescribeSecurityGroupRules", error)),
    };
    let rules: Vec<SecurityGroupRule> = rules.into_iter().filter(wanted).collect();
    let ids: Vec<String> = rules.iter().filter_map(|rule| rule.security_group_rule_id.clone()).collect();
    if ids.is_empty() {
        return nothing_to_do();
    }
    let call = environment.ec2().revoke_security_group_ingress().group_id(group_id);
    match call.set_security_group_rule_ids(Some(ids)).send().await {
        Ok(_) => {
            let changes = rules.iter().map(revoked).collect();
            Ok(Answer::Done(engine::step::Done { output: Nothing {}, changes }))
        }
        Err(error) if is_missing(&error) => nothing_to_do(),
        Err(error) => Err(failure("ec2:RevokeSecurityGroupIngress", error)),
    }
}

/// The deletion of a rule. People know rules by their descriptions.
fn revoked(rule: &SecurityGroupRule) -> ResourceChange {
    let id = rule.security_group_rule_id().unwrap_or_default();
    let change = ResourceChange::new(ChangeAction::Deleted, RESOURCE_TYPE, id);
    match rule.description().filter(|description| !description.is_empty()) {
        Some(description) => change.named(description),
        None => change,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn input(cidr: Option<&str>, group: Option<&str>) -> AuthorizeIngress {
        AuthorizeIngress {
            group_id: "sg-1".into(),
            protocol: "tcp".into(),
            from_port: 443,
            to_port: 443,
            cidr: cidr.map(Into::into),
            source_group_id: group.map(Into::into),
            description: "HTTPS".into(),
        }
    }

    #[test]
    fn a_rule_for_other_addresses_is_not_taken_for_ours() {
        let rule = SecurityGroupRule::builder().ip_protocol("tcp").from_port(443).to_port(443).cidr_ipv4("10.0.0.0/8");
        let rule = rule.build();
        assert!(is_wanted(&rule, &input(Some("10.0.0.0/8"), None)));
        assert!(!is_wanted(&rule, &input(Some("0.0.0.0/0"), None)));
        assert!(!is_wanted(&rule, &input(None, Some("sg-2"))));
    }

    #[test]
    fn only_our_rule_for_other_addresses_is_taken_back() {
        let wanted = RevokeReplacedIngress {
            group_id: "sg-1".into(),
            description: "SSH to the bastion".into(),
            cidr: "192.0.2.0/24".into(),
        };
        let rule = |description: &str, cidr: &str| {
            SecurityGroupRule::builder().description(description).cidr_ipv4(cidr).build()
        };
        assert!(is_replaced(&rule("SSH to the bastion", "0.0.0.0/0"), &wanted));
        assert!(!is_replaced(&rule("SSH to the bastion", "192.0.2.0/24"), &wanted));
        assert!(!is_replaced(&rule("the second office, added by hand", "0.0.0.0/0"), &wanted));
    }

    #[test]
    fn a_revoked_rule_has_the_name_that_people_use() {
        let rule = SecurityGroupRule::builder().security_group_rule_id("sgr-1").description("PostgreSQL");
        assert_eq!(revoked(&rule.build()).name.as_deref(), Some("PostgreSQL"));
        assert_eq!(revoked(&SecurityGroupRule::builder().security_group_rule_id("sgr-1").build()).name, None);
    }

    #[test]
    fn a_rule_from_nowhere_or_from_two_places_is_refused() {
        assert!(permission(&input(None, None)).is_err());
        assert!(permission(&input(Some("0.0.0.0/0"), Some("sg-2"))).is_err());
        assert_eq!(permission(&input(Some("::/0"), None)).unwrap().ipv6_ranges().len(), 1);
    }
}
