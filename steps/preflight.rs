//! Checks that precede any change.

mod changes;
mod domain;
mod fargate;
mod names;

use std::sync::Arc;

use engine::step::Registry;

use crate::Environment;

pub(crate) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    changes::register(registry, environment);
    domain::register(registry, environment);
    fargate::register(registry, environment);
    names::register(registry, environment);
}
