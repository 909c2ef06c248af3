//! CloudWatch: alarms.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, MetricAlarm, Statistic};
use engine::step::{Answer, ChangeAction, Done, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Environment, Nothing,
    failure::{failure, is_missing, name_taken},
    found_tags,
    outcome::may_have_deleted,
    planned::{Bill, PlannedChange, Price, Prices},
    policy::{Scope, none},
    service::{CheckNames, Found, Holders, NameHolder, Service},
    tags::{FoundTags, Tags},
};

const ALARM: &str = "AWS::CloudWatch::Alarm";

/// The alarms of a deployment.
const ALARMS: Scope = Scope {
    id: "Alarms",
    resources: |restriction| vec![restriction.arn("cloudwatch", &format!("alarm:{}-*", restriction.deployment))],
    condition: none,
};

/// CloudWatch: alarms have the deployment's name and tag.
pub(crate) struct CloudWatch;

#[async_trait]
impl Service for CloudWatch {
    fn name(&self) -> &'static str {
        "cloudwatch"
    }

    fn register(&self, registry: &mut Registry, environment: &Arc<Environment>) {
        register(registry, environment);
    }

    fn find_actions(&self) -> &'static [&'static str] {
        &["cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource"]
    }

    async fn find(&self, environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
        find_alarms(environment, deployment, found).await
    }

    fn name_actions(&self) -> &'static [&'static str] {
        &["cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource"]
    }

    async fn check_names(
        &self,
        environment: &Environment,
        names: &CheckNames,
        holders: &mut Holders,
    ) -> Result<(), StepError> {
        check_alarm_names(environment, &names.alarm_names, holders).await
    }

    fn scopes(&self, _call: &str) -> &'static [&'static Scope] {
        &[&ALARMS]
    }

    fn monthly_usd(&self, change: &PlannedChange, _plan: &[PlannedChange], prices: &Prices) -> Price {
        match change.resource_type.as_str() {
            ALARM => Price::Billed(Bill::default().with("alarms", Some(1.0), prices.everywhere("alarmMonth"))),
            _ => Price::Free,
        }
    }
}

impl Environment {
    /// The client for changes.
    fn cloudwatch(&self) -> aws_sdk_cloudwatch::Client {
        self.client_for_changes(aws_sdk_cloudwatch::Client::new)
    }

    /// The client for reads.
    fn cloudwatch_reads(&self) -> aws_sdk_cloudwatch::Client {
        self.client_for_reads(aws_sdk_cloudwatch::Client::new)
    }
}

impl Tags {
    /// The tags in CloudWatch's form.
    fn cloudwatch(&self) -> Vec<aws_sdk_cloudwatch::types::Tag> {
        self.pairs()
            .map(|(key, value)| aws_sdk_cloudwatch::types::Tag::builder().key(key).value(value).build())
            .collect()
    }
}

fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "cloudwatch:putAlarm",
        "Creates an alarm, or updates it if it differs.",
        [
            "cloudwatch:DescribeAlarms",
            "cloudwatch:ListTagsForResource",
            "cloudwatch:PutMetricAlarm",
            "cloudwatch:TagResource"
        ],
        put_alarm
    );
    step!(
        registry,
        environment,
        "cloudwatch:deleteAlarms",
        "Deletes alarms by their names.",
        ["cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"],
        delete_alarms
    );
    step!(
        registry,
        environment,
        "cloudwatch:findAlarms",
        "Finds those of the named alarms that are the deployment's.",
        ["cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource"],
        find_own_alarms
    );
}

/// Alarms of a deployment.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OwnAlarms {
    deployment: String,
    names: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PutAlarm {
    deployment: String,
    name: String,
    description: String,
    namespace: String,
    metric_name: String,
    dimensions: BTreeMap<String, String>,
    /// Such as `Average`, `Maximum`, `Minimum`.
    statistic: String,
    period_seconds: i32,
    evaluation_periods: i32,
    datapoints_to_alarm: i32,
    /// In the unit of the metric: per cent, a count, bytes.
    threshold: f64,
    /// Such as `GreaterThanThreshold`.
    comparison_operator: String,
    /// `missing`, `ignore`, `breaching` or `notBreaching`.
    treat_missing_data: String,
    /// The topic to notify; null for none.
    topic_arn: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PutAlarmOutput {
    name: String,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AlarmNames {
    names: Vec<String>,
}

/// The alarms of these names that exist.
async fn find(environment: &Environment, names: &[String]) -> Result<Vec<MetricAlarm>, StepError> {
    let call = environment.cloudwatch_reads().describe_alarms().set_alarm_names(Some(names.to_vec()));
    let answer = call.send().await.map_err(|error| failure("cloudwatch:DescribeAlarms", error))?;
    Ok(answer.metric_alarms.unwrap_or_default())
}

/// Finds alarms. Their names start with the deployment's, so the tags of other alarms need not be read.
async fn find_alarms(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let call = environment.cloudwatch_reads().describe_alarms().alarm_name_prefix(deployment);
    let mut pages = call.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| failure("cloudwatch:DescribeAlarms", error))?;
        for alarm in page.metric_alarms() {
            let tags = tags_of(environment, alarm.alarm_arn().unwrap_or_default()).await?;
            if tags.is_some_and(|tags| tags.is_ours(deployment)) {
                found.alarm_names.extend(alarm.alarm_name.clone());
            }
        }
    }
    Ok(())
}

