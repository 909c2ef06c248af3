//! The task definition. Every registration creates a revision, so a revision is registered only if the newest one
//! differs.

mod wanted;

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_ecs::types::{
    Compatibility, NetworkMode, SortOrder, TaskDefinition, TaskDefinitionField, TaskDefinitionStatus,
};
use engine::step::{Answer, ChangeAction, ErrorClass, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::INACTIVE;
use crate::{
    Environment, Nothing,
    failure::{failure, name_taken},
    found_tags,
    outcome::{earlier_call_may_be_listed, gone, gone_already, incomplete_answer},
    tags::{FoundTags, Tags},
};

pub(super) const RESOURCE_TYPE: &str = "AWS::ECS::TaskDefinition";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "ecs:registerTaskDefinition",
        "Registers a revision of a Fargate task definition, unless the newest says the same.",
        [
            "ecs:ListTaskDefinitions",
            "ecs:DescribeTaskDefinition",
            "ecs:RegisterTaskDefinition",
            "ecs:TagResource",
            "iam:PassRole",
        ],
        register_task_definition
    );
    step!(
        registry,
        environment,
        "ecs:deregisterTaskDefinition",
        "Deregisters a revision of a task definition.",
        ["ecs:DescribeTaskDefinition", "ecs:DeregisterTaskDefinition"],
        deregister_task_definition
    );
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RegisterTaskDefinition {
    deployment: String,
    family: String,
    /// CPU units: 1024 are one processor.
    cpu: u32,
    memory_mib: u32,
    container_name: String,
    container_memory_mib: i32,
    image: String,
    /// The port on which the container listens.
    port: i32,
    /// Variables that anybody may read.
    environment: BTreeMap<String, String>,
    /// Variables whose values come from Secrets Manager, by the ARN of the secret.
    secrets: BTreeMap<String, String>,
    execution_role_arn: String,
    log_group: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Revision {
    task_definition_arn: String,
    revision: i32,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TaskDefinitionArn {
    task_definition_arn: String,
}

async fn register_task_definition(
    environment: Arc<Environment>,
    context: StepContext,
    input: RegisterTaskDefinition,
) -> StepResult<Revision> {
    let wanted = wanted::container(&input, environment.region())?;
    if let Some((newest, tags)) = newest(&environment, &input.family).await? {
        if !tags.is_ours(&input.deployment) {
            return Err(name_taken(
                "task definition family",
                &input.family,
                &input.deployment,
                tags.deployment.as_deref(),
            ));
        }
        if wanted::is_as_wanted(&newest, &input, &wanted) {
            let change = tags.change(&context, newest.task_definition_arn().unwrap_or_default());
            return Ok(answered(&newest, &input.family, change));
        }
        for (field, from, to) in wanted::differences(&newest, &input, &wanted) {
            environment.differs(&field, from, to);
        }
    }
    if let Some(answer) = earlier_call_may_be_listed(&context) {
        return Ok(answer);
    }
    let registered = environment
        .ecs()
        .register_task_definition()
        .family(&input.family)
        .network_mode(NetworkMode::Awsvpc)
        .requires_compatibilities(Compatibility::Fargate)
        .cpu(input.cpu.to_string())
        .memory(input.memory_mib.to_string())
        .execution_role_arn(&input.execution_role_arn)
        .container_definitions(wanted)
        .set_tags(Some(Tags::new(&context, &input.deployment).named(&input.family).ecs()))
        .send()
        .await
        .map_err(|error| role_not_known_yet(&context, &input, failure("ecs:RegisterTaskDefinition", error)))?;
    let registered = registered.task_definition;
    let registered = registered.ok_or_else(|| incomplete_answer("ecs:RegisterTaskDefinition", "task definition"))?;
    Ok(answered(&registered, &input.family, ChangeAction::Created))
}

fn answered(definition: &TaskDefinition, family: &str, change: ChangeAction) -> Answer<Revision> {
    let arn = definition.task_definition_arn().unwrap_or_default().to_owned();
    let revision = definition.revision();
    let name = if crate::planned::is_unknown(&arn) { family.to_owned() } else { format!("{family}:{revision}") };
    let resource_change = ResourceChange::new(change, RESOURCE_TYPE, &arn).named(name);
    Answer::with_change(Revision { task_definition_arn: arn, revision }, resource_change)
}

/// IAM takes some seconds to spread a role that this execution created. Only the message names the role: the code, ClientException, is that
/// of every wrong input (Amazon ECS API Reference, "RegisterTaskDefinition").
fn role_not_known_yet(context: &StepContext, input: &RegisterTaskDefinition, mut failure: StepError) -> StepError {
    let of_role = failure.code.as_deref() == Some("ClientException") && failure.cause.to_lowercase().contains("role");
    if of_role && context.created.contains_key(&input.execution_role_arn) {
        failure.class = ErrorClass::NotConsistentYet;
    }
    failure
}

/// The newest active revision of exactly this family.
async fn newest(environment: &Environment, family: &str) -> Result<Option<(TaskDefinition, FoundTags)>, StepError> {
    let of_family = format!(":task-definition/{family}:");
    let mut arns = environment
        .ecs_reads()
        .list_task_definitions()
        .family_prefix(family)
        .status(TaskDefinitionStatus::Active)
        .sort(SortOrder::Desc)
        .into_paginator()
        .items()
        .send();
    while let Some(arn) = arns.next().await {
        let arn = arn.map_err(|error| failure("ecs:ListTaskDefinitions", error))?;
        if arn.contains(&of_family) {
            return describe(environment, &arn).await;
        }
    }
    Ok(None)
}

/// A revision with its tags; `None` if ECS does not have it.
pub(crate) async fn describe(
    environment: &Environment,
    arn: &str,
) -> Result<Option<(TaskDefinition, FoundTags)>, StepError> {
    let call = environment.ecs_reads().describe_task_definition().task_definition(arn);
    match call.include(TaskDefinitionField::Tags).send().await {
        Ok(answer) => {
            let tags = found_tags!(answer.tags());
            Ok(answer.task_definition.map(|definition| (definition, tags)))
        }
        Err(error) => {
            let failure = failure("ecs:DescribeTaskDefinition", error);
            if is_unknown(&failure) { Ok(None) } else { Err(failure) }
        }
    }
}

/// Whether the task definition does not exist: ECS has no special error code for that.
fn is_unknown(failure: &StepError) -> bool {
    failure.class == ErrorClass::NotFound
        || (failure.code.as_deref() == Some("ClientException")
            && failure.cause.to_lowercase().contains("unable to describe task definition"))
}

async fn deregister_task_definition(
    environment: Arc<Environment>,
    context: StepContext,
    input: TaskDefinitionArn,
) -> StepResult<Nothing> {
    let arn = &input.task_definition_arn;
    let existing = describe(&environment, arn).await?;
    let active = existing.filter(|(definition, _)| {
        definition.status().is_none_or(|status| status.as_str() != INACTIVE && status.as_str() != "DELETE_IN_PROGRESS")
    });
    if active.is_none() {
        return gone_already(&context, RESOURCE_TYPE, arn);
    }
    let answer = environment.ecs().deregister_task_definition().task_definition(arn).send().await;
    answer.map_err(|error| failure("ecs:DeregisterTaskDefinition", error))?;
    gone(RESOURCE_TYPE, arn)
}
