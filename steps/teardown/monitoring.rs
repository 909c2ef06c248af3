//! Finds alarms, topics and log groups. Their names start with the deployment's, so the tags of other resources need
//! not be read.

use engine::step::StepError;

use super::Found;
use crate::{Environment, cloudwatch, failure::failure, logs, sns};

pub(super) async fn find(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    alarms(environment, deployment, found).await?;
    topics(environment, deployment, found).await?;
    log_groups(environment, deployment, found).await
}

async fn alarms(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let call = environment.cloudwatch_reads().describe_alarms().alarm_name_prefix(deployment);
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failure("cloudwatch:DescribeAlarms", error))?;
        for alarm in page.metric_alarms() {
            let tags = cloudwatch::tags_of(environment, alarm.alarm_arn().unwrap_or_default()).await?;
            if tags.is_ours(deployment) {
                found.alarm_names.extend(alarm.alarm_name.clone());
            }
        }
    }
    Ok(())
}

async fn topics(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let mut topics = environment.sns_reads().list_topics().into_paginator().items().send();
    while let Some(topic) = topics.next().await {
        let arn = topic.map_err(|error| failure("sns:ListTopics", error))?.topic_arn.unwrap_or_default();
        if !arn.rsplit(':').next().is_some_and(|name| name.starts_with(deployment)) {
            continue;
        }
        if sns::tags_of(environment, &arn).await?.is_ours(deployment) {
            found.topic_arns.push(arn);
        }
    }
    Ok(())
}

async fn log_groups(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let prefix = format!("/ecs/{deployment}");
    let call = environment.logs_reads().describe_log_groups().log_group_name_prefix(prefix);
    let mut groups = call.into_paginator().items().send();
    while let Some(group) = groups.next().await {
        let group = group.map_err(|error| failure("logs:DescribeLogGroups", error))?;
        if logs::tags_of(environment, &group).await?.is_some_and(|tags| tags.is_ours(deployment)) {
            found.log_group_names.extend(group.log_group_name);
        }
    }
    Ok(())
}
