//! Elastic Load Balancing: the load balancer, its target group and its listener.

mod listener;
mod load_balancer;
mod load_balancer_wait;
mod stickiness;
mod target_group;

use std::sync::Arc;

use engine::step::{Registry, StepError};

use crate::{
    Environment,
    failure::{failure, is_missing},
    found_tags,
    tags::FoundTags,
};

pub(crate) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    load_balancer::register(registry, environment);
    load_balancer_wait::register(registry, environment);
    target_group::register(registry, environment);
    stickiness::register(registry, environment);
    listener::register(registry, environment);
}

/// The tags of a load balancer, target group or listener; `None` if it no longer exists.
pub(crate) async fn tags_of(environment: &Environment, arn: &str) -> Result<Option<FoundTags>, StepError> {
    match environment.elbv2_reads().describe_tags().resource_arns(arn).send().await {
        Ok(answer) => Ok(answer.tag_descriptions().first().map(|found| found_tags!(found.tags()))),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("elasticloadbalancing:DescribeTags", error)),
    }
}
