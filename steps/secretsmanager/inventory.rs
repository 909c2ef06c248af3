//! Finds the secrets of a deployment, and the holders of their names.

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use engine::step::StepError;

use super::{describe, scheduled};
use crate::{
    Environment,
    failure::failure,
    found_tags,
    service::{CheckNames, Found, Holders, NameHolder},
    tags::DEPLOYMENT,
};

pub(super) async fn find(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    secrets(environment, deployment, found).await?;
    named_secrets(environment, deployment, found).await
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

/// Finds the secrets by their names, and keeps only existing ones: ListSecrets may be minutes late for created and
/// deleted secrets (Secrets Manager API Reference, ListSecrets).
async fn named_secrets(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let listed = std::mem::take(&mut found.secret_arns);
    let named = ["database-password", "jdbc-url"].map(|name| format!("{deployment}/{name}"));
    for id in listed.into_iter().chain(named) {
        let Some(secret) = describe(environment, &id).await? else { continue };
        let is_tagged = found_tags!(secret.tags()).is_ours(deployment);
        let ours = secret.deleted_date().is_none() && is_tagged;
        if is_tagged && !ours {
            let name = secret.name().unwrap_or(&id);
            let stays = format!("secret {name} {}", scheduled(&secret, name));
            if !found.stays.contains(&stays) {
                found.stays.push(stays);
            }
        }
        if let Some(arn) = secret.arn.filter(|arn| ours && !found.secret_arns.contains(arn)) {
            found.secret_arns.push(arn);
        }
    }
    Ok(())
}

pub(super) async fn check_names(
    environment: &Environment,
    names: &CheckNames,
    holders: &mut Holders,
) -> Result<(), StepError> {
    for name in &names.secret_names {
        let holder = match describe(environment, name).await? {
            None => NameHolder::Nobody,
            Some(secret) if secret.deleted_date().is_some() => NameHolder::Kept(scheduled(&secret, name)),
            Some(secret) => NameHolder::Tagged(found_tags!(secret.tags())),
        };
        holders.add("secret", name, holder);
    }
    Ok(())
}
