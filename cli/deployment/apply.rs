//! The changes of a plan, one after the other. Every one can be repeated: a deployment that was cut short is completed by the next.

use std::time::Duration;

use deploy::plan::{ALIAS, Action, DEPLOYMENT_TAG, Found, Kind, LOG_RETENTION_DAYS, LogLevel, ResourceChange, Wanted};
use engine::step::{ErrorClass, StepError};
use steps::{Environment, deployment, step_functions::StateMachineSettings};

use super::{Cloud, Source};

/// A new role is not known everywhere at once: how often a refusal for its sake is repeated, and after how long.
const ROLE_TRIES: u32 = 12;
const ROLE_PAUSE: Duration = Duration::from_secs(5);

/// The tag of an activity that names its step. An activity belongs to every deployment that names it.
const STEP_TAG: &str = "flow:step";

impl Cloud {
    /// Makes the changes. `made` is called after each.
    ///
    /// # Errors
    /// A service's. What was changed before stays; the same deployment again continues.
    pub async fn apply(
        &self,
        source: &Source<'_>,
        mut wanted: Wanted,
        mut found: Found,
        changes: &[ResourceChange],
        made: &mut dyn FnMut(&ResourceChange),
    ) -> Result<String, StepError> {
        let is_change = |change: &&ResourceChange| change.action != Action::Unchanged;
        let new_role = changes
            .iter()
            .any(|change| matches!(change.kind, Kind::Role | Kind::RolePolicy) && change.action != Action::Unchanged);
        for change in changes.iter().filter(is_change) {
            match change.kind {
                Kind::Activity => {
                    let step = wanted.compiled.activities.iter().find(|activity| activity.name == change.name);
                    let tags = [(STEP_TAG, step.map_or("", |activity| activity.step.as_str()))];
                    let arn = self.states.create_activity(&change.name, &tags).await?;
                    found.activities.insert(change.name.clone(), arn);
                }
                Kind::StateMachine => {
                    wanted.compiled = source.compile(&found.activities).map_err(|problems| {
                        let first = problems.into_iter().next().map(|problem| problem.message).unwrap_or_default();
                        StepError::new(ErrorClass::Invalid, first)
                    })?;
                    self.machine(&wanted, &found, change.action, if new_role { ROLE_TRIES } else { 1 }).await?;
                }
                // The state machine's change publishes; only one that was cut short before does not.
                Kind::Version => {
                    if let Some(machine) = &found.machine {
                        self.states.publish(&machine.arn).await?;
                    }
                }
                Kind::Alias => {}
                Kind::Role | Kind::RolePolicy | Kind::LogGroup => self.beside(&wanted, &mut found, change).await?,
            }
            if matches!(change.kind, Kind::StateMachine | Kind::Version) {
                found.machine = self.find_machine(&wanted.name).await?;
            }
            if change.kind == Kind::Alias
                && let Some(machine) = &found.machine
                && let Some(version) = &machine.newest_version
            {
                self.states.route(&machine.arn, ALIAS, version, change.action == Action::Updated).await?;
            }
            made(change);
        }
        Ok(found.machine.map(|machine| machine.arn).unwrap_or_default())
    }

    async fn machine(&self, wanted: &Wanted, found: &Found, action: Action, tries: u32) -> Result<(), StepError> {
        let definition = wanted.compiled.definition.to_string();
        let of_role = || found.role.as_ref().map(|role| role.arn.as_str());
        let role_arn = wanted.role_arn.as_deref().or_else(of_role).unwrap_or_default();
        let group = found.log_group.as_ref().filter(|_| wanted.log_level != LogLevel::Off);
        let log = group.map(|group| (wanted.log_level.word(), group.arn.as_str()));
        let settings = StateMachineSettings { definition: &definition, role_arn, log };
        for left in (0..tries).rev() {
            let tags = [(DEPLOYMENT_TAG, wanted.name.as_str())];
            let sent = match (action, &found.machine) {
                (Action::Updated, Some(machine)) => self.states.update_state_machine(&machine.arn, &settings).await,
                _ => self.states.create_state_machine(&wanted.name, &settings, &tags).await.map(drop),
            };
            match sent {
                Err(error) if left > 0 && of_role().is_some() && waits_for_role(&error) => {
                    tracing::info!("the new role is not known everywhere yet: {error}");
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

    /// A change of the role or the log group.
    async fn beside(&self, wanted: &Wanted, found: &mut Found, change: &ResourceChange) -> Result<(), StepError> {
        let (environment, name) = (self.environment()?, change.name.as_str());
        match (change.kind, change.action) {
            (Kind::Role, Action::Created) => {
                deployment::create_role(environment, name, &wanted.name).await?;
            }
            (Kind::Role, Action::Updated) => deployment::set_trust(environment, name).await?,
            (Kind::Role, Action::Deleted) => deployment::delete_role(environment, name).await?,
            (Kind::RolePolicy, Action::Deleted) => deployment::delete_policy(environment, name).await?,
            (Kind::RolePolicy, _) => {
                // The policy names no activity, so it does not depend on ARNs that were placeholders.
                let policy = wanted.role_policy().unwrap_or_default();
                deployment::put_policy(environment, name, &policy).await?;
            }
            (Kind::LogGroup, Action::Deleted) => deployment::delete_log_group(environment, name).await?,
            (Kind::LogGroup, _) => {
                deployment::create_log_group(environment, name, &wanted.name).await?;
                deployment::set_retention(environment, name, LOG_RETENTION_DAYS).await?;
            }
            _ => {}
        }
        let now = self.find(wanted).await?;
        (found.role, found.log_group) = (now.role, now.log_group);
        Ok(())
    }

    /// Makes the changes of a removal. `made` is called after each.
    ///
    /// # Errors
    /// A service's. The same removal again continues.
    pub async fn remove(
        &self,
        wanted: &Wanted,
        found: &Found,
        changes: &[ResourceChange],
        made: &mut dyn FnMut(&ResourceChange),
    ) -> Result<(), StepError> {
        let machine = found.machine.as_ref().map(|machine| machine.arn.as_str()).unwrap_or_default();
        for change in changes {
            match change.kind {
                Kind::Activity => {
                    if let Some(arn) = found.activities.get(&change.name) {
                        self.states.delete_activity(arn).await?;
                    }
                }
                Kind::Alias => self.states.delete_alias(&format!("{machine}:{ALIAS}")).await?,
                Kind::StateMachine => self.states.delete_state_machine(machine).await?,
                Kind::Version => {}
                Kind::Role | Kind::RolePolicy | Kind::LogGroup => {
                    self.beside(wanted, &mut found.clone(), change).await?;
                }
            }
            made(change);
        }
        Ok(())
    }
}

/// What Step Functions answers until IAM has spread a new role: that it cannot assume it, or that it may not write its log.
fn waits_for_role(error: &StepError) -> bool {
    error.class == ErrorClass::Permission || error.cause.contains("is not authorized to")
}
