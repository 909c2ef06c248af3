//! Checks whether the names that a deployment needs are free or already its own.

mod lookup;

use std::sync::Arc;

use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Environment, tags::FoundTags};

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "preflight:checkNames",
        "Looks whether every name that the deployment needs is free, or its own already.",
        [
            "elasticloadbalancing:DescribeLoadBalancers",
            "elasticloadbalancing:DescribeTargetGroups",
            "elasticloadbalancing:DescribeTags",
            "rds:DescribeDBInstances",
            "rds:DescribeDBSubnetGroups",
            "rds:ListTagsForResource",
            "ecs:DescribeClusters",
            "iam:GetRole",
            "secretsmanager:DescribeSecret",
            "logs:DescribeLogGroups",
            "logs:ListTagsForResource",
            "sns:ListTopics",
            "sns:ListTagsForResource",
            "ec2:DescribeKeyPairs",
            "cloudwatch:DescribeAlarms",
            "cloudwatch:ListTagsForResource",
        ],
        check_names
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CheckNames {
    deployment: String,
    load_balancer_name: String,
    target_group_name: String,
    database_identifier: String,
    database_subnet_group_name: String,
    cluster_name: String,
    role_name: String,
    secret_names: Vec<String>,
    log_group_name: String,
    #[serde(default)]
    topic_name: Option<String>,
    #[serde(default)]
    key_pair_name: Option<String>,
    alarm_names: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CheckedNames {
    /// Such as `load balancer demo`.
    free: Vec<String>,
    /// What this deployment has made already.
    ours: Vec<String>,
}

/// The holder of a name.
enum Holder {
    Nobody,
    /// A resource with these tags, which may be empty.
    Tagged(FoundTags),
    /// A resource that holds the name for a reason of its own.
    Kept(&'static str),
}

async fn check_names(
    environment: Arc<Environment>,
    _context: StepContext,
    input: CheckNames,
) -> StepResult<CheckedNames> {
    let mut checked = Vec::new();
    let world = &*environment;
    let mut add = |kind: &str, name: &str, holder: Holder| checked.push((format!("{kind} {name}"), holder));
    add("load balancer", &input.load_balancer_name, lookup::load_balancer(world, &input.load_balancer_name).await?);
    add("target group", &input.target_group_name, lookup::target_group(world, &input.target_group_name).await?);
    add("database", &input.database_identifier, lookup::database(world, &input.database_identifier).await?);
    let name = &input.database_subnet_group_name;
    add("database subnet group", name, lookup::database_subnet_group(world, name).await?);
    add("cluster", &input.cluster_name, lookup::cluster(world, &input.cluster_name).await?);
    add("role", &input.role_name, lookup::role(world, &input.role_name).await?);
    for name in &input.secret_names {
        add("secret", name, lookup::secret(world, name).await?);
    }
    add("log group", &input.log_group_name, lookup::log_group(world, &input.log_group_name).await?);
    if let Some(name) = &input.topic_name {
        add("topic", name, lookup::topic(world, name).await?);
    }
    if let Some(name) = &input.key_pair_name {
        add("key pair", name, lookup::key_pair(world, name).await?);
    }
    for (name, holder) in input.alarm_names.iter().zip(lookup::alarms(world, &input.alarm_names).await?) {
        add("alarm", name, holder);
    }
    sorted_out(&input.deployment, checked).map(Answer::done)
}

/// Sorts names into free and own ones, or reports all taken ones in one error.
fn sorted_out(deployment: &str, checked: Vec<(String, Holder)>) -> Result<CheckedNames, StepError> {
    let mut names = CheckedNames::default();
    let mut taken = Vec::new();
    for (what, holder) in checked {
        match holder {
            Holder::Nobody => names.free.push(what),
            Holder::Tagged(tags) if tags.is_ours(deployment) => names.ours.push(what),
            Holder::Tagged(FoundTags { deployment: Some(other), .. }) => {
                taken.push(format!("{what} belongs to deployment {other}"));
            }
            Holder::Tagged(_) => taken.push(format!("{what} exists and carries no tags of a deployment")),
            Holder::Kept(why) => taken.push(format!("{what} {why}")),
        }
    }
    if taken.is_empty() {
        return Ok(names);
    }
    Err(StepError::new(ErrorClass::NameTaken, format!("names are taken: {}", taken.join("; ")))
        .hint(format!("Choose another name for the deployment than {deployment}, or remove what has the names.")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn all_taken_names_are_told_at_once() {
        let tags = |deployment: Option<&str>| {
            Holder::Tagged(FoundTags { deployment: deployment.map(Into::into), ..FoundTags::default() })
        };
        let checked = vec![
            ("load balancer demo".to_owned(), Holder::Nobody),
            ("cluster demo".to_owned(), tags(Some("demo"))),
            ("role demo".to_owned(), tags(Some("other"))),
            ("topic demo".to_owned(), tags(None)),
            ("secret demo".to_owned(), Holder::Kept("is scheduled for deletion")),
        ];
        let error = sorted_out("demo", checked).unwrap_err();
        assert_eq!(error.class, ErrorClass::NameTaken);
        assert_eq!(
            error.cause,
            "names are taken: role demo belongs to deployment other; topic demo exists and carries no tags of a \
             deployment; secret demo is scheduled for deletion"
        );
        let names = sorted_out("demo", vec![("cluster demo".to_owned(), tags(Some("demo")))]).unwrap();
        assert_eq!(names.ours, ["cluster demo"]);
    }
}
