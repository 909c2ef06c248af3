//! Makes the changes of a plan one after the other. Each can be repeated, so the next deployment completes an
//! interrupted one.

use std::time::Duration;

use deploy::plan::{
    ALIAS, DEPLOYMENT_TAG, DeploymentChange, ExistingResources, LOG_RETENTION_DAYS, LogLevel, ResourceKind, STEP_TAG,
    Wanted,
};
use engine::step::{ChangeAction, ErrorClass, StepError};
use steps::{
    Environment, deployment,
    step_functions::{RunningExecution, StateMachineSettings},
};

use super::{Cloud, DeploymentSource};

/// IAM propagates a new role with a delay. How often a call refused for that reason is retried, and the pause
/// between attempts.
const ROLE_TRIES: u32 = 12;
const ROLE_PAUSE: Duration = Duration::from_secs(5);

/// Why a removal stopped.
#[derive(Debug)]
pub enum RemovalError {
    /// A service returned an error. Earlier changes remain.
    Call(StepError),
    /// An execution was started after the removal began. The state machine is kept.
    Started {
        /// Its ARN.
        execution: String,
        /// Whether the alias is as before, so nothing was removed.
        is_restored: bool,
    },
}

impl From<StepError> for RemovalError {
    fn from(error: StepError) -> Self {
        RemovalError::Call(error)
    }
}

impl Cloud {
    /// Makes the changes, and calls `made` after each.
    ///
    /// # Errors
    /// The error of a service. Earlier changes stay; repeating the deployment continues.
    pub async fn apply(
        &self,
        source: &DeploymentSource<'_>,
        mut wanted: Wanted,
        mut found: ExistingResources,
        changes: &[DeploymentChange],
        made: &mut dyn FnMut(&DeploymentChange),
    ) -> Result<String, StepError> {
        let is_change = |change: &&DeploymentChange| change.action != ChangeAction::Unchanged;
        let new_role = changes.iter().any(|change| {
            matches!(change.kind, ResourceKind::Role | ResourceKind::RolePolicy)
                && change.action != ChangeAction::Unchanged
        });
        for change in changes.iter().filter(is_change) {
            match change.kind {
                ResourceKind::Activity => {
                    let step = wanted.compiled.activities.iter().find(|activity| activity.name == change.name);
                    let tags = [(STEP_TAG, step.map_or("", |activity| activity.step.as_str()))];
                    let arn = self.states.create_activity(&change.name, &tags).await?;
                    found.activities.insert(change.name.clone(), arn);
                }
                ResourceKind::StateMachine => {
                    wanted.compiled = source.compile(&found.activities).map_err(|problems| {
                        let first = problems.into_iter().next().map(|problem| problem.message).unwrap_or_default();
                        StepError::new(ErrorClass::Invalid, first)
                    })?;
                    self.machine(&wanted, &found, change.action, if new_role { ROLE_TRIES } else { 1 }).await?;
                }
                // The change of the state machine publishes a version. Only an interrupted deployment leaves this
                // change to be made.
                ResourceKind::Version => {
                    if let Some(machine) = &found.machine {
                        self.states.publish(&machine.arn).await?;
                    }
                }
                ResourceKind::Alias => {}
                ResourceKind::Role | ResourceKind::RolePolicy | ResourceKind::LogGroup => {
                    self.beside(&wanted, &mut found, change).await?
                }
            }
            if matches!(change.kind, ResourceKind::StateMachine | ResourceKind::Version) {
                found.machine = self.find_machine(&wanted.name).await?;
            }
            if change.kind == ResourceKind::Alias
                && let Some(machine) = &found.machine
                && let Some(version) = &machine.newest_version
            {
                self.states.route(&machine.arn, ALIAS, version, change.action == ChangeAction::Updated).await?;
            }
            made(change);
        }
        Ok(found.machine.map(|machine| machine.arn).unwrap_or_default())
    }

    async fn machine(
        &self,
        wanted: &Wanted,
        found: &ExistingResources,
        action: ChangeAction,
        tries: u32,
    ) -> Result<(), StepError> {
        let definition = wanted.compiled.definition.to_string();
        let of_role = || found.role.as_ref().map(|role| role.arn.as_str());
        let role_arn = wanted.role_arn.as_deref().or_else(of_role).unwrap_or_default();
        let group = found.log_group.as_ref().filter(|_| wanted.log_level != LogLevel::Off);
        let log = group.map(|group| (wanted.log_level.word(), group.arn.as_str()));
        let settings = StateMachineSettings { definition: &definition, role_arn, log };
        for left in (0..tries).rev() {
            let tags = [(DEPLOYMENT_TAG, wanted.name.as_str())];
            let sent = match (action, &found.machine) {
                (ChangeAction::Updated, Some(machine)) => {
                    self.states.update_state_machine(&machine.arn, &settings).await
                }
                _ => self.states.create_state_machine(&wanted.name, &settings, &tags).await.map(drop),
            };
            match sent {
                Err(error) if left > 0 && of_role().is_some() && waits_for_role(&error) => {
                    tracing::info!("IAM has not propagated the new role yet: {error}");
                    tokio::time::sleep(ROLE_PAUSE).await;
                }
                sent => return sent,
            }
        }
        Ok(())
    }

