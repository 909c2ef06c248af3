//! EC2: network, security groups, key pairs, images and instances.

mod choose_zones;
mod holders;
mod image;
mod instance;
mod instance_wait;
mod internet_gateway;
mod key_pair;
mod route_table;
mod security_group;
mod security_group_rule;
mod subnet;
mod use_vpc;
mod vpc;
mod zones;

use std::{sync::Arc, time::Duration};

use aws_sdk_ec2::types::Filter;
use engine::step::{ChangeAction, Registry, StepContext};

use crate::{
    Environment,
    outcome::{gone, gone_already, nothing_to_do},
    tags::{DEPLOYMENT, sanitised},
};

/// How long a VPC or a subnet usually takes until it is available.
const TYPICAL_CREATION: Duration = Duration::from_secs(2);

pub(crate) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    zones::register(registry, environment);
    choose_zones::register(registry, environment);
    vpc::register(registry, environment);
    use_vpc::register(registry, environment);
    subnet::register(registry, environment);
    internet_gateway::register(registry, environment);
    route_table::register(registry, environment);
    security_group::register(registry, environment);
    security_group_rule::register(registry, environment);
    key_pair::register(registry, environment);
    image::register(registry, environment);
    instance::register(registry, environment);
    instance_wait::register(registry, environment);
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// The filter for resources with this deployment's tag.
fn of_deployment(deployment: &str) -> Filter {
    filter(&format!("tag:{DEPLOYMENT}"), &sanitised(deployment))
}

/// The interval until the next poll of something that takes seconds.
fn soon(context: &StepContext) -> Duration {
    context.poll_towards(TYPICAL_CREATION)
}

/// The change of a link that has no tags: if this execution created `parent` and has not reported `link`, it created
/// the link too and the answer was lost.
fn change_of_link(context: &StepContext, parent: &str, link: &str) -> ChangeAction {
    let made_here = context.created.contains_key(parent) && !context.created.contains_key(link);
    if made_here { ChangeAction::Created } else { ChangeAction::Unchanged }
}
