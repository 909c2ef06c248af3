//! Sets stickiness: a cookie of the load balancer keeps each visitor on one target.

use std::sync::Arc;

use aws_sdk_elasticloadbalancingv2::types::TargetGroupAttribute;
use engine::step::{Registry, StepContext, StepResult};
use schemars::JsonSchema;
use serde::Deserialize;

use super::target_group::RESOURCE_TYPE;
use crate::{
    Environment, Nothing,
    failure::failure_for,
    outcome::{nothing_to_do, setting_changed},
};

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "elbv2:enableStickiness",
        "Keeps each visitor on one target with a cookie that the load balancer makes.",
        ["elasticloadbalancing:DescribeTargetGroupAttributes", "elasticloadbalancing:ModifyTargetGroupAttributes"],
        enable_stickiness
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EnableStickiness {
    target_group_arn: String,
    /// The lifetime of the cookie; at most a week.
    duration_seconds: u32,
}

async fn enable_stickiness(
    environment: Arc<Environment>,
    context: StepContext,
    input: EnableStickiness,
) -> StepResult<Nothing> {
    let arn = &input.target_group_arn;
    let answer = environment.elbv2_reads().describe_target_group_attributes().target_group_arn(arn).send().await;
    let existing = answer
        .map_err(|error| failure_for(&context, arn, "elasticloadbalancing:DescribeTargetGroupAttributes", error))?;
    let wanted = wanted(input.duration_seconds);
    if wanted.iter().all(|attribute| existing.attributes().contains(attribute)) {
        return nothing_to_do();
    }
    for attribute in wanted.iter().filter(|attribute| !existing.attributes().contains(attribute)) {
        let found = existing.attributes().iter().find(|found| found.key() == attribute.key());
        let from = found.and_then(TargetGroupAttribute::value).unwrap_or("unset");
        environment.differs(attribute.key().unwrap_or_default(), from, attribute.value().unwrap_or_default());
    }
    let call = environment.elbv2().modify_target_group_attributes().target_group_arn(arn);
    let answer = call.set_attributes(Some(wanted)).send().await;
    answer.map_err(|error| failure_for(&context, arn, "elasticloadbalancing:ModifyTargetGroupAttributes", error))?;
    setting_changed(&context, RESOURCE_TYPE, arn)
}

fn wanted(duration_seconds: u32) -> Vec<TargetGroupAttribute> {
    let duration = duration_seconds.to_string();
    [
        ("stickiness.enabled", "true"),
        ("stickiness.type", "lb_cookie"),
        ("stickiness.lb_cookie.duration_seconds", &duration),
    ]
    .map(|(key, value)| TargetGroupAttribute::builder().key(key).value(value).build())
    .to_vec()
}
