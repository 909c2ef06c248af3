//! Finds roles and secrets.

use aws_sdk_iam::types::AttachedPolicy;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use engine::step::StepError;

use super::{Found, FoundRole};
use crate::{
    Environment,
    failure::{failure, is_missing},
    found_tags,
    tags::DEPLOYMENT,
};

pub(super) async fn find(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    roles(environment, deployment, found).await?;
    named_role(environment, deployment, found).await?;
    secrets(environment, deployment, found).await?;
    named_secrets(environment, deployment, found).await
}

/// Finds the role by its name, because lists are delayed (IAM User Guide, "Changes that I make are not always
/// immediately visible").
async fn named_role(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let name = format!("{deployment}-task-execution");
    if found.roles.iter().any(|role| role.name == name) {
        return Ok(());
    }
    match environment.iam_reads().get_role().role_name(&name).send().await {
        Ok(answer) => {
            if answer.role.is_some_and(|role| found_tags!(role.tags()).is_ours(deployment)) {
                found.roles.push(role_with_policies(environment, name).await?);
            }
            Ok(())
        }
        Err(error) if is_missing(&error) => Ok(()),
        Err(error) => Err(failure("iam:GetRole", error)),
    }
}

/// Finds the secrets by their names, and keeps only existing ones: ListSecrets may be minutes late for created and
/// deleted secrets (Secrets Manager API Reference, ListSecrets).
async fn named_secrets(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let listed = std::mem::take(&mut found.secret_arns);
    let named = ["database-password", "jdbc-url"].map(|name| format!("{deployment}/{name}"));
    for id in listed.into_iter().chain(named) {
        let secret = match environment.secretsmanager_reads().describe_secret().secret_id(&id).send().await {
            Ok(secret) => secret,
            Err(error) if is_missing(&error) => continue,
            Err(error) => return Err(failure("secretsmanager:DescribeSecret", error)),
        };
        let ours = secret.deleted_date().is_none() && found_tags!(secret.tags()).is_ours(deployment);
        if let Some(arn) = secret.arn.filter(|arn| ours && !found.secret_arns.contains(arn)) {
            found.secret_arns.push(arn);
        }
    }
    Ok(())
}

/// Finds roles. Their names start with the deployment's: the list has no tags, and an account may have a thousand
/// roles.
async fn roles(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let mut listed = environment.iam_reads().list_roles().into_paginator().items().send();
    while let Some(role) = listed.next().await {
        let name = role.map_err(|error| failure("iam:ListRoles", error))?.role_name;
        if name.starts_with(deployment) && is_ours(environment, deployment, &name).await? {
            found.roles.push(role_with_policies(environment, name).await?);
        }
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

/// Finds secrets. Those that are scheduled for deletion are not listed.
async fn secrets(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let tagged = Filter::builder().key(FilterNameStringType::TagKey).values(DEPLOYMENT).build();
    let call = environment.secretsmanager_reads().list_secrets().filters(tagged);
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failure("secretsmanager:ListSecrets", error))?;
        let ours = page
            .secret_list()
            .iter()
            .filter(|secret| secret.deleted_date().is_none() && found_tags!(secret.tags()).is_ours(deployment));
        found.secret_arns.extend(ours.filter_map(|secret| secret.arn.clone()));
    }
    Ok(())
}
