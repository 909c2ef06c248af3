//! `flow policy`.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::{Value, json};

use crate::{
    checks::DefinitionFile,
    definition::policy::{self, Restriction, Statement},
    environments,
    exit::{CliError, Exit},
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
    /// Restrict changes of DNS records to this domain and the names below it.
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// Print only this part, counted from 1. A managed policy may have 6,144 characters without white space; the parts together are
    /// the policy.
    #[arg(long, value_name = "N")]
    part: Option<usize>,
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
        actions.extend(policy::actions_of(&definition(&name)?, registry));
    }
    let restriction = Restriction {
        partition: arguments.partition.clone(),
        account: arguments.account.clone(),
        region: "*".to_owned(),
        deployment: arguments.deployment.clone(),
    };
    // `flow run --plan` asks with it which permissions are missing.
    actions.insert("iam:SimulatePrincipalPolicy".to_owned());
    let mut statements = policy::statements(&actions, &restriction);
    if let Some(domain) = &arguments.domain {
        policy::restrict_records(&mut statements, domain);
    }
    let document = document(&statements, arguments.part)?;
    say_raw!("{}", serde_json::to_string_pretty(&document).unwrap_or_default());
    Ok(Exit::Success)
}

/// The definition of a shipped workflow, or of a file.
fn definition(name: &str) -> Result<Value, CliError> {
    match workflows::find(name) {
        Some(workflow) => workflow.definition().map_err(|error| CliError::refused(error.to_string())),
        None => DefinitionFile::read(name, &[])?.definition(),
    }
}

/// The wanted part, or the complete policy. Warns on standard error if the complete policy exceeds the limit of a managed policy.
///
/// # Errors
/// There is no such part.
fn document(statements: &[Statement], part: Option<usize>) -> Result<Value, CliError> {
    let parts = policy::parts(statements);
    let count = parts.len();
    let Some(part) = part else {
        let complete = policy::document(statements);
        if count > 1 {
            report!(
                "flow: this policy has {} characters without white space, and a managed policy may have {}. --part 1 to --part {count} print it \
                 as {count} policies; attach all of them.",
                policy::character_count(&complete),
                policy::MANAGED_POLICY_MAX
            );
        }
        return Ok(complete);
    };
    let found = part.checked_sub(1).and_then(|index| parts.into_iter().nth(index));
    found.ok_or_else(|| CliError::usage(format!("--part {part}: the policy has the parts 1 to {count}")))
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
        let arguments =
            PolicyArguments { workflow, teardown: false, deployment, account, domain: None, part: None, partition };
        check_restriction(&arguments).err().map(|error| error.message)
    }

    #[test]
    fn a_part_that_does_not_exist_is_refused() {
        let statement = Statement {
            id: "Reads",
            actions: vec!["ec2:DescribeVpcs".into()],
            resources: vec!["*".into()],
            condition: Vec::new(),
        };
        let one = document(std::slice::from_ref(&statement), Some(1)).unwrap();
        assert_eq!(one["Statement"][0]["Sid"], "Reads");
        for part in [0, 2] {
            let refused = document(std::slice::from_ref(&statement), Some(part)).unwrap_err();
            assert!(refused.message.contains("the parts 1 to 1"), "{}", refused.message);
        }
    }

    #[test]
    fn a_policy_is_restricted_only_to_what_the_input_accepts() {
        assert_eq!(check("*", "*"), None);
        assert_eq!(check("shop", "123456789012"), None);
        assert!(check("Shop", "*").unwrap().contains("--deployment Shop"));
        assert!(check("shop", "12345").unwrap().contains("twelve digits"));
    }
}
