//! The trait of AWS services, and the types that it passes between a service and the steps for complete deployments: the
//! names to check, the resources found. [`SERVICES`](crate::SERVICES) lists the services.

mod fields;
mod findings;

use std::sync::Arc;

use async_trait::async_trait;
use engine::step::{Registry, StepError};

use crate::{
    Environment, SERVICES,
    planned::{PlannedChange, Price, Prices},
    policy::{READS, Scope},
};

pub(crate) use fields::{
    Balancer, CheckChanges, CheckDeletions, CheckNames, CheckedGroup, FinalSnapshot, Found, FoundDatabase,
    FoundInternetGateway, FoundRecord, FoundRole, FoundRouteTable, FoundSecurityGroup, FoundService,
};
pub(crate) use findings::{DeletionFindings, Holders, NameHolder, Objections};

/// An AWS service whose resources belong to deployments. Each service implements it in its own module. Only its fields in the input and
/// output of the steps over all services are outside that module (`service/fields.rs`).
#[async_trait]
pub(crate) trait Service: Sync {
    /// The service in the names of its steps, such as `sns` in `flow:sns:createTopic`.
    fn name(&self) -> &'static str;

    /// Registers the service's steps.
    fn register(&self, registry: &mut Registry, environment: &Arc<Environment>);

    /// The IAM actions of [`Service::find`].
    fn find_actions(&self) -> &'static [&'static str] {
        &[]
    }

    /// Adds the resources with the deployment's tag to `found`.
    ///
    /// # Errors
    /// A read failed. A resource that is deleted in the meantime is not an error.
    async fn find(&self, _environment: &Environment, _deployment: &str, _found: &mut Found) -> Result<(), StepError> {
        Ok(())
    }

    /// The IAM actions of [`Service::check_names`].
    fn name_actions(&self) -> &'static [&'static str] {
        &[]
    }

    /// Adds the holders of the service's names to `holders`.
    ///
    /// # Errors
    /// A read failed.
    async fn check_names(
        &self,
        _environment: &Environment,
        _names: &CheckNames,
        _holders: &mut Holders,
    ) -> Result<(), StepError> {
        Ok(())
    }

    /// The IAM actions of [`Service::check_changes`].
    fn change_actions(&self) -> &'static [&'static str] {
        &[]
    }

    /// Adds what `input` requires and the existing resources do not support to `objections`.
    ///
    /// # Errors
    /// A read failed.
    async fn check_changes(
        &self,
        _environment: &Environment,
        _input: &CheckChanges,
        _objections: &mut Objections,
    ) -> Result<(), StepError> {
        Ok(())
    }

    /// The IAM actions of [`Service::check_deletions`].
    fn deletion_actions(&self) -> &'static [&'static str] {
        &[]
    }

    /// Adds the obstacles to the deletion of the deployment's resources, and the data that is lost with them, to `findings`.
    ///
    /// # Errors
    /// A read failed.
    async fn check_deletions(
        &self,
        _environment: &Environment,
        _input: &CheckDeletions,
        _findings: &mut DeletionFindings,
    ) -> Result<(), StepError> {
        Ok(())
    }

    /// The service in the names of IAM's actions, such as `sns` in `sns:CreateTopic`.
    fn iam_prefix(&self) -> &'static str {
        self.name()
    }

    /// The scopes of a call that changes something, such as `CreateTopic`; several if it needs resources of different
    /// kinds.
    fn scopes(&self, call: &str) -> &'static [&'static Scope];

    /// The scopes of a call that only reads.
    fn read_scopes(&self, _call: &str) -> &'static [&'static Scope] {
        &[&READS]
    }

    /// The steps that wait.
    fn waits(&self) -> &'static [UsualWait] {
        &[]
    }

    /// The monthly price of a resource of `plan`. [`Price::Free`] also if it belongs to another service.
    fn monthly_usd(&self, _change: &PlannedChange, _plan: &[PlannedChange], _prices: &Prices) -> Price {
        Price::Free
    }

    /// The body of the answer to a call for a change in a plan, which is not sent: the fewest fields that the service's
    /// steps require. `None` if they require none.
    fn answer_in_plan(&self, _operation: &str) -> Option<String> {
        None
    }
}

/// The time that a step waits.
pub(crate) struct UsualWait {
    /// The step's name, such as `ec2:waitForVpc`.
    pub(crate) step: &'static str,
    /// The shortest and the longest duration in seconds that AWS's documentation and users report.
    pub(crate) usual_seconds: (u32, u32),
    /// The usual duration in words, for the manual; `None` if the step answers in a few calls.
    pub(crate) takes: Option<&'static str>,
}

/// The IAM actions of a step that asks every service: those that `of` selects of each.
pub(crate) fn actions_of(of: impl Fn(&dyn Service) -> &'static [&'static str]) -> Vec<&'static str> {
    SERVICES.iter().flat_map(|service| of(*service)).copied().collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::planned::is_read;

    #[test]
    fn a_service_registers_its_steps_under_its_name() {
        let addresses = crate::test_server::addresses("http://127.0.0.1:9".to_owned());
        let environment = Arc::new(Environment::for_rehearsal(addresses).unwrap());
        for service in SERVICES {
            let mut registry = Registry::new();
            service.register(&mut registry, &environment);
            let names: Vec<String> = registry.descriptions().map(|step| step.name).collect();
            let prefix = format!("{}:", service.name());
            assert!(!names.is_empty() && names.iter().all(|name| name.starts_with(&prefix)), "{prefix} {names:?}");
        }
    }

    #[test]
    fn a_search_only_reads() {
        for service in SERVICES {
            let checks =
                service.name_actions().iter().chain(service.change_actions()).chain(service.deletion_actions());
            let mut actions = service.find_actions().iter().chain(checks);
            assert!(actions.all(|action| is_read(action)), "{}", service.name());
        }
    }
}
