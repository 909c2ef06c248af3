//! Rules of security groups for incoming traffic.

use std::sync::Arc;

use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, SecurityGroupRule, UserIdGroupPair};
use engine::step::{Answer, ChangeAction, ErrorClass, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{change_of_part, filter};
use crate::{
    Environment, Nothing,
    failure::{already_exists, failure, failure_for, is_missing},
    outcome::may_have_deleted,
    planned::is_unknown,
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

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RevokeReplacedIngress {
    group_id: String,
    /// The description of the rules that are ours; those that a person added have others.
    description: String,
    /// The addresses whose rule stays.
    cidr: String,
    /// The rules that an earlier step found. Those that are gone after a lost answer count as removed.
    #[serde(default)]
    rule_ids: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RevokeIngressFromGroup {
    group_id: String,
    /// The group that was let in.
    source_group_id: String,
    /// The rules that an earlier step found. Those that are gone after a lost answer count as removed.
    #[serde(default)]
    rule_ids: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CreatedRule {
    security_group_rule_id: Option<String>,
    /// The other rules with the description, which an earlier input made for other addresses.
    earlier_rule_ids: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RevokeAllIngress {
    group_id: String,
    /// The rules that an earlier step found. Those that are gone after a lost answer count as removed.
    #[serde(default)]
    rule_ids: Vec<String>,
}

async fn authorize_ingress(
    environment: Arc<Environment>,
    context: StepContext,
    input: AuthorizeIngress,
) -> StepResult<CreatedRule> {
    let permission = permission(&input)?;
    let (wanted, others) = find(&environment, &context, &input).await?;
    let earlier = others.iter().filter(|rule| rule.description() == Some(&input.description));
    let earlier_rule_ids: Vec<String> = earlier.filter_map(|rule| rule.security_group_rule_id.clone()).collect();
    if let Some(rule) = wanted {
        return found_rule(&context, &input, rule, earlier_rule_ids);
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
            // In a plan the rule has no id yet.
            let id = rule.unwrap_or(if environment.is_planning() { "" } else { &input.group_id });
            let resource_change =
                ResourceChange::new(ChangeAction::Created, RESOURCE_TYPE, id).named(&input.description);
            let security_group_rule_id = rule.map(str::to_owned);
            Ok(Answer::with_change(CreatedRule { security_group_rule_id, earlier_rule_ids }, resource_change))
        }
        Err(error) if already_exists(&error) => {
            let (rule, _) = find(&environment, &context, &input).await?;
            let rule = rule.ok_or_else(|| failure("ec2:AuthorizeSecurityGroupIngress", error))?;
            found_rule(&context, &input, rule, earlier_rule_ids)
        }
        Err(error) => Err(failure_for(&context, &input.group_id, "ec2:AuthorizeSecurityGroupIngress", error)),
    }
}

fn found_rule(
    context: &StepContext,
    input: &AuthorizeIngress,
    rule: SecurityGroupRule,
    earlier_rule_ids: Vec<String>,
) -> StepResult<CreatedRule> {
    let id = rule.security_group_rule_id.unwrap_or_default();
    let change = change_of_part(context, &input.group_id, &id);
    let resource_change = ResourceChange::new(change, RESOURCE_TYPE, &id).named(&input.description);
    Ok(Answer::with_change(CreatedRule { security_group_rule_id: Some(id), earlier_rule_ids }, resource_change))
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

/// The ids of a group's rules for incoming traffic; none if the group no longer exists.
pub(super) async fn ids(environment: &Environment, group_id: &str) -> Result<Vec<String>, StepError> {
    Ok(existing(environment, group_id).await?.into_iter().filter_map(|rule| rule.security_group_rule_id).collect())
}

/// The ids of a group's rules that let another group in.
pub(super) async fn ids_from(
    environment: &Environment,
    group_id: &str,
    source: &str,
) -> Result<Vec<String>, StepError> {
    let rules = existing(environment, group_id).await?.into_iter();
    Ok(rules.filter(|rule| source_group(rule) == Some(source)).filter_map(|rule| rule.security_group_rule_id).collect())
}

/// The rules of a group; none if it no longer exists.
async fn existing(environment: &Environment, group_id: &str) -> Result<Vec<SecurityGroupRule>, StepError> {
    match ingress_rules(environment, group_id).await {
        Ok(rules) => Ok(rules),
        Err(error) if is_missing(&error) => Ok(Vec::new()),
        Err(error) => Err(failure("ec2:DescribeSecurityGroupRules", error)),
    }
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
    context: StepContext,
    input: RevokeAllIngress,
) -> StepResult<Nothing> {
    revoke(&environment, &context, &input.group_id, &input.rule_ids, |_| true).await
}

async fn revoke_replaced_ingress(
    environment: Arc<Environment>,
    context: StepContext,
    input: RevokeReplacedIngress,
) -> StepResult<Nothing> {
    revoke(&environment, &context, &input.group_id, &input.rule_ids, |rule| is_replaced(rule, &input)).await
}

async fn revoke_ingress_from_group(
    environment: Arc<Environment>,
    context: StepContext,
    input: RevokeIngressFromGroup,
) -> StepResult<Nothing> {
    let is_from = |rule: &SecurityGroupRule| source_group(rule) == Some(input.source_group_id.as_str());
    revoke(&environment, &context, &input.group_id, &input.rule_ids, is_from).await
}

/// The group from which a rule allows traffic.
pub(super) fn source_group(rule: &SecurityGroupRule) -> Option<&str> {
    rule.referenced_group_info().and_then(|referenced| referenced.group_id())
}

fn is_replaced(rule: &SecurityGroupRule, input: &RevokeReplacedIngress) -> bool {
    let kept = [rule.cidr_ipv4(), rule.cidr_ipv6()].contains(&Some(input.cidr.as_str()));
    rule.description() == Some(input.description.as_str()) && !kept
}

/// Revokes the rules that are `wanted`. A rule in `known` that is gone counts as revoked if an earlier call of this state may have revoked
/// it and the answer was lost.
async fn revoke(
    environment: &Environment,
    context: &StepContext,
    group_id: &str,
    known: &[String],
    wanted: impl Fn(&SecurityGroupRule) -> bool,
) -> StepResult<Nothing> {
    let rules: Vec<SecurityGroupRule> = existing(environment, group_id).await?.into_iter().filter(wanted).collect();
    let ids: Vec<String> = rules.iter().filter_map(|rule| rule.security_group_rule_id.clone()).collect();
    let mut changes = revoked_earlier(context, known, &ids);
    if !ids.is_empty() {
        let call = environment.ec2().revoke_security_group_ingress().group_id(group_id);
        match call.set_security_group_rule_ids(Some(ids)).send().await {
            Ok(_) => changes.extend(rules.iter().map(revoked)),
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(failure("ec2:RevokeSecurityGroupIngress", error)),
        }
    }
    Ok(Answer::Done(engine::step::Done::new(Nothing {}, changes)))
}

/// The deletions of rules whose answer was lost.
fn revoked_earlier(context: &StepContext, known: &[String], existing: &[String]) -> Vec<ResourceChange> {
    let gone = known.iter().filter(|id| may_have_deleted(context) && !existing.contains(id));
    gone.map(|id| ResourceChange::new(ChangeAction::Deleted, RESOURCE_TYPE, id)).collect()
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
            rule_ids: Vec::new(),
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
    fn rules_whose_deletion_has_no_answer_are_counted_and_those_that_somebody_else_deleted_are_not() {
        let (known, existing) = (["sgr-1".to_owned(), "sgr-2".to_owned()], ["sgr-2".to_owned()]);
        let mut context = StepContext::for_test("Revoke all rules of the group");
        assert!(revoked_earlier(&context, &known, &existing).is_empty());
        context.attempt = 2;
        let changes = revoked_earlier(&context, &known, &existing);
        assert_eq!(changes, [ResourceChange::new(ChangeAction::Deleted, RESOURCE_TYPE, "sgr-1")]);
    }

    #[test]
    fn a_rule_from_nowhere_or_from_two_places_is_refused() {
        assert!(permission(&input(None, None)).is_err());
        assert!(permission(&input(Some("0.0.0.0/0"), Some("sg-2"))).is_err());
        assert_eq!(permission(&input(Some("::/0"), None)).unwrap().ipv6_ranges().len(), 1);
    }
}
