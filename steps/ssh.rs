//! SSH: keys on this machine, and waiting until a server really lets a user in.

mod key;
mod login;

use std::sync::Arc;

use engine::step::Registry;

use crate::Environment;

pub(crate) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    key::register(registry, environment);
    login::register(registry, environment);
}
