//! The parts of a deployment at Step Functions: activities, a state machine, its versions, its alias.

use std::collections::BTreeMap;

use aws_sdk_sfn::{
    error::ProvideErrorMetadata,
    types::{
        CloudWatchLogsLogGroup, ExecutionStatus, LogDestination, LogLevel, LoggingConfiguration,
        RoutingConfigurationListItem, Tag, ValidateStateMachineDefinitionSeverity,
    },
};
use engine::step::{ErrorClass, StepError};

use super::StepFunctions;

/// The most items of a page (API Reference, ListExecutions).
const PAGE_MAX: i32 = 1_000;

/// A state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteStateMachine {
    /// Its ARN.
    pub arn: String,
    /// Its definition as JSON text.
    pub definition: String,
    /// Its role's ARN.
    pub role_arn: String,
    /// `STANDARD` or `EXPRESS`.
    pub kind: String,
    /// `ACTIVE` or `DELETING`.
    pub status: String,
    /// `OFF`, `ERROR`, `FATAL` or `ALL`.
    pub log_level: String,
    /// The id of its current revision; `None` before its first update.
    pub revision: Option<String>,
}

/// A running execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningExecution {
    /// Its ARN.
    pub arn: String,
    /// The ARN of the version that it runs; `None` if it was not started with a version, or the service does not report it.
    pub version: Option<String>,
}

/// A problem of a definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionProblem {
    /// Whether no state machine with this definition can be created.
    pub is_error: bool,
    /// Its code.
    pub code: String,
    /// Code, message and location.
    pub text: String,
}

/// The settings of a state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateMachineSettings<'a> {
    /// The definition as JSON text.
    pub definition: &'a str,
    /// The role's ARN.
    pub role_arn: &'a str,
    /// The log level and the ARN of the log group; `None` for no log.
    pub log: Option<(&'a str, &'a str)>,
}

impl StateMachineSettings<'_> {
    fn logging(&self) -> LoggingConfiguration {
        let builder = LoggingConfiguration::builder().include_execution_data(false);
        let Some((level, group)) = self.log else { return builder.level(LogLevel::Off).build() };
        let group = CloudWatchLogsLogGroup::builder().log_group_arn(group).build();
        let destination = LogDestination::builder().cloud_watch_logs_log_group(group).build();
        builder.level(LogLevel::from(level)).destinations(destination).build()
    }
}

impl StepFunctions {
    /// Creates an activity. If it exists, returns its ARN.
    ///
    /// # Errors
    /// The API's.
    pub async fn create_activity(&self, name: &str, tags: &[(&str, &str)]) -> Result<String, StepError> {
        let call = self.client.create_activity().name(name).set_tags(Some(tags_of(tags)));
        Ok(call.send().await.map_err(|error| self.failed("states:CreateActivity", error))?.activity_arn)
    }

    /// Deletes an activity, if it exists.
    ///
    /// # Errors
    /// The API's.
    pub async fn delete_activity(&self, arn: &str) -> Result<(), StepError> {
        let deleted = self.client.delete_activity().activity_arn(arn).send().await;
        deleted.map(drop).map_err(|error| self.failed("states:DeleteActivity", error))
    }

