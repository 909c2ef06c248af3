//! A role that an AWS service may assume.

use std::sync::Arc;

use aws_sdk_iam::types::Role;
use engine::step::{Answer, ChangeAction, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{ROLE, role_ending, says};
use crate::{
    Environment, Nothing,
    failure::{already_exists, failure, failure_for, is_missing, name_taken},
    found_tags,
    outcome::{deleted, incomplete_answer, made_id},
    tags::Tags,
};

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "iam:createRole",
        "Creates a role that one service of AWS may take.",
        ["iam:GetRole", "iam:CreateRole", "iam:TagRole", "iam:UpdateAssumeRolePolicy"],
        create_role
    );
    step!(
        registry,
        environment,
        "iam:deleteRole",
        "Deletes a role whose policies are gone.",
        ["iam:DeleteRole"],
        delete_role
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateRole {
    deployment: String,
    name: String,
    /// The service that may assume the role, such as `ecs-tasks.amazonaws.com`.
    service: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RoleArnAndName {
    role_arn: String,
    name: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RoleName {
    role_name: String,
}

async fn create_role(
    environment: Arc<Environment>,
    context: StepContext,
    input: CreateRole,
) -> StepResult<RoleArnAndName> {
    if let Some(role) = find(&environment, &input.name).await? {
        return found_role(&environment, &context, input, role).await;
    }
    let created = environment
        .iam()
        .create_role()
        .role_name(&input.name)
        .assume_role_policy_document(trust(&input.service).to_string())
        .description(format!("Task execution role of deployment {}", input.deployment))
        .set_tags(Some(Tags::new(&context, &input.deployment).named(&input.name).iam()))
        .send()
        .await;
    match created {
        Ok(answer) => {
            let role = answer.role.ok_or_else(|| incomplete_answer("iam:CreateRole", "role"))?;
            Ok(answered(role.arn, input.name, ChangeAction::Created))
        }
        Err(error) if already_exists(&error) => match find(&environment, &input.name).await? {
            Some(role) => found_role(&environment, &context, input, role).await,
            None => Err(failure("iam:CreateRole", error)),
        },
        Err(error) => Err(failure("iam:CreateRole", error)),
    }
}

fn trust(service: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
    })
}

fn answered(role_arn: String, name: String, change: ChangeAction) -> Answer<RoleArnAndName> {
    let resource_change = ResourceChange::new(change, ROLE, &role_arn).named(&name);
    Answer::with_change(RoleArnAndName { role_arn, name }, resource_change)
}

pub(super) async fn find(environment: &Environment, name: &str) -> Result<Option<Role>, StepError> {
    match environment.iam_reads().get_role().role_name(name).send().await {
        Ok(answer) => Ok(answer.role),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("iam:GetRole", error)),
    }
}

async fn found_role(
    environment: &Environment,
    context: &StepContext,
    input: CreateRole,
    role: Role,
) -> StepResult<RoleArnAndName> {
    let tags = found_tags!(role.tags());
    if !tags.is_ours(&input.deployment) {
        return Err(name_taken("role", &input.name, &input.deployment, tags.deployment.as_deref()));
    }
    let trust = trust(&input.service);
    if role.assume_role_policy_document().is_some_and(|document| says(document, &trust)) {
        let change = tags.change(context, &role.arn);
        return Ok(answered(role.arn, input.name, change));
    }
    environment.differs("trust", "another policy", &input.service);
    let call = environment.iam().update_assume_role_policy().role_name(&input.name).policy_document(trust.to_string());
    call.send().await.map_err(|error| {
        let ending = role_ending(&input.name);
        failure_for(context, made_id(context, &ending), "iam:UpdateAssumeRolePolicy", error)
    })?;
    Ok(answered(role.arn, input.name, ChangeAction::Updated))
}

async fn delete_role(environment: Arc<Environment>, context: StepContext, input: RoleName) -> StepResult<Nothing> {
    let answer = environment.iam().delete_role().role_name(&input.role_name).send().await;
    deleted(&context, (ROLE, &input.role_name), "iam:DeleteRole", answer)
}
