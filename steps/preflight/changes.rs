//! Checks whether the input requires changes that an existing deployment does not support. All of them are refused at
//! once, before any change. What can be changed in place is left to the steps.

use std::sync::Arc;

use engine::step::{Answer, ErrorClass, Registry, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Environment, SERVICES, service::actions_of};

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "preflight:checkChanges",
        "Checks that what the deployment has already can become what the input describes.",
        actions_of(|service| service.change_actions()),
        check_changes
    );
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CheckChanges {
    pub(crate) deployment: String,
    pub(crate) target_group_name: String,
    /// The VPC to use; null for one of the deployment's own or the default one.
    pub(crate) vpc_id: Option<String>,
    /// The addresses of a VPC of the deployment's own; null where another one is used.
    pub(crate) vpc_cidr: Option<String>,
    /// The addresses of the subnets of a VPC of the deployment's own; null where another one is used.
    #[serde(default)]
    pub(crate) vpc_subnet_cidrs: Option<Vec<String>>,
    /// The Availability Zones of these subnets; null for any.
    #[serde(default)]
    pub(crate) vpc_availability_zones: Option<Vec<String>>,
    /// The security groups whose rules are compared. A rule that the deployment did not make is named.
    #[serde(default)]
    pub(crate) groups: Vec<CheckedGroup>,
    /// The bastion's name; null without a bastion.
    pub(crate) bastion_name: Option<String>,
    pub(crate) bastion_instance_type: String,
    pub(crate) bastion_release: String,
    /// The key pair's name.
    pub(crate) bastion_key_name: String,
    pub(crate) database_identifier: String,
    pub(crate) database_username: String,
    /// Such as `14` or `14.12`.
    pub(crate) database_version: String,
    pub(crate) database_allocated_storage_gib: i32,
    #[serde(default)]
    pub(crate) domain: Option<String>,
    /// The validation of the certificate: `DNS`, `EMAIL` or `EXISTING`.
    #[serde(default)]
    pub(crate) certificate_validation: Option<String>,
    /// The name of the alarms' topic; null without alarms.
    #[serde(default)]
    pub(crate) topic_name: Option<String>,
    /// The e-mail address of alarms; null for none.
    #[serde(default)]
    pub(crate) alarms_email: Option<String>,
}

/// A security group of the deployment, and the addresses that its rules let in. Groups of the deployment may be let in too.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CheckedGroup {
    pub(crate) name: String,
    /// The port; null for a group that lets in no addresses.
    #[serde(default)]
    pub(crate) port: Option<i32>,
    /// Such as `0.0.0.0/0`; null for a group that lets in no addresses.
    #[serde(default)]
    pub(crate) cidr: Option<String>,
    /// The description of the deployment's rules for addresses of an earlier input, which the run revokes; null if it revokes none.
    #[serde(default)]
    pub(crate) replaced_description: Option<String>,
}

#[derive(Debug, Default, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CheckedChanges {
    /// The parts of the input that have no effect, each in a sentence.
    notes: Vec<String>,
}

/// The findings of the services about the input.
#[derive(Debug, Default)]
pub(crate) struct Objections {
    /// Changes that are not supported, each in a sentence.
    pub(crate) problems: Vec<String>,
    /// The parts of the input that have no effect, each in a sentence.
    pub(crate) notes: Vec<String>,
}

async fn check_changes(
    environment: Arc<Environment>,
    _context: StepContext,
    input: CheckChanges,
) -> StepResult<CheckedChanges> {
    let mut objections = Objections::default();
    for service in SERVICES {
        service.check_changes(&environment, &input, &mut objections).await?;
    }
    let Objections { problems, notes } = objections;
    if problems.is_empty() {
        return Ok(Answer::done(CheckedChanges { notes }));
    }
    Err(StepError::new(ErrorClass::Invalid, problems.join("; ")))
}

#[cfg(test)]
impl CheckChanges {
    /// An input for tests.
    pub(crate) fn example() -> Self {
        CheckChanges {
            deployment: "demo".into(),
            target_group_name: "demo-app".into(),
            vpc_id: None,
            vpc_cidr: Some("10.100.0.0/16".into()),
            vpc_subnet_cidrs: Some(vec!["10.100.10.0/26".into(), "10.100.10.64/26".into()]),
            vpc_availability_zones: None,
            groups: Vec::new(),
            bastion_name: Some("demo-bastion".into()),
            bastion_instance_type: "t3.micro".into(),
            bastion_release: "24.04".into(),
            bastion_key_name: "demo-bastion".into(),
            database_identifier: "demo-db".into(),
            database_username: "postgres".into(),
            database_version: "14".into(),
            database_allocated_storage_gib: 20,
            domain: Some("demo.example.com".into()),
            certificate_validation: Some("DNS".into()),
            topic_name: Some("demo-alarms".into()),
            alarms_email: Some("person@example.com".into()),
        }
    }
}