/// Adds the holders of alarms' names, in the order of the names: one call reads all of them.
async fn check_alarm_names(
    environment: &Environment,
    names: &[String],
    holders: &mut Holders,
) -> Result<(), StepError> {
    let found = if names.is_empty() { Vec::new() } else { find(environment, names).await? };
    for name in names {
        let alarm = found.iter().find(|alarm| alarm.alarm_name() == Some(name));
        let tags = match alarm.and_then(MetricAlarm::alarm_arn) {
            Some(arn) => tags_of(environment, arn).await?,
            None => None,
        };
        holders.add("alarm", name, NameHolder::of(tags));
    }
    Ok(())
}

/// The tags of an alarm; `None` if it no longer exists.
async fn tags_of(environment: &Environment, alarm_arn: &str) -> Result<Option<FoundTags>, StepError> {
    match environment.cloudwatch_reads().list_tags_for_resource().resource_arn(alarm_arn).send().await {
        Ok(answer) => Ok(Some(found_tags!(answer.tags()))),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("cloudwatch:ListTagsForResource", error)),
    }
}

async fn put_alarm(environment: Arc<Environment>, context: StepContext, input: PutAlarm) -> StepResult<PutAlarmOutput> {
    let existing = find(&environment, std::slice::from_ref(&input.name)).await?.into_iter().next();
    let mut change = ChangeAction::Created;
    if let Some(alarm) = &existing {
        let tags = tags_of(&environment, alarm.alarm_arn().unwrap_or_default()).await?.unwrap_or_default();
        if !tags.is_ours(&input.deployment) {
            return Err(name_taken("alarm", &input.name, &input.deployment, tags.deployment.as_deref()));
        }
        if is_as_wanted(alarm, &input) {
            let change = tags.change(&context, &input.name);
            return Ok(put(input.name, change));
        }
        change = ChangeAction::Updated;
        say_differences(&environment, alarm, &input);
    }
    send(&environment, &context, &input).await?;
    Ok(put(input.name, change))
}

/// The answer of a created or updated alarm. Its id is its name, as in CloudFormation: PutMetricAlarm returns no ARN.
fn put(name: String, change: ChangeAction) -> Answer<PutAlarmOutput> {
    let resource_change = ResourceChange::new(change, ALARM, &name).named(&name).billed();
    Answer::with_change(PutAlarmOutput { name }, resource_change)
}

async fn send(environment: &Environment, context: &StepContext, input: &PutAlarm) -> Result<(), StepError> {
    let topics: Vec<String> = input.topic_arn.iter().cloned().collect();
    let call = environment
        .cloudwatch()
        .put_metric_alarm()
        .alarm_name(&input.name)
        .alarm_description(&input.description)
        .namespace(&input.namespace)
        .metric_name(&input.metric_name)
        .set_dimensions(Some(dimensions(input)))
        .statistic(Statistic::from(input.statistic.as_str()))
        .period(input.period_seconds)
        .evaluation_periods(input.evaluation_periods)
        .datapoints_to_alarm(input.datapoints_to_alarm)
        .threshold(input.threshold)
        .comparison_operator(ComparisonOperator::from(input.comparison_operator.as_str()))
        .treat_missing_data(&input.treat_missing_data)
        .set_alarm_actions(Some(topics.clone()))
        .set_ok_actions(Some(topics))
        .set_tags(Some(Tags::new(context, &input.deployment).named(&input.name).cloudwatch()));
    call.send().await.map(drop).map_err(|error| failure("cloudwatch:PutMetricAlarm", error))
}

fn dimensions(input: &PutAlarm) -> Vec<Dimension> {
    input.dimensions.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect()
}

