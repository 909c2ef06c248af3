//! The steps that act on this machine only.

use std::sync::Arc;

use engine::step::{Registry, Resource, StepError};

use crate::{LocalSettings, approval, file, http, process, ssh, wait};

impl LocalSettings {
    /// Checks the files that these `Resource`s read, so that a mistake is found at the start of a run.
    ///
    /// # Errors
    /// A file cannot be read, has the wrong permissions, or has an unknown field.
    pub fn check<'r>(&self, resources: impl IntoIterator<Item = &'r str>) -> Result<(), StepError> {
        for resource in resources {
            match (Resource::parse(resource), &self.connections, &self.ssh_hosts) {
                (Resource::Integration { service: "http", action: "invoke", .. }, Some(file), _) => {
                    http::declarations(file)?;
                }
                (Resource::Step { service: "ssh", action: "run", .. }, _, Some(file)) => ssh::check_hosts(file)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// Registers the steps that act on this machine only. They need no AWS account and no [`crate::Environment`].
pub fn register_local(registry: &mut Registry, settings: &LocalSettings) {
    let settings = Arc::new(settings.clone());
    approval::register(registry, &settings);
    file::register(registry, &settings);
    http::register(registry, &settings);
    process::register(registry, &settings);
    ssh::register_local(registry, &settings);
    wait::register(registry, &settings);
}

/// Whether a Task with this `Resource` acts in an AWS account: false for the steps of [`register_local`], for nested
/// executions and for activities, true for all others.
pub fn needs_account(resource: &str) -> bool {
    let local = matches!(
        Resource::parse(resource),
        Resource::Activity
            | Resource::Step { service: "approval" | "file" | "process" | "wait", .. }
            | Resource::Step { service: "ssh", action: "run", .. }
            | Resource::Integration { service: "http", action: "invoke", .. }
            | Resource::Integration { service: "states", action: "startExecution", .. }
    );
    !local
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Only steps of the local registry need no account, so a run asks for AWS credentials exactly if it calls AWS.
    #[test]
    fn exactly_the_steps_outside_the_local_registry_need_an_account() {
        let resource = |name: &str| match name.strip_prefix("aws:") {
            Some(integration) => format!("arn:aws:states:::{integration}"),
            None => format!("flow:{name}"),
        };
        let mut local = Registry::new();
        register_local(&mut local, &LocalSettings::default());
        for step in local.descriptions() {
            assert!(!needs_account(&resource(&step.name)), "{}", step.name);
        }
        let environment = crate::Environment::for_rehearsal(crate::test_server::addresses("http://127.0.0.1:9".into()));
        let of_aws = crate::registry(Arc::new(environment.unwrap()));
        assert!(of_aws.descriptions().count() > 50);
        for step in of_aws.descriptions() {
            assert!(needs_account(&resource(&step.name)), "{}", step.name);
        }
    }

    #[test]
    fn nested_executions_and_activities_need_no_account_and_other_integrations_do() {
        for resource in [
            "arn:aws:states:::states:startExecution",
            "arn:aws:states:::states:startExecution.sync:2",
            "arn:aws:states:::states:startExecution.waitForTaskToken",
            "arn:aws:states:::http:invoke",
            "arn:aws:states:us-east-1:111111111111:activity:approve",
        ] {
            assert!(!needs_account(resource), "{resource}");
        }
        for resource in [
            "arn:aws:states:::lambda:invoke",
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "arn:aws:states:::aws-sdk:sfn:startExecution",
            "arn:aws:states:::s3:getObject",
            "arn:aws:lambda:us-east-1:111111111111:function:f",
            "flow:files:read",
            "",
        ] {
            assert!(needs_account(resource), "{resource}");
        }
    }
}