    /// The ARN of the state machine with this name.
    ///
    /// # Errors
    /// The API's.
    pub async fn state_machine_arn(&self, name: &str) -> Result<Option<String>, StepError> {
        let mut pages = self.client.list_state_machines().into_paginator().items().send();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| self.failed("states:ListStateMachines", error))?;
            if item.name == name {
                return Ok(Some(item.state_machine_arn));
            }
        }
        Ok(None)
    }

    /// A state machine, or one of its versions.
    ///
    /// # Errors
    /// The API's; class `NotFound` if it does not exist.
    pub async fn state_machine(&self, arn: &str) -> Result<RemoteStateMachine, StepError> {
        let described = self.client.describe_state_machine().state_machine_arn(arn).send().await;
        let described = described.map_err(|error| match error.code() {
            Some("StateMachineDoesNotExist") => {
                StepError::new(ErrorClass::NotFound, format!("there is no state machine '{arn}'"))
            }
            _ => self.failed("states:DescribeStateMachine", error),
        })?;
        let level = described.logging_configuration.and_then(|logging| logging.level);
        Ok(RemoteStateMachine {
            arn: described.state_machine_arn,
            definition: described.definition,
            role_arn: described.role_arn,
            kind: described.r#type.as_str().to_owned(),
            status: described.status.map_or_else(|| "ACTIVE".to_owned(), |status| status.as_str().to_owned()),
            log_level: level.map_or_else(|| "OFF".to_owned(), |level| level.as_str().to_owned()),
            revision: described.revision_id,
        })
    }

    /// The tags of a state machine or an activity.
    ///
    /// # Errors
    /// The API's.
    pub async fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, StepError> {
        let answer = self.client.list_tags_for_resource().resource_arn(arn).send().await;
        let answer = answer.map_err(|error| self.failed("states:ListTagsForResource", error))?;
        let pair = |tag: Tag| Some((tag.key?, tag.value.unwrap_or_default()));
        Ok(answer.tags.unwrap_or_default().into_iter().filter_map(pair).collect())
    }

    /// The errors and warnings that ValidateStateMachineDefinition returns.
    ///
    /// # Errors
    /// The API's.
    pub async fn validate(&self, definition: &str) -> Result<Vec<DefinitionProblem>, StepError> {
        let call = self.client.validate_state_machine_definition().definition(definition);
        let call = call.severity(ValidateStateMachineDefinitionSeverity::Warning);
        let answer = call.send().await.map_err(|error| self.failed("states:ValidateStateMachineDefinition", error))?;
        let problem = |found: aws_sdk_sfn::types::ValidateStateMachineDefinitionDiagnostic| {
            let location = found.location.as_deref().unwrap_or("/");
            DefinitionProblem {
                is_error: found.severity == ValidateStateMachineDefinitionSeverity::Error,
                text: format!("{}: {} at {location}", found.code, found.message),
                code: found.code,
            }
        };
        Ok(answer.diagnostics.into_iter().map(problem).collect())
    }

    /// Creates a state machine, publishes its first version and returns its ARN.
    ///
    /// # Errors
    /// The API's.
    pub async fn create_state_machine(
        &self,
        name: &str,
        settings: &StateMachineSettings<'_>,
        tags: &[(&str, &str)],
    ) -> Result<String, StepError> {
        let call = self.client.create_state_machine().name(name).definition(settings.definition);
        let call = call.role_arn(settings.role_arn).logging_configuration(settings.logging());
        let created = call.set_tags(Some(tags_of(tags))).publish(true).send().await;
        Ok(created.map_err(|error| self.failed("states:CreateStateMachine", error))?.state_machine_arn)
    }

    /// Updates a state machine and publishes a version if it changed.
    ///
    /// # Errors
    /// The API's.
    pub async fn update_state_machine(&self, arn: &str, settings: &StateMachineSettings<'_>) -> Result<(), StepError> {
        let call = self.client.update_state_machine().state_machine_arn(arn).definition(settings.definition);
        let call = call.role_arn(settings.role_arn).logging_configuration(settings.logging());
        let updated = call.publish(true).send().await;
        updated.map(drop).map_err(|error| self.failed("states:UpdateStateMachine", error))
    }

    /// Publishes the current revision of a state machine, unless its newest version is that revision.
    ///
    /// # Errors
    /// The API's.
    pub async fn publish(&self, arn: &str) -> Result<(), StepError> {
        let published = self.client.publish_state_machine_version().state_machine_arn(arn).send().await;
        published.map(drop).map_err(|error| self.failed("states:PublishStateMachineVersion", error))
    }

    /// The ARNs of a state machine's versions, newest first.
    ///
    /// # Errors
    /// The API's.
    pub async fn versions(&self, arn: &str) -> Result<Vec<String>, StepError> {
        let (mut all, mut token) = (Vec::new(), None);
        loop {
            let call = self.client.list_state_machine_versions().state_machine_arn(arn).max_results(PAGE_MAX);
            let page = call.set_next_token(token).send().await;
            let page = page.map_err(|error| self.failed("states:ListStateMachineVersions", error))?;
            all.extend(page.state_machine_versions.into_iter().map(|version| version.state_machine_version_arn));
            token = page.next_token;
            if token.is_none() {
                return Ok(all);
            }
        }
    }

    /// The ARN of a state machine's newest version.
    ///
    /// # Errors
    /// The API's.
    pub async fn newest_version(&self, arn: &str) -> Result<Option<String>, StepError> {
        let versions = self.client.list_state_machine_versions().state_machine_arn(arn).max_results(1).send().await;
        let versions = versions.map_err(|error| self.failed("states:ListStateMachineVersions", error))?;
        Ok(versions.state_machine_versions.into_iter().next().map(|version| version.state_machine_version_arn))
    }

    /// The ARNs of the versions to which an alias routes; `None` if it does not exist.
    ///
    /// # Errors
    /// The API's.
    pub async fn alias(&self, arn: &str) -> Result<Option<Vec<String>>, StepError> {
        let described = self.client.describe_state_machine_alias().state_machine_alias_arn(arn).send().await;
        match described {
            Ok(alias) => {
                let routes = alias.routing_configuration.unwrap_or_default().into_iter();
                Ok(Some(routes.map(|route| route.state_machine_version_arn).collect()))
            }
            Err(error) if error.code() == Some("ResourceNotFound") => Ok(None),
            // LocalStack 4.14 reports a missing alias so. Errors of AWS have a message.
            Err(error) if error.code() == Some("ValidationException") && error.message().is_none() => Ok(None),
            Err(error) => Err(self.failed("states:DescribeStateMachineAlias", error)),
        }
    }

    /// Routes every execution that starts through an alias to a version. Creates the alias if `exists` is false.
    ///
    /// # Errors
    /// The API's.
    pub async fn route(&self, machine: &str, alias: &str, version: &str, exists: bool) -> Result<(), StepError> {
        let route = RoutingConfigurationListItem::builder().state_machine_version_arn(version).weight(100).build();
        let route = route.map_err(|error| StepError::new(ErrorClass::Invalid, error.to_string()))?;
        if exists {
            let update = self.client.update_state_machine_alias().state_machine_alias_arn(format!("{machine}:{alias}"));
            let updated = update.routing_configuration(route).send().await;
            return updated.map(drop).map_err(|error| self.failed("states:UpdateStateMachineAlias", error));
        }
        let create = self.client.create_state_machine_alias().name(alias).routing_configuration(route);
        create.send().await.map(drop).map_err(|error| self.failed("states:CreateStateMachineAlias", error))
    }

    /// Deletes an alias, if it exists.
    ///
    /// # Errors
    /// The API's.
    pub async fn delete_alias(&self, arn: &str) -> Result<(), StepError> {
        match self.client.delete_state_machine_alias().state_machine_alias_arn(arn).send().await {
            Err(error) if error.code() != Some("ResourceNotFound") => {
                Err(self.failed("states:DeleteStateMachineAlias", error))
            }
            _ => Ok(()),
        }
    }

    /// Deletes a state machine with its versions, if it exists.
    ///
    /// # Errors
    /// The API's.
    pub async fn delete_state_machine(&self, arn: &str) -> Result<(), StepError> {
        let deleted = self.client.delete_state_machine().state_machine_arn(arn).send().await;
        deleted.map(drop).map_err(|error| self.failed("states:DeleteStateMachine", error))
    }

    /// The newest running executions of a state machine: up to `limit`, at most 1,000.
    ///
    /// # Errors
    /// The API's.
    pub async fn running_executions(&self, machine: &str, limit: usize) -> Result<Vec<RunningExecution>, StepError> {
        let call = self.client.list_executions().state_machine_arn(machine).status_filter(ExecutionStatus::Running);
        let limit = i32::try_from(limit).unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
        let page = call.max_results(limit).send().await;
        let page = page.map_err(|error| self.failed("states:ListExecutions", error))?;
        let running = page.executions.into_iter();
        Ok(running
            .map(|item| RunningExecution { arn: item.execution_arn, version: item.state_machine_version_arn })
            .collect())
    }
}

fn tags_of(pairs: &[(&str, &str)]) -> Vec<Tag> {
    pairs.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect()
}
