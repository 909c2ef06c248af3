//! Deployments to AWS Step Functions: reads the existing resources, compares them with the wanted ones, and changes them.

mod apply;
mod needed;

use std::{collections::BTreeMap, sync::Arc};

use deploy::{
    CompileOptions, Compiled, activity_placeholder,
    plan::{
        ALIAS, DEPLOYMENT_TAG, ExistingLogGroup, ExistingMachine, ExistingResources, ExistingRole, LogLevel, Wanted,
    },
};
use engine::{
    asl::Diagnostic,
    step::{Registry, StepError},
};
use serde_json::Value;
use steps::{
    Environment,
    step_functions::{NamedArn, StepFunctions},
};

pub use self::apply::RemovalError;

/// The services that a deployment calls.
pub struct Cloud {
    /// Step Functions.
    pub states: StepFunctions,
    /// IAM and CloudWatch Logs; `None` if the deployment creates neither a role nor a log group.
    pub environment: Option<Arc<Environment>>,
}

/// A workflow before it is compiled for the ARNs of an account.
pub struct DeploymentSource<'a> {
    /// The definition.
    pub definition: &'a Value,
    /// The steps that it may name.
    pub steps: &'a Registry,
    /// The author's options.
    pub options: CompileOptions,
}

impl<'a> DeploymentSource<'a> {
    /// The same, with these HeartbeatSeconds for Tasks without that field, if they are given.
    pub fn with_heartbeat(&self, seconds: Option<u64>) -> DeploymentSource<'a> {
        let mut options = self.options.clone();
        options.heartbeat_seconds = seconds.unwrap_or(options.heartbeat_seconds);
        DeploymentSource { definition: self.definition, steps: self.steps, options }
    }

    /// Compiles the definition for the activities that exist. The others get a placeholder as ARN.
    ///
    /// # Errors
    /// Every reason why Step Functions cannot run the definition.
    pub fn compile(&self, activities: &BTreeMap<String, String>) -> Result<Compiled, Vec<Diagnostic>> {
        let arn = |name: &str| activities.get(name).cloned().unwrap_or_else(|| activity_placeholder(name));
        deploy::compile(self.definition, self.steps, &self.options, &arn)
    }
}

impl Cloud {
    /// Reads the existing resources of a deployment.
    ///
    /// # Errors
    /// The error of a service.
    pub async fn find(&self, wanted: &Wanted) -> Result<ExistingResources, StepError> {
        let all = self.states.activities().await?;
        let own = |name: &String| wanted.compiled.activities.iter().any(|activity| activity.name == *name);
        let by_name = all.into_iter().map(|NamedArn { name, arn }| (name, arn));
        let (activities, others): (BTreeMap<_, _>, BTreeMap<_, _>) = by_name.partition(|(name, _)| own(name));
        let machine = self.find_machine(&wanted.name).await?;
        let mut found = ExistingResources { activities, machine, others, ..ExistingResources::default() };
        if let Some(environment) = &self.environment {
            if wanted.role_arn.is_none() {
                let role = steps::deployment::find_role(environment, &wanted.role_name()).await;
                let role = role.map_err(with_way_around)?;
                found.role = role.map(|role| ExistingRole {
                    arn: role.arn,
                    deployment: role.deployment,
                    trusts: role.trusts,
                    policy: role.policy,
                });
            }
            let group = steps::deployment::find_log_group(environment, &wanted.log_group()).await;
            let group = group.map_err(with_way_around)?;
            found.log_group =
                group.map(|group| ExistingLogGroup { arn: group.arn, retention_days: group.retention_days });
        }
        Ok(found)
    }

    async fn find_machine(&self, name: &str) -> Result<Option<ExistingMachine>, StepError> {
        let Some(arn) = self.states.state_machine_arn(name).await? else { return Ok(None) };
        let machine = self.states.state_machine(&arn).await?;
        let deployment = self.states.tags(&arn).await?.remove(DEPLOYMENT_TAG);
        let newest_version = self.states.newest_version(&arn).await?;
        let is_published = match &newest_version {
            Some(version) => self.states.state_machine(version).await?.revision == machine.revision,
            None => false,
        };
        let alias = self.states.alias(&format!("{arn}:{ALIAS}")).await?;
        let only = |targets: &Vec<String>| (targets.len() == 1).then(|| targets[0].clone());
        Ok(Some(ExistingMachine {
            arn,
            definition: machine.definition,
            role_arn: machine.role_arn,
            kind: machine.kind,
            status: machine.status,
            log_level: machine.log_level,
            deployment,
            is_published,
            newest_version,
            alias_target: alias.as_ref().and_then(only),
            has_alias: alias.is_some(),
        }))
    }
}

/// Whether a deployment calls services other than Step Functions.
pub fn needs_environment(role_arn: Option<&str>, log_level: LogLevel) -> bool {
    role_arn.is_none() || log_level != LogLevel::Off
}

/// The error of a call of IAM or CloudWatch Logs, with the option that needs neither, if the endpoint does not have the service.
/// LocalStack has only the services with which it was started.
fn with_way_around(error: StepError) -> StepError {
    match error.cause.contains("' is not enabled") {
        true => error
            .hint("Give a role with --role-arn, also for --remove: without a --log-level, IAM and CloudWatch Logs are then not called."),
        false => error,
    }
}

#[cfg(test)]
mod tests {
    use engine::step::ErrorClass;

    use super::*;

    #[test]
    fn a_service_that_an_endpoint_does_not_have_is_not_needed_with_a_role() {
        let hint = |cause: &str| with_way_around(StepError::new(ErrorClass::Unknown, cause)).hint.unwrap_or_default();
        let disabled = "Service 'logs' is not enabled. Please check your 'SERVICES' configuration variable.";
        assert!(hint(disabled).contains("--role-arn"));
        assert_eq!(hint("no answer in time"), "");
        assert!(!needs_environment(Some("arn"), LogLevel::Off));
    }
}
