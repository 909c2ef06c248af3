//! The changes of a deployment: compares the wanted resources with the existing ones.

mod differences;

use std::collections::BTreeMap;

use engine::step::ChangeAction;
use serde_json::{Value, json};

pub use self::differences::FieldDifference;
use crate::{Compiled, activity::ACTIVITY_PREFIX, role_statements};

/// The tag with the name of a resource's deployment.
pub const DEPLOYMENT_TAG: &str = "flow:deployment";
/// The tag of an activity with the name of its step. An activity belongs to every deployment that names its step.
pub const STEP_TAG: &str = "flow:step";
/// The alias through which executions start. It refers to the version that was deployed last.
pub const ALIAS: &str = "deployed";
/// The type of the state machines that can wait for activities.
pub const STANDARD: &str = "STANDARD";
/// The retention of the log group, in days.
pub const LOG_RETENTION_DAYS: i32 = 90;

/// The word of an action in a plan.
pub fn action_word(action: ChangeAction) -> &'static str {
    match action {
        ChangeAction::Created => "create",
        ChangeAction::Adopted => "adopt",
        ChangeAction::Updated => "update",
        ChangeAction::Unchanged => "unchanged",
        ChangeAction::Deleted => "delete",
    }
}

/// The kind of a resource, in the order in which a deployment creates them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceKind {
    /// An activity.
    Activity,
    /// The state machine's role.
    Role,
    /// The role's policy.
    RolePolicy,
    /// The log group of the state machine.
    LogGroup,
    /// The state machine.
    StateMachine,
    /// A version of the state machine.
    Version,
    /// The alias of the newest version.
    Alias,
}

impl ResourceKind {
    /// The resource type of CloudFormation.
    pub fn type_name(self) -> &'static str {
        match self {
            ResourceKind::Activity => "AWS::StepFunctions::Activity",
            ResourceKind::Role => "AWS::IAM::Role",
            ResourceKind::RolePolicy => "AWS::IAM::RolePolicy",
            ResourceKind::LogGroup => "AWS::Logs::LogGroup",
            ResourceKind::StateMachine => "AWS::StepFunctions::StateMachine",
            ResourceKind::Version => "AWS::StepFunctions::StateMachineVersion",
            ResourceKind::Alias => "AWS::StepFunctions::StateMachineAlias",
        }
    }
}

/// One change of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentChange {
    /// The change.
    pub action: ChangeAction,
    /// The kind of resource.
    pub kind: ResourceKind,
    /// Its name.
    pub name: String,
    /// The differences from the wanted one, if it is updated.
    pub differences: Vec<FieldDifference>,
}

impl DeploymentChange {
    /// A change without differences.
    pub fn new(action: ChangeAction, kind: ResourceKind, name: impl Into<String>) -> Self {
        DeploymentChange { action, kind, name: name.into(), differences: Vec::new() }
    }
}

/// The log level of Step Functions in CloudWatch Logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// Failed states and executions.
    Error,
    /// Every event.
    All,
}

impl LogLevel {
    /// The API's word.
    pub fn word(self) -> &'static str {
        match self {
            LogLevel::Off => "OFF",
            LogLevel::Error => "ERROR",
            LogLevel::All => "ALL",
        }
    }
}

/// The wanted state of a deployment.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The name of the state machine and of the deployment.
    pub name: String,
    /// The compiled definition and its activities.
    pub compiled: Compiled,
    /// The ARN of an existing role; `None` creates one.
    pub role_arn: Option<String>,
    /// The log level. Execution data is never logged.
    pub log_level: LogLevel,
}

impl Wanted {
    /// The name of the role that is created.
    pub fn role_name(&self) -> String {
        format!("flow-{}", self.name)
    }

    /// The name of the log group that is created.
    pub fn log_group(&self) -> String {
        // Step Functions' own prefix: other names can exceed the size of the resource policy that allows it to write.
        format!("/aws/vendedlogs/states/{}", self.name)
    }

    /// The policy of the role that is created, for the definition's integrations and the log. `None` if it needs no
    /// permissions.
    pub fn role_policy(&self) -> Option<Value> {
        let mut statements = role_statements(&self.compiled.definition);
        if self.log_level != LogLevel::Off {
            statements.push(log_statement());
        }
        (!statements.is_empty()).then(|| json!({ "Version": "2012-10-17", "Statement": statements }))
    }
}

/// The statement that allows a state machine to write its log. These actions support no resources (Developer Guide,
/// "Logging using CloudWatch Logs").
fn log_statement() -> Value {
    let actions = [
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
    ];
    json!({ "Effect": "Allow", "Action": actions, "Resource": "*" })
}

