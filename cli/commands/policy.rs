//! `flow policy`.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use engine::step::{Registry, StepDescription};
use serde_json::{Value, json};

use crate::{
    environments,
    exit::{CliError, Exit},
};

/// The beginnings of actions that change nothing.
const READS: [&str; 3] = ["Describe", "Get", "List"];
/// The services whose service-linked roles the steps create.
const SERVICE_LINKED: [&str; 3] = ["ecs.amazonaws.com", "elasticloadbalancing.amazonaws.com", "rds.amazonaws.com"];

/// Arguments of `flow policy`.
#[derive(Debug, Args)]
pub struct PolicyArguments {
    /// A workflow's name (`flow workflows`).
    workflow: String,
    /// What the workflow's teardown needs as well.
    #[arg(long)]
    teardown: bool,
    /// Narrows resources with names to this deployment.
    #[arg(long, value_name = "NAME", default_value = "*")]
    deployment: String,
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
        collect(&definition, &registry, &mut actions);
    }
    let policy = policy(&actions, &arguments.partition, &arguments.deployment);
    say!("{}", serde_json::to_string_pretty(&policy).unwrap_or_default());
    Ok(Exit::Success)
}

/// The actions of every step that the definition names, at any depth.
fn collect(definition: &Value, registry: &Registry, actions: &mut BTreeSet<String>) {
    match definition {
        Value::Object(fields) => {
            let step = fields.get("Resource").and_then(Value::as_str).and_then(|resource| registry.find(resource));
            let description: Option<StepDescription> = step.map(|step| step.description());
            actions.extend(description.into_iter().flat_map(|step| step.actions));
            fields.values().for_each(|field| collect(field, registry, actions));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, registry, actions)),
        _ => {}
    }
}

/// Where an action is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    /// Reads, which most services allow for all resources only.
    Reads,
    PassRole,
    ServiceLinkedRole,
    /// The task execution role.
    Roles,
    Secrets,
    LogGroups,
    /// Changes that IAM cannot narrow by name, because AWS makes the id.
    Changes,
}

fn scope(action: &str) -> Scope {
    let (service, call) = action.split_once(':').unwrap_or((action, ""));
    match (service, call) {
        ("iam", "PassRole") => Scope::PassRole,
        ("iam", "CreateServiceLinkedRole") => Scope::ServiceLinkedRole,
        // A secret's value is no plain read.
        ("secretsmanager", "ListSecrets") => Scope::Reads,
        ("secretsmanager", _) => Scope::Secrets,
        _ if READS.iter().any(|read| call.starts_with(read)) => Scope::Reads,
        ("iam", _) => Scope::Roles,
        ("logs", _) => Scope::LogGroups,
        _ => Scope::Changes,
    }
}

fn policy(actions: &BTreeSet<String>, partition: &str, deployment: &str) -> Value {
    let mut scopes: BTreeMap<Scope, Vec<&str>> = BTreeMap::new();
    actions.iter().for_each(|action| scopes.entry(scope(action)).or_default().push(action));
    let statements: Vec<Value> =
        scopes.into_iter().map(|(scope, actions)| statement(scope, &actions, partition, deployment)).collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn statement(scope: Scope, actions: &[&str], partition: &str, deployment: &str) -> Value {
    let role = format!("arn:{partition}:iam::*:role/{deployment}-task-execution");
    let (id, resource, condition) = match scope {
        Scope::Reads => ("Reads", json!("*"), None),
        Scope::PassRole => {
            let to_tasks = json!({ "StringEquals": { "iam:PassedToService": "ecs-tasks.amazonaws.com" } });
            ("PassTheTaskExecutionRole", json!(role), Some(to_tasks))
        }
        Scope::ServiceLinkedRole => {
            let names = json!({ "StringEquals": { "iam:AWSServiceName": SERVICE_LINKED } });
            ("ServiceLinkedRoles", json!(format!("arn:{partition}:iam::*:role/aws-service-role/*")), Some(names))
        }
        Scope::Roles => ("TaskExecutionRole", json!(role), None),
        Scope::Secrets => ("Secrets", json!(format!("arn:{partition}:secretsmanager:*:*:secret:{deployment}/*")), None),
        Scope::LogGroups => {
            ("LogGroups", json!(format!("arn:{partition}:logs:*:*:log-group:/ecs/{deployment}*")), None)
        }
        Scope::Changes => ("Changes", json!("*"), None),
    };
    let mut statement = json!({ "Sid": id, "Effect": "Allow", "Action": actions, "Resource": resource });
    if let Some(condition) = condition {
        statement["Condition"] = condition;
    }
    statement
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_secrets_are_narrowed_and_reads_are_not() {
        let actions =
            ["iam:PassRole", "ec2:DescribeVpcs", "secretsmanager:GetSecretValue", "iam:CreateServiceLinkedRole"];
        let policy = policy(&actions.map(str::to_owned).into(), "aws", "demo");
        let of = |id: &str| {
            let mut statements = policy["Statement"].as_array().into_iter().flatten();
            statements.find(|statement| statement["Sid"] == id).cloned().unwrap_or_default()
        };
        assert_eq!(of("PassTheTaskExecutionRole")["Resource"], "arn:aws:iam::*:role/demo-task-execution");
        assert_eq!(of("Secrets")["Action"], json!(["secretsmanager:GetSecretValue"]));
        assert_eq!(of("ServiceLinkedRoles")["Condition"]["StringEquals"]["iam:AWSServiceName"], json!(SERVICE_LINKED));
        assert_eq!(of("Reads")["Resource"], "*");
    }
}
