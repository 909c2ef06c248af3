//! What a deployment makes: activities, a state machine, a version, an alias.

use aws_sdk_sfn::{error::ProvideErrorMetadata, types::RoutingConfigurationListItem};
use engine::step::{ErrorClass, StepError};

use super::StepFunctions;
use crate::failure::failure;

/// A state machine as it is deployed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployedMachine {
    /// Its ARN.
    pub arn: String,
    /// Its definition, JSON.
    pub definition: String,
    /// Its role's ARN.
    pub role_arn: String,
}

/// What a deployment did to a state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MachineChange {
    /// It did not exist.
    Created(String),
    /// Its definition or role differed.
    Updated(String),
    /// It was as wanted.
    Unchanged(String),
}

impl StepFunctions {
    /// Makes an activity; the same name again answers with the one that exists.
    ///
    /// # Errors
    /// The API's.
    pub async fn create_activity(&self, name: &str) -> Result<String, StepError> {
        let created = self.client.create_activity().name(name).send().await;
        Ok(created.map_err(|error| failure("states:CreateActivity", error))?.activity_arn)
    }

    /// Deletes an activity, if it exists.
    ///
    /// # Errors
    /// The API's.
    pub async fn delete_activity(&self, arn: &str) -> Result<(), StepError> {
        let deleted = self.client.delete_activity().activity_arn(arn).send().await;
        deleted.map(drop).map_err(|error| failure("states:DeleteActivity", error))
    }

    /// The state machine of a name.
    ///
    /// # Errors
    /// The API's.
    pub async fn state_machine(&self, name: &str) -> Result<Option<DeployedMachine>, StepError> {
        let mut pages = self.client.list_state_machines().into_paginator().items().send();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| failure("states:ListStateMachines", error))?;
            if item.name != name {
                continue;
            }
            let described =
                self.client.describe_state_machine().state_machine_arn(&item.state_machine_arn).send().await;
            let described = described.map_err(|error| failure("states:DescribeStateMachine", error))?;
            return Ok(Some(DeployedMachine {
                arn: described.state_machine_arn,
                definition: described.definition,
                role_arn: described.role_arn,
            }));
        }
        Ok(None)
    }

    /// The problems that ValidateStateMachineDefinition finds.
    ///
    /// # Errors
    /// The API's.
    pub async fn validate(&self, definition: &str) -> Result<Vec<String>, StepError> {
        let sent = self.client.validate_state_machine_definition().definition(definition).send().await;
        let answer = sent.map_err(|error| failure("states:ValidateStateMachineDefinition", error))?;
        let line = |found: aws_sdk_sfn::types::ValidateStateMachineDefinitionDiagnostic| {
            format!("{}: {} at {}", found.code, found.message, found.location.unwrap_or_else(|| "/".to_owned()))
        };
        Ok(answer.diagnostics.into_iter().map(line).collect())
    }

    /// Makes a state machine, or updates one that differs, and publishes a version of what changed.
    ///
    /// # Errors
    /// The API's.
    pub async fn converge_machine(
        &self,
        name: &str,
        definition: &str,
        role_arn: &str,
    ) -> Result<MachineChange, StepError> {
        let Some(found) = self.state_machine(name).await? else {
            let create = self.client.create_state_machine().name(name).definition(definition).role_arn(role_arn);
            let created = create.publish(true).send().await;
            let created = created.map_err(|error| failure("states:CreateStateMachine", error))?;
            return Ok(MachineChange::Created(created.state_machine_arn));
        };
        if same_json(&found.definition, definition) && found.role_arn == role_arn {
            return Ok(MachineChange::Unchanged(found.arn));
        }
        let update = self.client.update_state_machine().state_machine_arn(&found.arn).definition(definition);
        let updated = update.role_arn(role_arn).publish(true).send().await;
        updated.map_err(|error| failure("states:UpdateStateMachine", error))?;
        Ok(MachineChange::Updated(found.arn))
    }

    /// Routes an alias of a state machine to its newest version; makes the alias where it is missing.
    ///
    /// # Errors
    /// The API's.
    pub async fn converge_alias(&self, machine_arn: &str, alias: &str) -> Result<(), StepError> {
        let versions = self.client.list_state_machine_versions().state_machine_arn(machine_arn).send().await;
        let versions = versions.map_err(|error| failure("states:ListStateMachineVersions", error))?;
        let Some(newest) = versions.state_machine_versions.into_iter().next() else { return Ok(()) };
        let route = RoutingConfigurationListItem::builder()
            .state_machine_version_arn(newest.state_machine_version_arn)
            .weight(100)
            .build()
            .map_err(|error| StepError::new(ErrorClass::Invalid, error.to_string()))?;
        let create = self.client.create_state_machine_alias().name(alias).routing_configuration(route.clone());
        match create.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ConflictException") => {
                let arn = format!("{machine_arn}:{alias}");
                let update = self.client.update_state_machine_alias().state_machine_alias_arn(arn);
                let updated = update.routing_configuration(route).send().await;
                updated.map(drop).map_err(|error| failure("states:UpdateStateMachineAlias", error))
            }
            Err(error) => Err(failure("states:CreateStateMachineAlias", error)),
        }
    }

    /// Deletes a state machine with its versions and its alias, if they exist.
    ///
    /// # Errors
    /// The API's.
    pub async fn delete_machine(&self, arn: &str, alias: &str) -> Result<(), StepError> {
        let alias = self.client.delete_state_machine_alias().state_machine_alias_arn(format!("{arn}:{alias}"));
        match alias.send().await {
            Err(error) if error.code() != Some("ResourceNotFound") => {
                return Err(failure("states:DeleteStateMachineAlias", error));
            }
            _ => {}
        }
        let deleted = self.client.delete_state_machine().state_machine_arn(arn).send().await;
        deleted.map(drop).map_err(|error| failure("states:DeleteStateMachine", error))
    }
}

fn same_json(one: &str, other: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    one == other || (read(one).is_some() && read(one) == read(other))
}
