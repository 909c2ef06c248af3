//! SSH: keys on this machine, waiting for a login, and running programs on other machines.

mod hosts;
mod key;
mod key_file;
mod login;
mod run;
#[cfg(test)]
mod test_sshd;

use std::{path::Path, sync::Arc};

use engine::step::{Registry, StepError};

use crate::{Environment, local_settings::LocalSettings};

pub(crate) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    key::register(registry, environment);
    login::register(registry, environment);
}

/// Registers the steps that need no AWS account.
pub(crate) fn register_local(registry: &mut Registry, settings: &Arc<LocalSettings>) {
    run::register(registry, settings);
}

/// Checks the format of the file of hosts.
///
/// # Errors
/// The file cannot be read, others may write it, or its format is wrong.
pub(crate) fn check_hosts(file: &Path) -> Result<(), StepError> {
    hosts::declared_hosts(file).map(drop)
}
