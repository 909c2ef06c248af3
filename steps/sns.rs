//! SNS: the topic of alarms.

use std::sync::Arc;

use async_trait::async_trait;
use engine::step::{Answer, ChangeAction, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Environment, Nothing,
    failure::{failure, failure_for, is_missing, name_taken},
    found_tags,
    outcome::{change_of_part, deleted, gone_already, incomplete_answer},
    planned::{KNOWN_AFTER_APPLY, is_unknown, query_answer},
    policy::{Scope, none},
    service::{CheckChanges, CheckNames, Found, Holders, NameHolder, Objections, Service},
    tags::{FoundTags, Tags},
};

const TOPIC: &str = "AWS::SNS::Topic";
const SUBSCRIPTION: &str = "AWS::SNS::Subscription";
/// SNS's value in place of an ARN until the link in its e-mail has been followed.
const PENDING: [&str; 2] = ["PendingConfirmation", "pending confirmation"];

/// SNS's value in place of an ARN after the address has unsubscribed.
const DELETED: &str = "Deleted";

/// The topic of alarms.
const TOPICS: Scope = Scope {
    id: "Topics",
    resources: |restriction| vec![restriction.arn("sns", &format!("{}-alarms", restriction.deployment))],
    condition: none,
};

/// SNS: topics have the deployment's name and tag.
pub(crate) struct Sns;

#[async_trait]
impl Service for Sns {
    fn name(&self) -> &'static str {
        "sns"
    }

    fn register(&self, registry: &mut Registry, environment: &Arc<Environment>) {
        register(registry, environment);
    }

    fn find_actions(&self) -> &'static [&'static str] {
        &["sns:ListTopics", "sns:ListTagsForResource"]
    }

    async fn find(&self, environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
        find_topics(environment, deployment, found).await
    }

    fn name_actions(&self) -> &'static [&'static str] {
        &["sns:ListTopics", "sns:ListTagsForResource"]
    }

    async fn check_names(
        &self,
        environment: &Environment,
        names: &CheckNames,
        holders: &mut Holders,
    ) -> Result<(), StepError> {
        let Some(name) = &names.topic_name else { return Ok(()) };
        let tags = match find_topic(environment, name).await? {
            Some(topic_arn) => tags_of(environment, &topic_arn).await?,
            None => None,
        };
        holders.add("topic", name, NameHolder::of(tags));
        Ok(())
    }

    fn change_actions(&self) -> &'static [&'static str] {
        &["sns:ListTopics", "sns:ListTagsForResource", "sns:ListSubscriptionsByTopic"]
    }

    async fn check_changes(
        &self,
        environment: &Environment,
        input: &CheckChanges,
        objections: &mut Objections,
    ) -> Result<(), StepError> {
        let Some(name) = &input.topic_name else { return Ok(()) };
        let Some(topic_arn) = find_topic(environment, name).await? else { return Ok(()) };
        if !tags_of(environment, &topic_arn).await?.unwrap_or_default().is_ours(&input.deployment) {
            return Ok(());
        }
        let others = other_emails(environment, &topic_arn, input.alarms_email.as_deref()).await?;
        objections.notes.extend(note_of_others(&others, input.alarms_email.as_deref()));
        Ok(())
    }

    fn answer_in_plan(&self, operation: &str) -> Option<String> {
        let content = format!("<TopicArn>{KNOWN_AFTER_APPLY}</TopicArn>");
        (operation == "CreateTopic").then(|| query_answer(operation, &content))
    }

    fn scopes(&self, _call: &str) -> &'static [&'static Scope] {
        &[&TOPICS]
    }
}

impl Environment {
    /// The client for changes.
    fn sns(&self) -> aws_sdk_sns::Client {
        self.client_for_changes(aws_sdk_sns::Client::new)
    }

    /// The client for reads.
    fn sns_reads(&self) -> aws_sdk_sns::Client {
        self.client_for_reads(aws_sdk_sns::Client::new)
    }
}

impl Tags {
    /// The tags in SNS's form.
    fn sns(&self) -> Vec<aws_sdk_sns::types::Tag> {
        // Building a tag fails only without a key, and every pair has one.
        self.pairs()
            .filter_map(|(key, value)| aws_sdk_sns::types::Tag::builder().key(key).value(value).build().ok())
            .collect()
    }
}

fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "sns:createTopic",
        "Creates a topic.",
        ["sns:ListTopics", "sns:ListTagsForResource", "sns:CreateTopic", "sns:TagResource"],
        create_topic
    );
    step!(
        registry,
        environment,
        "sns:subscribeEmail",
        "Subscribes an e-mail address to a topic; its owner has to confirm.",
        ["sns:ListSubscriptionsByTopic", "sns:Subscribe"],
        subscribe_email
    );
    step!(
        registry,
        environment,
        "sns:deleteTopic",
        "Deletes a topic with its subscriptions.",
        ["sns:GetTopicAttributes", "sns:DeleteTopic"],
        delete_topic
    );
    step!(
        registry,
        environment,
        "sns:findTopic",
        "Finds the topic of this name, if it is the deployment's.",
        ["sns:ListTopics", "sns:ListTagsForResource"],
        find_own_topic
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateTopic {
    deployment: String,
    name: String,
}

/// A topic by its ARN.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TopicArn {
    topic_arn: String,
}

/// The topic with a name, if it exists.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct TopicArns {
    topic_arns: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SubscribeEmail {
    topic_arn: String,
    email: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    /// Null until it is confirmed.
    subscription_arn: Option<String>,
    /// Whether the address's owner has still to follow the link in the e-mail from AWS.
    pending_confirmation: bool,
    /// Other e-mail addresses that the topic writes to: of an earlier input, or added by a person.
    other_emails: Vec<String>,
}

/// The ARN of the topic with this name.
async fn find_topic(environment: &Environment, name: &str) -> Result<Option<String>, StepError> {
    let ending = format!(":{name}");
    let mut topics = environment.sns_reads().list_topics().into_paginator().items().send();
    while let Some(topic) = topics.next().await {
        let topic = topic.map_err(|error| failure("sns:ListTopics", error))?;
        if let Some(arn) = topic.topic_arn.filter(|arn| arn.ends_with(&ending)) {
            return Ok(Some(arn));
        }
    }
    Ok(None)
}

/// Finds topics. Their names start with the deployment's, so the tags of other topics need not be read.
async fn find_topics(environment: &Environment, deployment: &str, found: &mut Found) -> Result<(), StepError> {
    let mut topics = environment.sns_reads().list_topics().into_paginator().items().send();
    while let Some(topic) = topics.next().await {
        let arn = topic.map_err(|error| failure("sns:ListTopics", error))?.topic_arn.unwrap_or_default();
        if !arn.rsplit(':').next().is_some_and(|name| name.starts_with(deployment)) {
            continue;
        }
        if tags_of(environment, &arn).await?.is_some_and(|tags| tags.is_ours(deployment)) {
            found.topic_arns.push(arn);
        }
    }
    Ok(())
}

/// The tags of a topic; `None` if it no longer exists.
async fn tags_of(environment: &Environment, topic_arn: &str) -> Result<Option<FoundTags>, StepError> {
    match environment.sns_reads().list_tags_for_resource().resource_arn(topic_arn).send().await {
        Ok(answer) => Ok(Some(found_tags!(answer.tags()))),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(failure("sns:ListTagsForResource", error)),
    }
}

async fn create_topic(environment: Arc<Environment>, context: StepContext, input: CreateTopic) -> StepResult<TopicArn> {
    if let Some(topic_arn) = find_topic(&environment, &input.name).await? {
        let tags = tags_of(&environment, &topic_arn).await?.unwrap_or_default();
        if !tags.is_ours(&input.deployment) {
            return Err(name_taken("topic", &input.name, &input.deployment, tags.deployment.as_deref()));
        }
        let change = tags.change(&context, &topic_arn);
        return Ok(topic(topic_arn, &input.name, change));
    }
    let tags = Tags::new(&context, &input.deployment).named(&input.name).sns();
    let created = environment.sns().create_topic().name(&input.name).set_tags(Some(tags)).send().await;
    let created = created.map_err(|error| failure("sns:CreateTopic", error))?;
    let topic_arn = created.topic_arn.ok_or_else(|| incomplete_answer("sns:CreateTopic", "topic"))?;
    Ok(topic(topic_arn, &input.name, ChangeAction::Created))
}

fn topic(topic_arn: String, name: &str, change: ChangeAction) -> Answer<TopicArn> {
    let resource_change = ResourceChange::new(change, TOPIC, &topic_arn).named(name);
    Answer::with_change(TopicArn { topic_arn }, resource_change)
}

async fn subscribe_email(
    environment: Arc<Environment>,
    context: StepContext,
    input: SubscribeEmail,
) -> StepResult<Subscription> {
    let (subscribed, other_emails) = find_subscriptions(&environment, &context, &input).await?;
    if let Some(arn) = subscribed {
        let change = change_of_part(&context, &input.topic_arn, &input.email);
        return Ok(subscription(arn, &input.email, other_emails, change));
    }
    let call = environment.sns().subscribe().topic_arn(&input.topic_arn).protocol("email").endpoint(&input.email);
    let answer = call.send().await.map_err(|error| failure_for(&context, &input.topic_arn, "sns:Subscribe", error))?;
    Ok(subscription(answer.subscription_arn, &input.email, other_emails, ChangeAction::Created))
}

