//! The policy of a role.

use std::sync::Arc;

use engine::step::{Answer, ChangeAction, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ROLE, role_ending, says};
use crate::{
    Environment, Nothing,
    failure::{failure, failure_for, is_missing},
    outcome::{change_of_part, deleted, made_id, nothing_to_do, setting_changed},
};

const INLINE_POLICY: &str = "AWS::IAM::RolePolicy";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "iam:attachRolePolicy",
        "Attaches a managed policy to a role.",
        ["iam:ListAttachedRolePolicies", "iam:AttachRolePolicy"],
        attach_role_policy
    );
    step!(
        registry,
        environment,
        "iam:putRolePolicy",
        "Lets a role read the named secrets and no others.",
        ["iam:GetRolePolicy", "iam:PutRolePolicy"],
        put_role_policy
    );
    step!(
        registry,
        environment,
        "iam:detachRolePolicy",
        "Detaches a managed policy from a role.",
        ["iam:DetachRolePolicy"],
        detach_role_policy
    );
    step!(
        registry,
        environment,
        "iam:deleteRolePolicy",
        "Deletes a policy that is part of a role.",
        ["iam:DeleteRolePolicy"],
        delete_role_policy
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AttachedPolicy {
    role_name: String,
    policy_arn: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PutRolePolicy {
    role_name: String,
    policy_name: String,
    /// The only secrets that the role may read.
    secret_arns: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InlinePolicy {
    role_name: String,
    policy_name: String,
}

async fn attach_role_policy(
    environment: Arc<Environment>,
    context: StepContext,
    input: AttachedPolicy,
) -> StepResult<Nothing> {
    let ending = role_ending(&input.role_name);
    let role = made_id(&context, &ending);
    let mut pages =
        environment.iam_reads().list_attached_role_policies().role_name(&input.role_name).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failure_for(&context, role, "iam:ListAttachedRolePolicies", error))?;
        if page.attached_policies().iter().any(|policy| policy.policy_arn() == Some(input.policy_arn.as_str())) {
            return nothing_to_do();
        }
    }
    environment.differs("attachedPolicy", "none", &input.policy_arn);
    let call = environment.iam().attach_role_policy().role_name(&input.role_name).policy_arn(&input.policy_arn);
    call.send().await.map_err(|error| failure_for(&context, role, "iam:AttachRolePolicy", error))?;
    setting_changed(&context, ROLE, role)
}

async fn put_role_policy(
    environment: Arc<Environment>,
    context: StepContext,
    input: PutRolePolicy,
) -> StepResult<Nothing> {
    let ending = role_ending(&input.role_name);
    let role = made_id(&context, &ending);
    let wanted = reading(&input.secret_arns);
    let id = format!("{}/{}", input.role_name, input.policy_name);
    let existing = find(&environment, &input.role_name, &input.policy_name).await?;
    let change = match &existing {
        Some(document) if says(document, &wanted) => {
            return Ok(answered(&id, &input.policy_name, change_of_part(&context, role, &id)));
        }
        Some(_) => {
            environment.differs("secretArns", "another policy", input.secret_arns.join(", "));
            ChangeAction::Updated
        }
        None => ChangeAction::Created,
    };
    environment
        .iam()
        .put_role_policy()
        .role_name(&input.role_name)
        .policy_name(&input.policy_name)
        .policy_document(wanted.to_string())
        .send()
        .await
        .map_err(|error| failure_for(&context, role, "iam:PutRolePolicy", error))?;
    Ok(answered(&id, &input.policy_name, change))
}

fn reading(secret_arns: &[String]) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": secret_arns}],
    })
}

fn answered(id: &str, name: &str, change: ChangeAction) -> Answer<Nothing> {
    Answer::with_change(Nothing {}, ResourceChange::new(change, INLINE_POLICY, id).named(name))
}

async fn find(environment: &Environment, role: &str, policy: &str) -> Result<Option<String>, StepError> {
    match environment.iam_reads().get_role_policy().role_name(role).policy_name(policy).send().await {
        Ok(answer) => Ok(Some(answer.policy_document)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("iam:GetRolePolicy", error)),
    }
}

async fn detach_role_policy(
    environment: Arc<Environment>,
    _context: StepContext,
    input: AttachedPolicy,
) -> StepResult<Nothing> {
    let call = environment.iam().detach_role_policy().role_name(&input.role_name).policy_arn(&input.policy_arn);
    match call.send().await {
        Ok(_) => nothing_to_do(),
        Err(error) if is_missing(&error) => nothing_to_do(),
        Err(error) => Err(failure("iam:DetachRolePolicy", error)),
    }
}

async fn delete_role_policy(
    environment: Arc<Environment>,
    context: StepContext,
    input: InlinePolicy,
) -> StepResult<Nothing> {
    let call = environment.iam().delete_role_policy().role_name(&input.role_name).policy_name(&input.policy_name);
    let answer = call.send().await;
    deleted(
        &context,
        (INLINE_POLICY, &format!("{}/{}", input.role_name, input.policy_name)),
        "iam:DeleteRolePolicy",
        answer,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_reads_the_named_secrets_and_no_others() {
        let document = reading(&["arn:aws:secretsmanager:eu-central-1:1:secret:demo/jdbc-url-AbCdEf".to_owned()]);
        let statement = &document["Statement"][0];
        assert_eq!(statement["Action"], json!(["secretsmanager:GetSecretValue"]));
        assert_eq!(statement["Resource"], json!(["arn:aws:secretsmanager:eu-central-1:1:secret:demo/jdbc-url-AbCdEf"]));
        assert!(!document.to_string().contains('*'));
    }
}