    fn environment(&self) -> Result<&Environment, StepError> {
        let missing = || StepError::new(ErrorClass::Invalid, "this deployment calls Step Functions only");
        self.environment.as_deref().ok_or_else(missing)
    }

    /// Makes a change of the role or the log group.
    async fn beside(
        &self,
        wanted: &Wanted,
        found: &mut ExistingResources,
        change: &DeploymentChange,
    ) -> Result<(), StepError> {
        let (environment, name) = (self.environment()?, change.name.as_str());
        match (change.kind, change.action) {
            (ResourceKind::Role, ChangeAction::Created) => {
                deployment::create_role(environment, name, &wanted.name).await?;
            }
            (ResourceKind::Role, ChangeAction::Updated) => deployment::set_trust(environment, name).await?,
            (ResourceKind::Role, ChangeAction::Deleted) => deployment::delete_role(environment, name).await?,
            (ResourceKind::RolePolicy, ChangeAction::Deleted) => deployment::delete_policy(environment, name).await?,
            (ResourceKind::RolePolicy, _) => {
                // The policy names no activity, so placeholder ARNs do not affect it.
                let policy = wanted.role_policy().unwrap_or_default();
                deployment::put_policy(environment, name, &policy).await?;
            }
            (ResourceKind::LogGroup, ChangeAction::Deleted) => deployment::delete_log_group(environment, name).await?,
            (ResourceKind::LogGroup, _) => {
                deployment::create_log_group(environment, name, &wanted.name).await?;
                deployment::set_retention(environment, name, LOG_RETENTION_DAYS).await?;
            }
            _ => {}
        }
        let now = self.find(wanted).await?;
        (found.role, found.log_group) = (now.role, now.log_group);
        Ok(())
    }

    /// Makes the changes of a removal, and calls `made` after each.
    ///
    /// # Errors
    /// The error of a service, which the next removal continues after; or an execution was started meanwhile.
    pub async fn remove(
        &self,
        wanted: &Wanted,
        found: &ExistingResources,
        changes: &[DeploymentChange],
        made: &mut dyn FnMut(&DeploymentChange),
    ) -> Result<(), RemovalError> {
        let machine = found.machine.as_ref().map(|machine| machine.arn.as_str()).unwrap_or_default();
        for change in changes {
            match change.kind {
                ResourceKind::Activity => {
                    if let Some(arn) = found.activities.get(&change.name) {
                        self.states.delete_activity(arn).await?;
                    }
                }
                ResourceKind::Alias => self.states.delete_alias(&format!("{machine}:{ALIAS}")).await?,
                ResourceKind::StateMachine => {
                    // Without the alias, no run of flow starts another one.
                    let running = self.states.running_executions(machine, 1).await?;
                    if let Some(RunningExecution { arn: execution, .. }) = running.into_iter().next() {
                        return Err(RemovalError::Started { execution, is_restored: self.restore_alias(found).await });
                    }
                    self.states.delete_state_machine(machine).await?;
                }
                ResourceKind::Version => {}
                ResourceKind::Role | ResourceKind::RolePolicy | ResourceKind::LogGroup => {
                    self.beside(wanted, &mut found.clone(), change).await?;
                }
            }
            made(change);
        }
        Ok(())
    }

    /// Makes the alias again that a removal has deleted. Returns whether it is as before.
    async fn restore_alias(&self, found: &ExistingResources) -> bool {
        match found.machine.as_ref().filter(|machine| machine.has_alias) {
            None => true,
            Some(machine) => match &machine.alias_target {
                Some(version) => self.states.route(&machine.arn, ALIAS, version, false).await.is_ok(),
                // It routed to several versions.
                None => false,
            },
        }
    }
}

/// Whether Step Functions failed because IAM has not propagated a new role yet: the role cannot be assumed, or may not write its log. Only
/// the message shows the latter: the code, AccessDeniedException or InvalidLoggingConfiguration, has other causes too (Step Functions API
/// Reference, "CreateStateMachine").
fn waits_for_role(error: &StepError) -> bool {
    error.class == ErrorClass::Permission || error.cause.contains("is not authorized to")
}
