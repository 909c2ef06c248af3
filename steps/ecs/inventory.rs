//! Finds the clusters, services and task definitions of a deployment, and the holder of its cluster's name.

use aws_sdk_ecs::types::{Cluster, ClusterField, ServiceField, TaskDefinitionStatus};
use engine::step::StepError;
use serde_json::json;

use super::{INACTIVE, cluster, task_definition};
use crate::{
    Environment,
    failure::{failure, is_missing},
    found_tags,
    service::{CheckNames, Found, FoundService, Holders, NameHolder},
};

/// ECS's limits on the number of items in one call.
const CLUSTERS_MAX: usize = 100;
const SERVICES_MAX: usize = 10;

pub(super) async fn find(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    for arn in clusters(environment, deployment).await? {
        services(environment, deployment, &arn, found).await?;
        found.cluster_arns.push(arn);
    }
    task_definitions(environment, deployment, found).await?;
    inactive_task_definitions(environment, deployment, found).await
}

/// Finds deregistered revisions. They stay in ECS at no cost (Amazon ECS Developer Guide, "Deregistering a task
/// definition").
async fn inactive_task_definitions(
    environment: &Environment,
    deployment: &str,
    found: &mut Found,
) -> Result<(), StepError> {
    let call = environment.ecs_reads().list_task_definitions().family_prefix(deployment);
    let answer = call.status(TaskDefinitionStatus::Inactive).send().await;
    let arns =
        answer.map_err(|error| failure("ecs:ListTaskDefinitions", error))?.task_definition_arns.unwrap_or_default();
    let of_family = format!(":task-definition/{deployment}:");
    let names = arns.iter().filter(|arn| arn.contains(&of_family)).filter_map(|arn| arn.rsplit('/').next());
    let mut names: Vec<&str> = names.collect();
    if environment.is_planning() {
        // The run deregisters these.
        names.extend(found.task_definition_arns.iter().filter_map(|arn| arn.rsplit('/').next()));
    }
    if !names.is_empty() {
        found.stays.push(format!("INACTIVE task definitions, free of charge: {}", names.join(", ")));
    }
    Ok(())
}

async fn clusters(environment: &Environment, deployment: &str) -> Result<Vec<String>, StepError> {
    let mut arns = Vec::new();
    let mut listed = environment.ecs_reads().list_clusters().into_paginator().items().send();
    while let Some(arn) = listed.next().await {
        arns.push(arn.map_err(|error| failure("ecs:ListClusters", error))?);
    }
    let mut ours = Vec::new();
    for arns in arns.chunks(CLUSTERS_MAX) {
        let call = environment.ecs_reads().describe_clusters().set_clusters(Some(arns.to_vec()));
        let answer = call.include(ClusterField::Tags).send().await;
        let answer = answer.map_err(|error| failure("ecs:DescribeClusters", error))?;
        let is_ours =
            |cluster: &&Cluster| cluster.status() != Some(INACTIVE) && found_tags!(cluster.tags()).is_ours(deployment);
        ours.extend(answer.clusters().iter().filter(is_ours).filter_map(|cluster| cluster.cluster_arn.clone()));
    }
    Ok(ours)
}

async fn services(
    environment: &Environment,
    deployment: &str,
    cluster_arn: &str,
    found: &mut Found,
) -> Result<(), StepError> {
    let ecs = environment.ecs_reads();
    let mut arns = Vec::new();
    let mut listed = ecs.list_services().cluster(cluster_arn).into_paginator().items().send();
    while let Some(arn) = listed.next().await {
        match arn {
            Ok(arn) => arns.push(arn),
            Err(error) if is_missing(&error) => return Ok(()),
            Err(error) => return Err(failure("ecs:ListServices", error)),
        }
    }
    for arns in arns.chunks(SERVICES_MAX) {
        let call = ecs.describe_services().cluster(cluster_arn).set_services(Some(arns.to_vec()));
        let answer = call.include(ServiceField::Tags).send().await;
        let answer = answer.map_err(|error| failure("ecs:DescribeServices", error))?;
        for service in answer.services() {
            if service.status() == Some(INACTIVE) || !found_tags!(service.tags()).is_ours(deployment) {
                continue;
            }
            let settings = json!({ "desiredCount": service.desired_count() });
            environment.record_found(service.service_arn().unwrap_or_default(), service.service_name(), settings);
            found.services.push(FoundService {
                cluster_arn: cluster_arn.to_owned(),
                service_name: service.service_name().unwrap_or_default().to_owned(),
            });
        }
    }
    Ok(())
}

async fn task_definitions(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let call = environment.ecs_reads().list_task_definitions().family_prefix(deployment);
    let mut listed = call.status(TaskDefinitionStatus::Active).into_paginator().items().send();
    while let Some(arn) = listed.next().await {
        let arn = arn.map_err(|error| failure("ecs:ListTaskDefinitions", error))?;
        let existing = task_definition::describe(environment, &arn).await?;
        if let Some((revision, _)) = existing.filter(|(_, tags)| tags.is_ours(deployment)) {
            let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok());
            let settings = json!({ "cpu": number(revision.cpu()), "memoryMib": number(revision.memory()) });
            environment.record_found(&arn, None, settings);
            found.task_definition_arns.push(arn);
        }
    }
    Ok(())
}

pub(super) async fn check_names(
    environment: &Environment,
    names: &CheckNames,
    holders: &mut Holders,
) -> Result<(), StepError> {
    let name = &names.cluster_name;
    let cluster = cluster::find(environment, name).await?;
    holders.add("cluster", name, NameHolder::of(cluster.map(|cluster| found_tags!(cluster.tags()))));
    Ok(())
}
