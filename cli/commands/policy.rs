//! `flow policy`.

use std::collections::BTreeSet;

use clap::Args;

use crate::{
    environments,
    exit::{CliError, Exit},
    policy::{self, Restriction},
};

/// Arguments of `flow policy`.
#[derive(Debug, Args)]
pub struct PolicyArguments {
    /// A workflow's name (`flow workflows`).
    workflow: String,
    /// Include the permissions of the workflow's teardown.
    #[arg(long)]
    teardown: bool,
    /// Restrict names and tags to this deployment.
    #[arg(long, value_name = "NAME", default_value = "*")]
    deployment: String,
    /// Restrict ARNs to this account.
    #[arg(long, value_name = "DIGITS", default_value = "*")]
    account: String,
    /// The partition of the account, such as aws-cn.
    #[arg(long, value_name = "NAME", default_value = "aws")]
    partition: String,
}

/// Prints the IAM policy that a workflow's steps need.
pub fn run(arguments: &PolicyArguments) -> Result<Exit, CliError> {
    let registry = environments::described().map_err(|error| CliError::refused(error.to_string()))?;
    let mut names = vec![arguments.workflow.clone()];
    if arguments.teardown {
        names.push(format!("{}-teardown", arguments.workflow));
    }
    let mut actions = BTreeSet::new();
    for name in names {
        let workflow = workflows::find(&name).ok_or_else(|| {
            CliError::not_found(format!("no workflow is named '{name}'")).hint("flow workflows lists all")
        })?;
        let definition = workflow.definition().map_err(|error| CliError::refused(error.to_string()))?;
        actions.extend(policy::actions_of(&definition, &registry));
    }
    let restriction = Restriction {
        partition: arguments.partition.clone(),
        account: arguments.account.clone(),
        region: "*".to_owned(),
        deployment: arguments.deployment.clone(),
    };
    let document = policy::document(&policy::statements(&actions, &restriction));
    say!("{}", serde_json::to_string_pretty(&document).unwrap_or_default());
    Ok(Exit::Success)
}
