//! CloudWatch Logs: the log group of the tasks.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use aws_sdk_cloudwatchlogs::types::{LogGroup, LogStream, OrderBy};
use engine::step::{Answer, ChangeAction, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Environment, Nothing,
    failure::{already_exists, failure, failure_for, is_missing, name_taken},
    outcome::{deleted, nothing_to_do, setting_changed},
    policy::{Scope, none},
    service::{CheckNames, Found, Holders, NameHolder, Service},
    tags::{FoundTags, Tags},
};

const RESOURCE_TYPE: &str = "AWS::Logs::LogGroup";
/// The log streams, and the lines of each, that [`last_lines`] reads.
const LAST_STREAMS_MAX: i32 = 2;
const LAST_LINES_MAX: i32 = 15;

/// The log groups of a deployment.
const LOG_GROUPS: Scope = Scope {
    id: "LogGroups",
    resources: |restriction| vec![restriction.arn("logs", &format!("log-group:/ecs/{}*", restriction.deployment))],
    condition: none,
};

/// CloudWatch Logs: log groups have the deployment's name and tag.
pub(crate) struct Logs;

#[async_trait]
impl Service for Logs {
    fn name(&self) -> &'static str {
        "logs"
    }

    fn register(&self, registry: &mut Registry, environment: &Arc<Environment>) {
        register(registry, environment);
    }

    fn find_actions(&self) -> &'static [&'static str] {
        &["logs:DescribeLogGroups", "logs:ListTagsForResource"]
    }

    async fn find(&self, environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
        find_log_groups(environment, deployment, found).await
    }

    fn name_actions(&self) -> &'static [&'static str] {
        &["logs:DescribeLogGroups", "logs:ListTagsForResource"]
    }

    async fn check_names(
        &self,
        environment: &Environment,
        names: &CheckNames,
        holders: &mut Holders,
    ) -> Result<(), StepError> {
        let name = &names.log_group_name;
        let tags = match find(environment, name).await? {
            Some(group) => tags_of(environment, &group).await?,
            None => None,
        };
        holders.add("log group", name, NameHolder::of(tags));
        Ok(())
    }

    fn scopes(&self, _call: &str) -> &'static [&'static Scope] {
        &[&LOG_GROUPS]
    }
}

impl Environment {
    /// The client for changes.
    pub(crate) fn logs(&self) -> aws_sdk_cloudwatchlogs::Client {
        self.client_for_changes(aws_sdk_cloudwatchlogs::Client::new)
    }

    /// The client for reads.
    fn logs_reads(&self) -> aws_sdk_cloudwatchlogs::Client {
        self.client_for_reads(aws_sdk_cloudwatchlogs::Client::new)
    }
}

impl Tags {
    /// The tags in CloudWatch Logs' form.
    fn logs(&self) -> HashMap<String, String> {
        self.pairs().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }
}

fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "logs:createLogGroup",
        "Creates a log group.",
        ["logs:DescribeLogGroups", "logs:ListTagsForResource", "logs:CreateLogGroup", "logs:TagResource"],
        create_log_group
    );
    step!(
        registry,
        environment,
        "logs:putRetentionPolicy",
        "Sets for how many days a log group keeps what is written.",
        ["logs:DescribeLogGroups", "logs:PutRetentionPolicy"],
        put_retention_policy
    );
    step!(
        registry,
        environment,
        "logs:deleteLogGroup",
        "Deletes a log group with everything in it.",
        ["logs:DeleteLogGroup"],
        delete_log_group
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateLogGroup {
    deployment: String,
    name: String,
}

/// A log group by its name.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LogGroupName {
    name: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PutRetentionPolicy {
    name: String,
    /// One of the numbers that CloudWatch Logs allows, such as 1, 7, 14, 30, 90, 365.
    retention_days: i32,
}

async fn create_log_group(
    environment: Arc<Environment>,
    context: StepContext,
    input: CreateLogGroup,
) -> StepResult<LogGroupName> {
    if let Some(group) = find(&environment, &input.name).await? {
        return found_group(&environment, &context, input, &group).await;
    }
    let tags = Tags::new(&context, &input.deployment).named(&input.name).logs();
    match environment.logs().create_log_group().log_group_name(&input.name).set_tags(Some(tags)).send().await {
        Ok(_) => Ok(answered(input.name, ChangeAction::Created)),
        Err(error) if already_exists(&error) => match find(&environment, &input.name).await? {
            Some(group) => found_group(&environment, &context, input, &group).await,
            None => Err(failure("logs:CreateLogGroup", error)),
        },
        Err(error) => Err(failure("logs:CreateLogGroup", error)),
    }
}

fn answered(name: String, change: ChangeAction) -> Answer<LogGroupName> {
    let resource_change = ResourceChange::new(change, RESOURCE_TYPE, &name).named(&name);
    Answer::with_change(LogGroupName { name }, resource_change)
}

/// The last lines of the log streams that were written last.
///
/// # Errors
/// A read failed.
pub(crate) async fn last_lines(environment: &Environment, log_group: &str) -> Result<Vec<String>, StepError> {
    let logs = environment.logs_reads();
    let streams = logs
        .describe_log_streams()
        .log_group_name(log_group)
        .order_by(OrderBy::LastEventTime)
        .descending(true)
        .limit(LAST_STREAMS_MAX)
        .send()
        .await
        .map_err(|error| failure("logs:DescribeLogStreams", error))?;
    let mut lines = Vec::new();
    for stream in streams.log_streams().iter().filter_map(LogStream::log_stream_name) {
        let call = logs.get_log_events().log_group_name(log_group).log_stream_name(stream);
        let events = call.limit(LAST_LINES_MAX).start_from_head(false).send().await;
        let events = events.map_err(|error| failure("logs:GetLogEvents", error))?;
        lines.extend(events.events.unwrap_or_default().into_iter().filter_map(|event| event.message));
    }
    Ok(lines)
}

pub(crate) async fn find(environment: &Environment, name: &str) -> Result<Option<LogGroup>, StepError> {
    let mut pages =
        environment.logs_reads().describe_log_groups().log_group_name_prefix(name).into_paginator().items().send();
    // A missing group gives an empty list, and longer names have the same prefix.
    while let Some(group) = pages.next().await {
        let group = group.map_err(|error| failure("logs:DescribeLogGroups", error))?;
        if group.log_group_name() == Some(name) {
            return Ok(Some(group));
        }
    }
    Ok(None)
}

/// Finds log groups. Their names start with the deployment's, so the tags of other log groups need not be read.
async fn find_log_groups(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let prefix = format!("/ecs/{deployment}");
    let call = environment.logs_reads().describe_log_groups().log_group_name_prefix(prefix);
    let mut groups = call.into_paginator().items().send();
    while let Some(group) = groups.next().await {
        let group = group.map_err(|error| failure("logs:DescribeLogGroups", error))?;
        if tags_of(environment, &group).await?.is_some_and(|tags| tags.is_ours(deployment)) {
            found.log_group_names.extend(group.log_group_name);
        }
    }
    Ok(())
}

/// The tags of a log group; `None` if it no longer exists.
async fn tags_of(environment: &Environment, group: &LogGroup) -> Result<Option<FoundTags>, StepError> {
    let arn = group.log_group_arn().or(group.arn()).unwrap_or_default().trim_end_matches(":*");
    match environment.logs_reads().list_tags_for_resource().resource_arn(arn).send().await {
        Ok(answer) => {
            let tags = answer.tags.unwrap_or_default();
            Ok(Some(FoundTags::of(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())))))
        }
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("logs:ListTagsForResource", error)),
    }
}

async fn found_group(
    environment: &Environment,
    context: &StepContext,
    input: CreateLogGroup,
    group: &LogGroup,
) -> StepResult<LogGroupName> {
    let tags = tags_of(environment, group).await?.unwrap_or_default();
    if !tags.is_ours(&input.deployment) {
        return Err(name_taken("log group", &input.name, &input.deployment, tags.deployment.as_deref()));
    }
    let change = tags.change(context, &input.name);
    Ok(answered(input.name, change))
}

async fn put_retention_policy(
    environment: Arc<Environment>,
    context: StepContext,
    input: PutRetentionPolicy,
) -> StepResult<Nothing> {
    let existing = find(&environment, &input.name).await?.and_then(|group| group.retention_in_days);
    if existing == Some(input.retention_days) {
        return nothing_to_do();
    }
    let from = existing.map_or_else(|| "never expires".to_owned(), |days| days.to_string());
    environment.differs("retentionDays", from, input.retention_days);
    let call = environment.logs().put_retention_policy().log_group_name(&input.name);
    let answer = call.retention_in_days(input.retention_days).send().await;
    answer.map_err(|error| failure_for(&context, &input.name, "logs:PutRetentionPolicy", error))?;
    setting_changed(&context, RESOURCE_TYPE, &input.name)
}

async fn delete_log_group(
    environment: Arc<Environment>,
    context: StepContext,
    input: LogGroupName,
) -> StepResult<Nothing> {
    let answer = environment.logs().delete_log_group().log_group_name(&input.name).send().await;
    deleted(&context, (RESOURCE_TYPE, &input.name), "logs:DeleteLogGroup", answer)
}