/// An existing role.
#[derive(Debug, Clone, PartialEq)]
pub struct ExistingRole {
    /// Its ARN.
    pub arn: String,
    /// The deployment to which it belongs.
    pub deployment: Option<String>,
    /// Whether Step Functions may assume it.
    pub trusts: bool,
    /// Its policy, if it has one.
    pub policy: Option<Value>,
}

/// An existing log group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingLogGroup {
    /// Its ARN, as a destination of logs.
    pub arn: String,
    /// Its retention in days.
    pub retention_days: Option<i32>,
}

/// An existing state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingMachine {
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
    /// The log level, in the API's word.
    pub log_level: String,
    /// The deployment to which it belongs.
    pub deployment: Option<String>,
    /// Whether its newest version is its current revision.
    pub is_published: bool,
    /// The ARN of its newest version.
    pub newest_version: Option<String>,
    /// The ARN of the version to which the alias routes every execution.
    pub alias_target: Option<String>,
    /// Whether the alias exists.
    pub has_alias: bool,
}

/// The existing resources.
#[derive(Debug, Clone, Default)]
pub struct ExistingResources {
    /// The ARN of each activity of the deployment, by name.
    pub activities: BTreeMap<String, String>,
    /// The ARN of each other activity, by name.
    pub others: BTreeMap<String, String>,
    /// The role, if the deployment creates one.
    pub role: Option<ExistingRole>,
    /// The log group.
    pub log_group: Option<ExistingLogGroup>,
    /// The state machine.
    pub machine: Option<ExistingMachine>,
}

/// A resource that exists and that a deployment may not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Its kind.
    pub kind: ResourceKind,
    /// Its name.
    pub name: String,
    /// Why it is not changed.
    pub reason: ConflictReason,
}

/// Why a deployment may not change a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConflictReason {
    /// It belongs to this deployment.
    OfDeployment(String),
    /// It has no tag of a deployment.
    OfNoDeployment,
    /// It is a state machine of this type, which cannot wait for activities.
    OfType(String),
    /// It is a state machine that is being deleted.
    IsBeingDeleted,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.kind {
            ResourceKind::Role => "role",
            ResourceKind::StateMachine => "state machine",
            other => other.type_name(),
        };
        write!(f, "the {kind} {} exists, and ", self.name)?;
        match &self.reason {
            ConflictReason::OfDeployment(other) => write!(f, "it belongs to the deployment {other}"),
            ConflictReason::OfNoDeployment => f.write_str("flow deploy did not create it"),
            ConflictReason::OfType(of_type) => write!(f, "it is of type {of_type}: activities need STANDARD"),
            ConflictReason::IsBeingDeleted => {
                f.write_str("it is being deleted, which ends when its executions have ended")
            }
        }
    }
}

impl std::error::Error for Conflict {}

/// The changes that turn the existing resources into the wanted ones, in order.
///
/// # Errors
/// A name belongs to another deployment or client, or an existing resource cannot be changed as wanted.
pub fn changes(wanted: &Wanted, found: &ExistingResources) -> Result<Vec<DeploymentChange>, Conflict> {
    refuse_others(wanted, found)?;
    let mut all = Vec::new();
    let mut add = |action, kind, name: &str| all.push(DeploymentChange::new(action, kind, name));
    for activity in &wanted.compiled.activities {
        let exists = found.activities.contains_key(&activity.name);
        add(
            if exists { ChangeAction::Unchanged } else { ChangeAction::Created },
            ResourceKind::Activity,
            &activity.name,
        );
    }
    if wanted.role_arn.is_none() {
        let name = wanted.role_name();
        add(differs(found.role.as_ref().map(|role| role.trusts)), ResourceKind::Role, &name);
        let policy = found.role.as_ref().and_then(|role| role.policy.as_ref());
        match (wanted.role_policy(), policy) {
            (Some(wanted), found) => add(differs(found.map(|found| *found == wanted)), ResourceKind::RolePolicy, &name),
            (None, Some(_)) => add(ChangeAction::Deleted, ResourceKind::RolePolicy, &name),
            (None, None) => {}
        }
    }
    let group = found.log_group.as_ref().map(|group| group.retention_days == Some(LOG_RETENTION_DAYS));
    if wanted.log_level != LogLevel::Off {
        add(differs(group), ResourceKind::LogGroup, &wanted.log_group());
    }
    let machine = differs(found.machine.as_ref().map(|machine| is_as_wanted(wanted, found, machine)));
    add(machine, ResourceKind::StateMachine, &wanted.name);
    let published =
        machine == ChangeAction::Unchanged && found.machine.as_ref().is_some_and(|machine| machine.is_published);
    add(if published { ChangeAction::Unchanged } else { ChangeAction::Created }, ResourceKind::Version, &wanted.name);
    let routed = |machine: &ExistingMachine| published && machine.alias_target == machine.newest_version;
    let alias = found.machine.as_ref().filter(|machine| machine.has_alias).map(routed);
    add(differs(alias), ResourceKind::Alias, &format!("{}:{ALIAS}", wanted.name));
    if wanted.log_level == LogLevel::Off && group.is_some() {
        add(ChangeAction::Deleted, ResourceKind::LogGroup, &wanted.log_group());
    }
    for change in all.iter_mut().filter(|change| change.action == ChangeAction::Updated) {
        change.differences = differences::of(change.kind, wanted, found);
    }
    Ok(all)
}