/// The subscription of the address, with its ARN if it is confirmed, and the other e-mail addresses of the topic.
async fn find_subscriptions(
    environment: &Environment,
    context: &StepContext,
    input: &SubscribeEmail,
) -> Result<(Option<Option<String>>, Vec<String>), StepError> {
    let (mut subscribed, mut other_emails) = (None, Vec::new());
    if is_unknown(&input.topic_arn) {
        return Ok((subscribed, other_emails));
    }
    let call = environment.sns_reads().list_subscriptions_by_topic().topic_arn(&input.topic_arn);
    let mut existing = call.into_paginator().items().send();
    while let Some(found) = existing.next().await {
        let action = "sns:ListSubscriptionsByTopic";
        let found = found.map_err(|error| failure_for(context, &input.topic_arn, action, error))?;
        if found.endpoint() == Some(&input.email) {
            subscribed = Some(found.subscription_arn);
        } else if found.protocol() == Some("email") {
            other_emails.extend(found.endpoint);
        }
    }
    Ok((subscribed, other_emails))
}

/// The e-mail addresses of a topic other than the wanted one. An earlier input or a person may have added them, so they are named and
/// remain subscribed.
async fn other_emails(
    environment: &Environment,
    topic_arn: &str,
    wanted: Option<&str>,
) -> Result<Vec<String>, StepError> {
    let call = environment.sns_reads().list_subscriptions_by_topic().topic_arn(topic_arn);
    let mut subscriptions = call.into_paginator().items().send();
    let mut others = Vec::new();
    while let Some(found) = subscriptions.next().await {
        let found = match found {
            Ok(found) => found,
            Err(error) if is_missing(&error) => return Ok(Vec::new()),
            Err(error) => return Err(failure("sns:ListSubscriptionsByTopic", error)),
        };
        // SNS lists an address that has unsubscribed for some days.
        let is_deleted = found.subscription_arn() == Some(DELETED);
        if found.protocol() == Some("email") && found.endpoint() != wanted && !is_deleted {
            others.extend(found.endpoint);
        }
    }
    Ok(others)
}

fn note_of_others(others: &[String], wanted: Option<&str>) -> Option<String> {
    if others.is_empty() {
        return None;
    }
    let (is, others) = (wanted.map_or("empty".to_owned(), str::to_owned), others.join(", "));
    Some(format!(
        "Alarms are also sent to {others} (alarms.email is {is}): unsubscribe in SNS the addresses that should not receive them."
    ))
}

fn subscription(
    arn: Option<String>,
    email: &str,
    other_emails: Vec<String>,
    change: ChangeAction,
) -> Answer<Subscription> {
    let subscription_arn = arn.filter(|arn| !PENDING.contains(&arn.as_str()));
    let pending_confirmation = subscription_arn.is_none();
    let resource_change = ResourceChange::new(change, SUBSCRIPTION, email);
    Answer::with_change(Subscription { subscription_arn, pending_confirmation, other_emails }, resource_change)
}

/// Finds the topic of an earlier run, for an input without alarms.
async fn find_own_topic(
    environment: Arc<Environment>,
    _context: StepContext,
    input: CreateTopic,
) -> StepResult<TopicArns> {
    let mut topic_arns = Vec::new();
    if let Some(topic_arn) = find_topic(&environment, &input.name).await? {
        let tags = tags_of(&environment, &topic_arn).await?.unwrap_or_default();
        topic_arns.extend(Some(topic_arn).filter(|_| tags.is_ours(&input.deployment)));
    }
    Ok(Answer::done(TopicArns { topic_arns }))
}

async fn delete_topic(environment: Arc<Environment>, context: StepContext, input: TopicArn) -> StepResult<Nothing> {
    // DeleteTopic succeeds for a topic that does not exist, so this must be checked first.
    match environment.sns_reads().get_topic_attributes().topic_arn(&input.topic_arn).send().await {
        Ok(_) => {}
        Err(error) if is_missing(&error) => return gone_already(&context, TOPIC, &input.topic_arn),
        Err(error) => return Err(failure("sns:GetTopicAttributes", error)),
    }
    let answer = environment.sns().delete_topic().topic_arn(&input.topic_arn).send().await;
    deleted(&context, (TOPIC, &input.topic_arn), "sns:DeleteTopic", answer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_that_was_removed_from_the_input_is_named() {
        assert_eq!(note_of_others(&[], None), None);
        let earlier = ["earlier@example.com".to_owned()];
        let note = note_of_others(&earlier, None).unwrap();
        assert!(note.contains("earlier@example.com") && note.contains("alarms.email is empty"), "{note}");
        let note = note_of_others(&earlier, Some("new@example.com")).unwrap();
        assert!(note.contains("alarms.email is new@example.com"), "{note}");
    }
}