fn is_as_wanted(alarm: &MetricAlarm, input: &PutAlarm) -> bool {
    let existing: BTreeMap<&str, &str> =
        alarm.dimensions().iter().map(|d| (d.name().unwrap_or_default(), d.value().unwrap_or_default())).collect();
    let wanted: BTreeMap<&str, &str> =
        input.dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let topics: Vec<&str> = input.topic_arn.as_deref().into_iter().collect();
    existing == wanted
        && alarm.namespace() == Some(&input.namespace)
        && alarm.metric_name() == Some(&input.metric_name)
        && alarm.statistic().map(Statistic::as_str) == Some(&input.statistic)
        && alarm.period() == Some(input.period_seconds)
        && alarm.evaluation_periods() == Some(input.evaluation_periods)
        && alarm.datapoints_to_alarm() == Some(input.datapoints_to_alarm)
        && alarm.threshold() == Some(input.threshold)
        && alarm.comparison_operator().map(ComparisonOperator::as_str) == Some(&input.comparison_operator)
        && alarm.treat_missing_data().unwrap_or("missing") == input.treat_missing_data
        && alarm.alarm_actions().iter().map(String::as_str).eq(topics)
}

fn say_differences(environment: &Environment, alarm: &MetricAlarm, input: &PutAlarm) {
    if alarm.threshold() != Some(input.threshold) {
        environment.differs("threshold", alarm.threshold().unwrap_or_default(), input.threshold);
    }
    let existing = alarm.alarm_actions().join(", ");
    let topic = input.topic_arn.clone().unwrap_or_default();
    if existing != topic {
        environment.differs("topicArn", existing, topic);
    }
    let said =
        |name: Option<&str>, value: Option<&str>| format!("{}={}", name.unwrap_or_default(), value.unwrap_or_default());
    let mut existing: Vec<String> = alarm.dimensions().iter().map(|d| said(d.name(), d.value())).collect();
    existing.sort_unstable();
    let wanted: Vec<String> = input.dimensions.iter().map(|(name, value)| said(Some(name), Some(value))).collect();
    if existing != wanted {
        environment.differs("dimensions", existing.join(", "), wanted.join(", "));
    }
    let rule = |statistic: Option<&str>, period: Option<i32>, of: Option<i32>, missing: Option<&str>| {
        let (period, of) = (period.unwrap_or_default(), of.unwrap_or_default());
        format!(
            "{} of {period} s, {of} times, missing: {}",
            statistic.unwrap_or_default(),
            missing.unwrap_or("missing")
        )
    };
    let statistic = alarm.statistic().map(Statistic::as_str);
    let existing = rule(statistic, alarm.period(), alarm.evaluation_periods(), alarm.treat_missing_data());
    let periods = (Some(input.period_seconds), Some(input.evaluation_periods));
    let wanted = rule(Some(&input.statistic), periods.0, periods.1, Some(&input.treat_missing_data));
    if existing != wanted {
        environment.differs("rule", existing, wanted);
    }
}

/// Finds the alarms of an earlier run, for an input without alarms. An alarm of the same name without the deployment's
/// tags is not among them.
async fn find_own_alarms(
    environment: Arc<Environment>,
    _context: StepContext,
    input: OwnAlarms,
) -> StepResult<AlarmNames> {
    let mut names = Vec::new();
    for alarm in find(&environment, &input.names).await? {
        let tags = tags_of(&environment, alarm.alarm_arn().unwrap_or_default()).await?.unwrap_or_default();
        names.extend(alarm.alarm_name.filter(|_| tags.is_ours(&input.deployment)));
    }
    Ok(Answer::done(AlarmNames { names }))
}

async fn delete_alarms(environment: Arc<Environment>, context: StepContext, input: AlarmNames) -> StepResult<Nothing> {
    let existing = if input.names.is_empty() { Vec::new() } else { find(&environment, &input.names).await? };
    if existing.is_empty() {
        // An earlier call of this state deleted all of them at once.
        let names = if may_have_deleted(&context) { input.names } else { Vec::new() };
        return Ok(deleted(names));
    }
    let names: Vec<String> = existing.into_iter().filter_map(|alarm| alarm.alarm_name).collect();
    let answer = environment.cloudwatch().delete_alarms().set_alarm_names(Some(names.clone())).send().await;
    answer.map_err(|error| failure("cloudwatch:DeleteAlarms", error))?;
    Ok(deleted(names))
}

fn deleted(names: Vec<String>) -> Answer<Nothing> {
    let changes = names.into_iter().map(|name| ResourceChange::new(ChangeAction::Deleted, ALARM, &name).named(name));
    let changes = changes.collect();
    Answer::Done(Done::new(Nothing {}, changes))
}