fn differs(same: Option<bool>) -> ChangeAction {
    match same {
        None => ChangeAction::Created,
        Some(false) => ChangeAction::Updated,
        Some(true) => ChangeAction::Unchanged,
    }
}

/// Refuses resources that belong to another deployment or client, and a state machine that cannot be updated.
fn refuse_others(wanted: &Wanted, found: &ExistingResources) -> Result<(), Conflict> {
    let belongs = |deployment: &Option<String>| match deployment {
        Some(deployment) if *deployment == wanted.name => Ok(()),
        Some(other) => Err(ConflictReason::OfDeployment(other.clone())),
        None => Err(ConflictReason::OfNoDeployment),
    };
    if let Some(role) = found.role.as_ref().filter(|_| wanted.role_arn.is_none()) {
        let refused = |reason| Conflict { kind: ResourceKind::Role, name: wanted.role_name(), reason };
        belongs(&role.deployment).map_err(refused)?;
    }
    let Some(machine) = &found.machine else { return Ok(()) };
    let refused = |reason| Conflict { kind: ResourceKind::StateMachine, name: wanted.name.clone(), reason };
    belongs(&machine.deployment).map_err(refused)?;
    if machine.kind != STANDARD {
        return Err(refused(ConflictReason::OfType(machine.kind.clone())));
    }
    if machine.status == "DELETING" {
        return Err(refused(ConflictReason::IsBeingDeleted));
    }
    Ok(())
}

fn is_as_wanted(wanted: &Wanted, found: &ExistingResources, machine: &ExistingMachine) -> bool {
    let role = wanted.role_arn.as_ref().or_else(|| found.role.as_ref().map(|role| &role.arn));
    let definition = serde_json::from_str::<Value>(&machine.definition);
    role == Some(&machine.role_arn)
        && machine.log_level == wanted.log_level.word()
        && definition.is_ok_and(|definition| definition == wanted.compiled.definition)
}

/// The activities of workers that the existing definition names and the wanted one does not. Executions of earlier versions may need them,
/// so a deployment keeps them.
pub fn unneeded<'a>(wanted: &Wanted, found: &'a ExistingResources) -> Vec<&'a str> {
    let Some(machine) = &found.machine else { return Vec::new() };
    let wanted = wanted.compiled.definition.to_string();
    let is_unneeded = |name: &str, arn: &str| {
        let named = format!("\"{arn}\"");
        name.starts_with(ACTIVITY_PREFIX) && machine.definition.contains(&named) && !wanted.contains(&named)
    };
    let unneeded = found.others.iter().filter(|(name, arn)| is_unneeded(name, arn));
    unneeded.map(|(name, _)| name.as_str()).collect()
}

/// The changes that remove a deployment, in order, with each activity that was found. `needed` are the activities that other state machines
/// need.
///
/// # Errors
/// A name belongs to another deployment or client.
pub fn removal(
    wanted: &Wanted,
    found: &ExistingResources,
    needed: &[String],
) -> Result<Vec<DeploymentChange>, Conflict> {
    refuse_others(wanted, found)?;
    let mut all = Vec::new();
    let mut add = |kind, name: String| all.push(DeploymentChange::new(ChangeAction::Deleted, kind, name));
    if let Some(machine) = &found.machine {
        if machine.has_alias {
            add(ResourceKind::Alias, format!("{}:{ALIAS}", wanted.name));
        }
        add(ResourceKind::StateMachine, wanted.name.clone());
    }
    if found.log_group.is_some() {
        add(ResourceKind::LogGroup, wanted.log_group());
    }
    if let Some(role) = found.role.as_ref().filter(|_| wanted.role_arn.is_none()) {
        if role.policy.is_some() {
            add(ResourceKind::RolePolicy, wanted.role_name());
        }
        add(ResourceKind::Role, wanted.role_name());
    }
    let unused = found.activities.keys().filter(|name| !needed.contains(name));
    unused.for_each(|name| add(ResourceKind::Activity, name.clone()));
    Ok(all)
}

#[cfg(test)]
mod tests;
