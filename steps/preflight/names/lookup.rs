//! Finds the holder of a name, one function for each service.

use aws_sdk_cloudwatch::types::MetricAlarm;
use aws_sdk_ecs::types::ClusterField;
use engine::step::StepError;

use super::Holder;
use crate::{
    Environment, cloudwatch,
    failure::{failure, is_missing},
    found_tags,
};

/// Reads the tags with a further call. If the resource no longer exists, no one holds the name.
macro_rules! holder {
    ($action:literal, $call:expr, |$answer:ident| $tags:expr) => {
        match $call.send().await {
            Ok($answer) => Ok(Holder::Tagged(found_tags!($tags))),
            Err(error) if is_missing(&error) => Ok(Holder::Nobody),
            Err(error) => Err(failure($action, error)),
        }
    };
}

/// The part of a first call's answer that identifies the resource. Without it, no one holds the name.
macro_rules! part {
    ($action:literal, $call:expr, |$answer:ident| $part:expr) => {
        match $call.send().await {
            Ok($answer) => match $part {
                Some(part) => part,
                None => return Ok(Holder::Nobody),
            },
            Err(error) if is_missing(&error) => return Ok(Holder::Nobody),
            Err(error) => return Err(failure($action, error)),
        }
    };
}

pub(super) async fn load_balancer(environment: &Environment, name: &str) -> Result<Holder, StepError> {
    let elbv2 = environment.elbv2_reads();
    let arn =
        part!("elasticloadbalancing:DescribeLoadBalancers", elbv2.describe_load_balancers().names(name), |answer| {
            answer.load_balancers().first().and_then(|found| found.load_balancer_arn().map(str::to_owned))
        });
    elbv2_tags(environment, arn).await
}

pub(super) async fn target_group(environment: &Environment, name: &str) -> Result<Holder, StepError> {
    let elbv2 = environment.elbv2_reads();
    let arn =
        part!("elasticloadbalancing:DescribeTargetGroups", elbv2.describe_target_groups().names(name), |answer| {
            answer.target_groups().first().and_then(|found| found.target_group_arn().map(str::to_owned))
        });
    elbv2_tags(environment, arn).await
}

async fn elbv2_tags(environment: &Environment, arn: String) -> Result<Holder, StepError> {
    let call = environment.elbv2_reads().describe_tags().resource_arns(arn);
    holder!("elasticloadbalancing:DescribeTags", call, |answer| {
        answer.tag_descriptions().iter().flat_map(|found| found.tags().to_vec()).collect::<Vec<_>>()
    })
}

pub(super) async fn database(environment: &Environment, identifier: &str) -> Result<Holder, StepError> {
    let call = environment.rds_reads().describe_db_instances().db_instance_identifier(identifier);
    let found = part!("rds:DescribeDBInstances", call, |answer| answer.db_instances().first().cloned());
    Ok(Holder::Tagged(found_tags!(found.tag_list())))
}

pub(super) async fn database_subnet_group(environment: &Environment, name: &str) -> Result<Holder, StepError> {
    let rds = environment.rds_reads();
    let call = rds.describe_db_subnet_groups().db_subnet_group_name(name);
    let arn = part!("rds:DescribeDBSubnetGroups", call, |answer| {
        answer.db_subnet_groups().first().and_then(|found| found.db_subnet_group_arn().map(str::to_owned))
    });
    let call = rds.list_tags_for_resource().resource_name(arn);
    holder!("rds:ListTagsForResource", call, |answer| answer.tag_list())
}

pub(super) async fn cluster(environment: &Environment, name: &str) -> Result<Holder, StepError> {
    let call = environment.ecs_reads().describe_clusters().clusters(name).include(ClusterField::Tags);
    let found = part!("ecs:DescribeClusters", call, |answer| {
        answer.clusters().iter().find(|cluster| cluster.status() != Some("INACTIVE")).cloned()
    });
    Ok(Holder::Tagged(found_tags!(found.tags())))
}

pub(super) async fn role(environment: &Environment, name: &str) -> Result<Holder, StepError> {
    let found = part!("iam:GetRole", environment.iam_reads().get_role().role_name(name), |answer| answer.role);
    Ok(Holder::Tagged(found_tags!(found.tags())))
}

pub(super) async fn secret(environment: &Environment, name: &str) -> Result<Holder, StepError> {
    let call = environment.secretsmanager_reads().describe_secret().secret_id(name);
    let found = part!("secretsmanager:DescribeSecret", call, |answer| Some(answer));
    if found.deleted_date().is_some() {
        return Ok(Holder::Kept("is scheduled for deletion and keeps its name until then"));
    }
    Ok(Holder::Tagged(found_tags!(found.tags())))
}

pub(super) async fn log_group(environment: &Environment, name: &str) -> Result<Holder, StepError> {
    let logs = environment.logs_reads();
    let call = logs.describe_log_groups().log_group_name_prefix(name);
    let arn = part!("logs:DescribeLogGroups", call, |answer| {
        let found = answer.log_groups().iter().find(|group| group.log_group_name() == Some(name));
        found.and_then(|group| group.log_group_arn().or(group.arn()).map(str::to_owned))
    });
    let call = logs.list_tags_for_resource().resource_arn(arn.trim_end_matches(":*"));
    match call.send().await {
        Ok(answer) => {
            let tags = answer.tags.unwrap_or_default();
            let tags = tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
            Ok(Holder::Tagged(crate::tags::FoundTags::of(tags)))
        }
        Err(error) if is_missing(&error) => Ok(Holder::Nobody),
        Err(error) => Err(failure("logs:ListTagsForResource", error)),
    }
}

pub(super) async fn topic(environment: &Environment, name: &str) -> Result<Holder, StepError> {
    let sns = environment.sns_reads();
    let mut pages = sns.list_topics().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failure("sns:ListTopics", error))?;
        let mut arns = page.topics().iter().filter_map(|topic| topic.topic_arn());
        if let Some(arn) = arns.find(|arn| arn.rsplit(':').next() == Some(name)) {
            let call = sns.list_tags_for_resource().resource_arn(arn);
            return holder!("sns:ListTagsForResource", call, |answer| answer.tags());
        }
    }
    Ok(Holder::Nobody)
}

pub(super) async fn key_pair(environment: &Environment, name: &str) -> Result<Holder, StepError> {
    let named = aws_sdk_ec2::types::Filter::builder().name("key-name").values(name).build();
    let call = environment.ec2_reads().describe_key_pairs().filters(named);
    let found = part!("ec2:DescribeKeyPairs", call, |answer| {
        answer.key_pairs().iter().find(|found| found.key_name() == Some(name)).cloned()
    });
    Ok(Holder::Tagged(found_tags!(found.tags())))
}

/// The holders of alarms' names, in the order of the names: one call reads all of them.
pub(super) async fn alarms(environment: &Environment, names: &[String]) -> Result<Vec<Holder>, StepError> {
    let found = if names.is_empty() { Vec::new() } else { cloudwatch::find(environment, names).await? };
    let mut holders = Vec::new();
    for name in names {
        let alarm = found.iter().find(|alarm| alarm.alarm_name() == Some(name));
        holders.push(match alarm.and_then(MetricAlarm::alarm_arn) {
            Some(arn) => alarm_tags(environment, arn).await?,
            None => Holder::Nobody,
        });
    }
    Ok(holders)
}

async fn alarm_tags(environment: &Environment, arn: &str) -> Result<Holder, StepError> {
    let call = environment.cloudwatch_reads().list_tags_for_resource().resource_arn(arn);
    holder!("cloudwatch:ListTagsForResource", call, |answer| answer.tags())
}
