//! Finds the roles of a deployment, and the holder of the task execution role's name.

use aws_sdk_iam::types::AttachedPolicy;
use engine::step::StepError;

use super::{permissions::SERVICE_LINKED, role};
use crate::{
    Environment,
    failure::{failure, is_missing},
    found_tags,
    service::{CheckNames, Found, FoundRole, Holders, NameHolder},
};

pub(super) async fn find(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    roles(environment, deployment, found).await?;
    named_role(environment, deployment, found).await
}

/// Finds the role by its name, because lists are delayed (IAM User Guide, "Changes that I make are not always
/// immediately visible").
async fn named_role(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let name = format!("{deployment}-task-execution");
    if found.roles.iter().any(|role| role.name == name) {
        return Ok(());
    }
    let named = role::find(environment, &name).await?;
    if named.is_some_and(|role| found_tags!(role.tags()).is_ours(deployment)) {
        found.roles.push(role_with_policies(environment, name).await?);
    }
    Ok(())
}

/// Finds roles. Their names start with the deployment's: the list has no tags, and an account may have a thousand
/// roles.
async fn roles(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let mut listed = environment.iam_reads().list_roles().into_paginator().items().send();
    let mut linked = Vec::new();
    while let Some(role) = listed.next().await {
        let role = role.map_err(|error| failure("iam:ListRoles", error))?;
        let name = role.role_name;
        if SERVICE_LINKED.iter().any(|service| role.path == format!("/aws-service-role/{service}/")) {
            linked.push(name);
            continue;
        }
        if name.starts_with(deployment) && is_ours(environment, deployment, &name).await? {
            found.roles.push(role_with_policies(environment, name).await?);
        }
    }
    if !linked.is_empty() {
        let linked = linked.join(", ");
        found
            .stays
            .push(format!("service-linked roles, which serve the whole account and are free of charge: {linked}"));
    }
    Ok(())
}

async fn is_ours(environment: &Environment, deployment: &str, role: &str) -> Result<bool, StepError> {
    match environment.iam_reads().list_role_tags().role_name(role).send().await {
        Ok(answer) => Ok(found_tags!(answer.tags()).is_ours(deployment)),
        Err(error) if is_missing(&error) => Ok(false),
        Err(error) => Err(failure("iam:ListRoleTags", error)),
    }
}

async fn role_with_policies(environment: &Environment, name: String) -> Result<FoundRole, StepError> {
    let iam = environment.iam_reads();
    let mut attached_policy_arns = Vec::new();
    let mut pages = iam.list_attached_role_policies().role_name(&name).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failure("iam:ListAttachedRolePolicies", error))?;
        attached_policy_arns
            .extend(page.attached_policies().iter().filter_map(AttachedPolicy::policy_arn).map(str::to_owned));
    }
    let mut inline_policy_names = Vec::new();
    let mut pages = iam.list_role_policies().role_name(&name).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failure("iam:ListRolePolicies", error))?;
        inline_policy_names.extend(page.policy_names);
    }
    Ok(FoundRole { name, attached_policy_arns, inline_policy_names })
}

pub(super) async fn check_names(
    environment: &Environment,
    names: &CheckNames,
    holders: &mut Holders,
) -> Result<(), StepError> {
    let name = &names.role_name;
    let role = role::find(environment, name).await?;
    holders.add("role", name, NameHolder::of(role.map(|role| found_tags!(role.tags()))));
    Ok(())
}
