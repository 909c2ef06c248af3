//! What every AWS service does for a deployment, apart from its steps. [`SERVICES`](crate::SERVICES) lists the services.

use std::sync::Arc;

use async_trait::async_trait;
use engine::step::{Registry, StepError};

use crate::{
    Environment,
    plan::{PlannedChange, Price, Prices},
    policy::{READS, Scope},
    preflight::{CheckNames, Holders},
    teardown::Found,
};

/// An AWS service whose resources belong to deployments. Each service implements it in its own module.
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
    fn waits(&self) -> &'static [Wait] {
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

/// How long a step waits.
pub(crate) struct Wait {
    /// The step's name, such as `ec2:waitForVpc`.
    pub(crate) step: &'static str,
    /// The shortest and the longest duration in seconds that AWS's documentation and users report.
    pub(crate) usual_seconds: (u32, u32),
    /// The usual duration in words, for the manual; `None` if the step answers in a few calls.
    pub(crate) takes: Option<&'static str>,
}
