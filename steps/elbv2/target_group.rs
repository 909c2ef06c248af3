//! The target group.

use std::sync::Arc;

use aws_sdk_elasticloadbalancingv2::types::{
    Matcher, ProtocolEnum, TargetGroup, TargetHealthDescription, TargetTypeEnum,
};
use engine::step::{Answer, ChangeAction, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tags_of;
use crate::{
    Environment, Nothing,
    failure::{already_exists, failure, failure_for, is_missing, name_taken},
    outcome::{cannot_change, deleted, gone_already},
    tags::{Tags, only_one},
};

pub(super) const RESOURCE_TYPE: &str = "AWS::ElasticLoadBalancingV2::TargetGroup";
/// The status code of a healthy target.
const HEALTHY: &str = "200";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "elbv2:createTargetGroup",
        "Creates a group of targets that are addressed by IP and asked for their health.",
        [
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTags",
            "elasticloadbalancing:CreateTargetGroup",
            "elasticloadbalancing:AddTags",
            "elasticloadbalancing:ModifyTargetGroup",
        ],
        create_target_group
    );
    step!(
        registry,
        environment,
        "elbv2:deleteTargetGroup",
        "Deletes a target group.",
        ["elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DeleteTargetGroup"],
        delete_target_group
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateTargetGroup {
    deployment: String,
    /// Unique within account and region, at most 32 characters.
    name: String,
    vpc_id: String,
    /// The port on which the targets listen, for HTTP.
    port: i32,
    /// Such as `/health-check`.
    health_check_path: String,
}

/// A target group by its ARN.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TargetGroupArn {
    target_group_arn: String,
}

async fn create_target_group(
    environment: Arc<Environment>,
    context: StepContext,
    input: CreateTargetGroup,
) -> StepResult<TargetGroupArn> {
    if let Some(group) = find(&environment, &input).await? {
        return found_target_group(&environment, &context, input, &group).await;
    }
    let created = environment
        .elbv2()
        .create_target_group()
        .name(&input.name)
        .target_type(TargetTypeEnum::Ip)
        .protocol(ProtocolEnum::Http)
        .port(input.port)
        .vpc_id(&input.vpc_id)
        .health_check_protocol(ProtocolEnum::Http)
        .health_check_path(&input.health_check_path)
        .matcher(Matcher::builder().http_code(HEALTHY).build())
        .set_tags(Some(Tags::new(&context, &input.deployment).named(&input.name).elbv2()))
        .send()
        .await;
    match created {
        Ok(answer) => {
            let arn = answer.target_groups().first().and_then(TargetGroup::target_group_arn).unwrap_or_default();
            Ok(answered(arn, &input.name, ChangeAction::Created))
        }
        Err(error) if already_exists(&error) => match find(&environment, &input).await? {
            Some(group) => found_target_group(&environment, &context, input, &group).await,
            None => Err(failure("elasticloadbalancing:CreateTargetGroup", error)),
        },
        Err(error) => Err(failure_for(&context, &input.vpc_id, "elasticloadbalancing:CreateTargetGroup", error)),
    }
}

fn answered(arn: &str, name: &str, action: ChangeAction) -> Answer<TargetGroupArn> {
    let resource_change = ResourceChange::new(action, RESOURCE_TYPE, arn).named(name);
    Answer::with_change(TargetGroupArn { target_group_arn: arn.to_owned() }, resource_change)
}

/// The health of the targets of a target group.
///
/// # Errors
/// A read failed.
pub(crate) async fn target_health(
    environment: &Environment,
    context: &StepContext,
    target_group_arn: &str,
) -> Result<Vec<TargetHealthDescription>, StepError> {
    let answer = environment.elbv2_reads().describe_target_health().target_group_arn(target_group_arn).send().await;
    let action = "elasticloadbalancing:DescribeTargetHealth";
    let answer = answer.map_err(|error| failure_for(context, target_group_arn, action, error))?;
    Ok(answer.target_health_descriptions.unwrap_or_default())
}

async fn find(environment: &Environment, input: &CreateTargetGroup) -> Result<Option<TargetGroup>, StepError> {
    match environment.elbv2_reads().describe_target_groups().names(&input.name).send().await {
        Ok(answer) => {
            let found = answer.target_groups.unwrap_or_default();
            only_one("target group", &input.deployment, found, TargetGroup::target_group_arn)
        }
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("elasticloadbalancing:DescribeTargetGroups", error)),
    }
}

