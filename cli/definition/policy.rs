//! The actions of a workflow's steps, and the IAM policy that allows them as a document.

use std::collections::BTreeSet;

use engine::{asl::each_state, step::Registry};
use serde_json::{Value, json};

pub use steps::policy::{Restriction, Statement, statements};

const CHANGE_RECORDS: &str = "route53:ChangeResourceRecordSets";
/// The condition key with the names of all records of a change.
const RECORD_NAMES: &str = "route53:ChangeResourceRecordSetsNormalizedRecordNames";

/// The actions of every step that a definition calls.
pub fn actions_of(definition: &Value, registry: &Registry) -> BTreeSet<String> {
    let mut actions = BTreeSet::new();
    each_state(definition, &mut |state| {
        let steps = state.called_resources().filter_map(|resource| registry.find(resource));
        actions.extend(steps.flat_map(|step| step.description().actions));
    });
    actions
}

/// The most characters of a managed policy without white space (IAM User Guide, "IAM and AWS STS quotas"). A role may have ten such
/// policies.
pub const MANAGED_POLICY_MAX: usize = 6_144;

/// The number of characters that IAM counts: those of the document without white space.
pub fn character_count(document: &Value) -> usize {
    document.to_string().chars().filter(|c| !c.is_whitespace()).count()
}

/// Distributes the statements among as few documents as fit, in their order. Each document is within the limit of a managed policy,
/// unless a single statement is not.
pub fn parts(statements: &[Statement]) -> Vec<Value> {
    let mut parts: Vec<Vec<Statement>> = vec![Vec::new()];
    for statement in statements {
        let fits = |part: &Vec<Statement>| {
            let with: Vec<Statement> = part.iter().chain([statement]).cloned().collect();
            part.is_empty() || character_count(&document(&with)) <= MANAGED_POLICY_MAX
        };
        match parts.iter_mut().find(|part| fits(part)) {
            Some(part) => part.push(statement.clone()),
            None => parts.push(vec![statement.clone()]),
        }
    }
    parts.iter().map(|part| document(part)).collect()
}

/// Restricts changes of DNS records to those of a domain and below it (Service Authorization Reference, "Amazon Route 53",
/// `route53:ChangeResourceRecordSetsNormalizedRecordNames`).
pub fn restrict_records(statements: &mut [Statement], domain: &str) {
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    for statement in
        statements.iter_mut().filter(|statement| statement.actions.iter().any(|action| action == CHANGE_RECORDS))
    {
        statement.condition.push((RECORD_NAMES.to_owned(), vec![domain.clone(), format!("*.{domain}")]));
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
            // A change names several records: all of them must match.
            let (all, one): (Vec<_>, Vec<_>) = statement.condition.iter().partition(|(key, _)| key == RECORD_NAMES);
            json["Condition"] = json!({});
            for (operator, keys) in [("StringLike", one), ("ForAllValues:StringLike", all)] {
                if !keys.is_empty() {
                    let keys = keys.into_iter().map(|(key, values)| (key.clone(), one_or_all(values)));
                    json["Condition"][operator] = Value::Object(keys.collect());
                }
            }
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
    fn only_the_steps_that_a_definition_calls_need_permissions() {
        let Ok(registry) = crate::environments::described() else { panic!("no registry") };
        let called = json!({ "Type": "Task", "Resource": "flow:ec2:createVpc" });
        let data = json!({ "Type": "Pass", "Result": { "Resource": "flow:rds:createDatabase" } });
        let branch = json!({ "States": { "A": called, "B": data } });
        let definition = json!({ "States": { "P": { "Type": "Parallel", "Branches": [branch] } } });
        let actions = actions_of(&definition, registry);
        assert!(
            actions.contains("ec2:CreateVpc") && !actions.iter().any(|action| action.starts_with("rds:")),
            "{actions:?}"
        );
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

    #[test]
    fn certificates_are_changed_and_tagged_only_with_the_deployments_tag() {
        let actions = ["acm:RequestCertificate", "acm:AddTagsToCertificate", "acm:DeleteCertificate"];
        let policy = policy(&actions);
        let of_deployment = of(&policy, "CertificatesOfTheDeployment");
        assert_eq!(of_deployment["Action"], json!(["acm:AddTagsToCertificate", "acm:DeleteCertificate"]));
        assert_eq!(of_deployment["Condition"]["StringLike"]["aws:ResourceTag/flow:deployment"], "demo");
        let tagged = of(&policy, "TagCertificatesWithTheDeployment");
        assert_eq!(tagged["Condition"]["StringLike"]["aws:RequestTag/flow:deployment"], "demo");
        let mut statements = policy["Statement"].as_array().into_iter().flatten();
        assert!(statements.all(|statement| statement["Condition"].is_object()), "{policy}");
    }

    #[test]
    fn each_part_is_within_the_limit_of_a_managed_policy_even_for_the_longest_names() {
        let Ok(registry) = crate::environments::described() else { panic!("no registry") };
        let definitions = ["endpoints-aws", "endpoints-aws-teardown"]
            .iter()
            .filter_map(|name| workflows::find(name)?.definition().ok());
        let actions: BTreeSet<String> = definitions.flat_map(|definition| actions_of(&definition, registry)).collect();
        let restriction = Restriction {
            partition: "aws-us-gov".to_owned(),
            account: "123456789012".to_owned(),
            deployment: "abcdefghijklmnopqrst".to_owned(),
            ..restriction()
        };
        let mut all = statements(&actions, &restriction);
        restrict_records(&mut all, &format!("{}.example.com", "a".repeat(60)));
        let parts = parts(&all);
        assert!(parts.len() > 1 && parts.len() <= 10, "{} parts", parts.len());
        let mut ids = Vec::new();
        for part in &parts {
            assert!(character_count(part) <= MANAGED_POLICY_MAX, "{} characters", character_count(part));
            ids.extend(
                part["Statement"].as_array().into_iter().flatten().map(|statement| statement["Sid"].to_string()),
            );
        }
        assert_eq!(ids.len(), all.len(), "every statement is in one part");
    }

    #[test]
    fn changes_of_records_are_narrowed_to_a_domain() {
        let actions = [CHANGE_RECORDS.to_owned()].into();
        let mut all = statements(&actions, &restriction());
        restrict_records(&mut all, "Shop.example.com.");
        let policy = document(&all);
        let names = &policy["Statement"][0]["Condition"]["ForAllValues:StringLike"][RECORD_NAMES];
        assert_eq!(names, &json!(["shop.example.com", "*.shop.example.com"]));
    }

    /// Every action of the shipped workflows has a scope other than `Others`.
    #[test]
    fn every_action_of_the_shipped_workflows_has_a_scope_of_its_own() {
        let Ok(registry) = crate::environments::described() else { panic!("no registry") };
        for workflow in workflows::catalogue() {
            let Ok(definition) = workflow.definition() else { panic!("{} is broken", workflow.name) };
            let statements = statements(&actions_of(&definition, registry), &restriction());
            let others = statements.iter().find(|statement| statement.id == "Others");
            assert!(others.is_none(), "{others:?} is narrowed by nothing");
        }
    }
}
