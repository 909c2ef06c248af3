//! `flow policy`.

use std::{collections::BTreeSet, path::Path};

use clap::Args;
use serde_json::{Value, json};

use crate::{
    checks::DefinitionFile,
    environments,
    exit::{CliError, Exit},
    policy::{self, Restriction},
};

/// The value of an option that restricts nothing.
const ANY: &str = "*";

/// Arguments of `flow policy`.
#[derive(Debug, Args)]
pub struct PolicyArguments {
    /// A workflow's name (`flow workflows`), or a definition file.
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
    check_restriction(arguments)?;
    let mut names = vec![arguments.workflow.clone()];
    if arguments.teardown {
        names.push(format!("{}-teardown", arguments.workflow));
    }
    let mut actions = BTreeSet::new();
    for name in names {
        actions.extend(policy::actions_of(&definition(&name)?, &registry));
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

/// The definition of a shipped workflow, or of a file.
fn definition(name: &str) -> Result<Value, CliError> {
    match workflows::find(name) {
        Some(workflow) => workflow.definition().map_err(|error| CliError::refused(error.to_string())),
        None if Path::new(name).is_file() => DefinitionFile::read(name, &[])?.definition(),
        None => Err(CliError::not_found(format!("neither a workflow nor a file is named '{name}'"))
            .hint("flow workflows lists what is shipped")),
    }
}

/// Refuses a deployment or an account that the workflow's input would not accept.
fn check_restriction(arguments: &PolicyArguments) -> Result<(), CliError> {
    let Some(workflow) = workflows::find(&arguments.workflow) else { return Ok(()) };
    let schema = workflow.input_schema();
    let properties = &schema["properties"];
    let schemas = [
        ("deployment", &arguments.deployment, &properties["deployment"]),
        ("account", &arguments.account, &properties["allowedAccountIds"]["items"]),
    ];
    for (option, value, schema) in schemas {
        if value == ANY || schema.is_null() {
            continue;
        }
        let problems = workflows::schema_problems(schema, &json!(value));
        if !problems.is_empty() {
            let allowed = schema["allowed"].as_str().unwrap_or("what the workflow's input accepts");
            return Err(CliError::refused(format!("--{option} {value} is not of the right form: give {allowed}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(deployment: &str, account: &str) -> Option<String> {
        let text = str::to_owned;
        let (workflow, partition) = (text("endpoints-aws"), text("aws"));
        let (deployment, account) = (text(deployment), text(account));
        let arguments = PolicyArguments { workflow, teardown: false, deployment, account, partition };
        check_restriction(&arguments).err().map(|error| error.message)
    }

    #[test]
    fn a_policy_is_restricted_only_to_what_the_input_accepts() {
        assert_eq!(check("*", "*"), None);
        assert_eq!(check("shop", "123456789012"), None);
        assert!(check("Shop", "*").unwrap().contains("--deployment Shop"));
        assert!(check("shop", "12345").unwrap().contains("twelve digits"));
    }
}