async fn found_target_group(
    environment: &Environment,
    context: &StepContext,
    input: CreateTargetGroup,
    group: &TargetGroup,
) -> StepResult<TargetGroupArn> {
    let arn = group.target_group_arn().unwrap_or_default();
    let tags = tags_of(environment, arn).await?.unwrap_or_default();
    if !tags.is_ours(&input.deployment) {
        return Err(name_taken("target group", &input.name, &input.deployment, tags.deployment.as_deref()));
    }
    refuse_what_cannot_change(group, &input)?;
    if is_asked_as_wanted(group, &input) {
        return Ok(answered(arn, &input.name, tags.change(context, arn)));
    }
    let existing = group.health_check_path().unwrap_or_default();
    let protocol = group.health_check_protocol().map_or("", ProtocolEnum::as_str);
    let codes = group.matcher().and_then(Matcher::http_code).unwrap_or_default();
    let asked = |protocol: &str, path: &str, codes: &str| format!("{protocol} {path} answers {codes}");
    let wanted = asked(ProtocolEnum::Http.as_str(), &input.health_check_path, HEALTHY);
    environment.differs("healthCheck", asked(protocol, existing, codes), wanted);
    environment
        .elbv2()
        .modify_target_group()
        .target_group_arn(arn)
        .health_check_protocol(ProtocolEnum::Http)
        .health_check_path(&input.health_check_path)
        .matcher(Matcher::builder().http_code(HEALTHY).build())
        .send()
        .await
        .map_err(|error| failure_for(context, arn, "elasticloadbalancing:ModifyTargetGroup", error))?;
    Ok(answered(arn, &input.name, ChangeAction::Updated))
}

fn refuse_what_cannot_change(group: &TargetGroup, input: &CreateTargetGroup) -> Result<(), StepError> {
    let of = format!("target group {}", input.name);
    let refuse = |what: &str, existing: &str, wanted: &str| Err(cannot_change(what, &of, existing, wanted));
    if let Some(vpc_id) = group.vpc_id().filter(|vpc_id| *vpc_id != input.vpc_id) {
        return refuse("the VPC", vpc_id, &input.vpc_id);
    }
    if let Some(port) = group.port().filter(|port| *port != input.port) {
        return refuse("the port", &port.to_string(), &input.port.to_string());
    }
    match group.target_type() {
        Some(kind) if *kind != TargetTypeEnum::Ip => refuse("the kind of targets", kind.as_str(), "ip"),
        _ => Ok(()),
    }
}

fn is_asked_as_wanted(group: &TargetGroup, input: &CreateTargetGroup) -> bool {
    group.health_check_path() == Some(input.health_check_path.as_str())
        && group.health_check_protocol() == Some(&ProtocolEnum::Http)
        && group.matcher().is_none_or(|matcher| matcher.http_code() == Some(HEALTHY))
}

async fn delete_target_group(
    environment: Arc<Environment>,
    context: StepContext,
    input: TargetGroupArn,
) -> StepResult<Nothing> {
    let arn = &input.target_group_arn;
    // The deletion of a target group that does not exist succeeds, so this must be checked first.
    match environment.elbv2_reads().describe_target_groups().target_group_arns(arn).send().await {
        Ok(_) => {}
        Err(error) if is_missing(&error) => return gone_already(&context, RESOURCE_TYPE, arn),
        Err(error) => return Err(failure("elasticloadbalancing:DescribeTargetGroups", error)),
    }
    let answer = environment.elbv2().delete_target_group().target_group_arn(arn).send().await;
    deleted(&context, (RESOURCE_TYPE, arn), "elasticloadbalancing:DeleteTargetGroup", answer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_group_in_another_vpc_is_not_taken_for_the_wanted_one() {
        let input = CreateTargetGroup {
            deployment: "demo".into(),
            name: "demo-app".into(),
            vpc_id: "vpc-1".into(),
            port: 8080,
            health_check_path: "/health-check".into(),
        };
        let group = || TargetGroup::builder().vpc_id("vpc-1").port(8080).target_type(TargetTypeEnum::Ip);
        assert!(refuse_what_cannot_change(&group().build(), &input).is_ok());
        let error = refuse_what_cannot_change(&group().vpc_id("vpc-2").build(), &input).unwrap_err();
        assert_eq!(error.cause, "the VPC of target group demo-app is vpc-2, but the input says vpc-1");
        let asked = group().health_check_path("/").health_check_protocol(ProtocolEnum::Http).build();
        assert!(!is_asked_as_wanted(&asked, &input));
    }
}
