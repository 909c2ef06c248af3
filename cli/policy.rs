//! The actions of a workflow's steps, and the IAM policy that allows them as a document.

use std::collections::BTreeSet;

use engine::step::{Registry, StepDescription};
use serde_json::{Value, json};

pub use steps::policy::{Restriction, Statement, statements};

/// The actions of every step that a definition names, at any depth.
pub fn actions_of(definition: &Value, registry: &Registry) -> BTreeSet<String> {
    let mut actions = BTreeSet::new();
    collect(definition, registry, &mut actions);
    actions
}

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

/// The policy document.
pub fn document(statements: &[Statement]) -> Value {
    let one_or_all = |values: &[String]| match values {
        [one] => json!(one),
        all => json!(all),
    };
    let as_json = |statement: &Statement| {
        let mut json = json!({
            "Sid": statement.id, "Effect": "Allow", "Action": statement.actions,
            "Resource": one_or_all(&statement.resources),
        });
        if !statement.condition.is_empty() {
            let keys = statement.condition.iter().map(|(key, values)| (key.clone(), one_or_all(values)));
            json["Condition"] = json!({ "StringLike": Value::Object(keys.collect()) });
        }
        json
    };
    json!({ "Version": "2012-10-17", "Statement": statements.iter().map(as_json).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restriction() -> Restriction {
        let text = str::to_owned;
        Restriction { partition: text("aws"), account: text("*"), region: text("*"), deployment: text("demo") }
    }

    fn policy(actions: &[&str]) -> Value {
        let actions = actions.iter().map(|action| (*action).to_owned()).collect();
        document(&statements(&actions, &restriction()))
    }

    fn of<'a>(policy: &'a Value, id: &str) -> &'a Value {
        let mut statements = policy["Statement"].as_array().into_iter().flatten();
        statements.find(|statement| statement["Sid"] == id).unwrap_or(&Value::Null)
    }

    #[test]
    fn roles_and_secrets_are_narrowed_by_name_and_reads_are_not() {
        let policy = policy(&[
            "iam:PassRole",
            "ec2:DescribeVpcs",
            "secretsmanager:GetSecretValue",
            "iam:CreateServiceLinkedRole",
            "rds:CreateDBInstance",
        ]);
        let role = of(&policy, "PassTheTaskExecutionRole");
        assert_eq!(role["Resource"], "arn:aws:iam::*:role/demo-task-execution");
        assert_eq!(role["Condition"]["StringLike"]["iam:PassedToService"], "ecs-tasks.amazonaws.com");
        assert_eq!(of(&policy, "Secrets")["Action"], json!(["secretsmanager:GetSecretValue"]));
        let names = &of(&policy, "ServiceLinkedRoles")["Condition"]["StringLike"]["iam:AWSServiceName"];
        assert_eq!(names.as_array().map(Vec::len), Some(3));
        assert_eq!(of(&policy, "Reads")["Resource"], "*");
        let databases = of(&policy, "Databases")["Resource"].to_string();
        assert!(databases.contains(":db:demo-db") && !databases.contains(":db:*"), "{databases}");
    }

    #[test]
    fn what_aws_names_is_narrowed_by_tag() {
        let policy = policy(&["ec2:CreateVpc", "ec2:DeleteVpc", "ec2:CreateTags", "ec2:RunInstances"]);
        let created = of(&policy, "CreateWithTheDeploymentsTag");
        assert_eq!(created["Condition"]["StringLike"]["aws:RequestTag/flow:deployment"], "demo");
        assert_eq!(created["Action"], json!(["ec2:CreateVpc", "ec2:RunInstances"]));
        let changed = of(&policy, "ChangeWhatHasTheDeploymentsTag");
        assert_eq!(changed["Condition"]["StringLike"]["aws:ResourceTag/flow:deployment"], "demo");
        let tags = &of(&policy, "TagWhatIsCreated")["Condition"]["StringLike"]["ec2:CreateAction"];
        assert!(tags.to_string().contains("RunInstances"), "{tags}");
        assert!(of(&policy, "StartInstances")["Resource"].to_string().contains("::image/*"));
    }

    /// Every action of the shipped workflows has a scope other than `Others`.
    #[test]
    fn every_action_of_the_shipped_workflows_has_a_scope_of_its_own() {
        let Ok(registry) = crate::environments::described() else { panic!("no registry") };
        for workflow in workflows::catalogue() {
            let Ok(definition) = workflow.definition() else { panic!("{} is broken", workflow.name) };
            let statements = statements(&actions_of(&definition, &registry), &restriction());
            let others = statements.iter().find(|statement| statement.id == "Others");
            assert!(others.is_none(), "{others:?} is narrowed by nothing");
        }
    }
}
