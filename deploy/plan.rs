//! What a deployment changes: what is wanted, compared with what exists.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{Compiled, role_statements};

/// The tag that names the deployment a resource belongs to.
pub const DEPLOYMENT_TAG: &str = "flow:deployment";
/// The alias that executions are started with: it always names the version that was deployed last.
pub const ALIAS: &str = "deployed";
/// For how many days the log group keeps what Step Functions writes.
pub const LOG_RETENTION_DAYS: i32 = 90;

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It does not exist yet.
    Created,
    /// It exists and differs.
    Updated,
    /// It exists and is as wanted.
    Unchanged,
    /// It exists and is not wanted.
    Deleted,
}

impl Action {
    /// The word that is shown.
    pub fn word(self) -> &'static str {
        match self {
            Action::Created => "create",
            Action::Updated => "update",
            Action::Unchanged => "keep",
            Action::Deleted => "delete",
        }
    }
}

/// What a resource is. The order is the one in which a deployment creates them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An activity.
    Activity,
    /// The state machine's role.
    Role,
    /// What the role may do.
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

impl Kind {
    /// The name in AWS's words.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Activity => "AWS::StepFunctions::Activity",
            Kind::Role => "AWS::IAM::Role",
            Kind::RolePolicy => "AWS::IAM::RolePolicy",
            Kind::LogGroup => "AWS::Logs::LogGroup",
            Kind::StateMachine => "AWS::StepFunctions::StateMachine",
            Kind::Version => "AWS::StepFunctions::StateMachineVersion",
            Kind::Alias => "AWS::StepFunctions::StateMachineAlias",
        }
    }
}

/// One change of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceChange {
    /// What happens.
    pub action: Action,
    /// To what kind of resource.
    pub kind: Kind,
    /// Its name.
    pub name: String,
}

/// What Step Functions writes to CloudWatch Logs.
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

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The state machine's name, which is the deployment's.
    pub name: String,
    /// The compiled definition and its activities.
    pub compiled: Compiled,
    /// The ARN of an existing role; `None` makes one.
    pub role_arn: Option<String>,
    /// What is logged. The execution's data never is.
    pub log_level: LogLevel,
}

impl Wanted {
    /// The name of the role that is made.
    pub fn role_name(&self) -> String {
        format!("flow-{}", self.name)
    }

    /// The name of the log group that is made.
    pub fn log_group(&self) -> String {
        // Step Functions' own prefix: other names can exceed the size of the resource policy that lets it write.
        format!("/aws/vendedlogs/states/{}", self.name)
    }

    /// The policy of the role that is made: what the definition's integrations and the log need. `None` where it needs nothing.
    pub fn role_policy(&self) -> Option<Value> {
        let mut statements = role_statements(&self.compiled.definition);
        if self.log_level != LogLevel::Off {
            statements.push(log_statement());
        }
        (!statements.is_empty()).then(|| json!({ "Version": "2012-10-17", "Statement": statements }))
    }
}

/// What lets a state machine write its log; these actions know no resources (Developer Guide, "Logging using CloudWatch Logs").
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

/// A role that exists.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundRole {
    /// Its ARN.
    pub arn: String,
    /// The deployment it belongs to.
    pub deployment: Option<String>,
    /// Whether Step Functions may assume it.
    pub trusts: bool,
    /// Its policy, where it has one.
    pub policy: Option<Value>,
}

/// A log group that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLogGroup {
    /// Its ARN, as a destination of logs.
    pub arn: String,
    /// For how many days it keeps what is written.
    pub retention_days: Option<i32>,
}

/// A state machine that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundMachine {
    /// Its ARN.
    pub arn: String,
    /// Its definition, JSON.
    pub definition: String,
    /// Its role's ARN.
    pub role_arn: String,
    /// `STANDARD` or `EXPRESS`.
    pub kind: String,
    /// `ACTIVE` or `DELETING`.
    pub status: String,
    /// The log level, in the API's word.
    pub log_level: String,
    /// The deployment it belongs to.
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

/// What exists.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The ARN of each activity, by its name.
    pub activities: BTreeMap<String, String>,
    /// The role, where one is to be made.
    pub role: Option<FoundRole>,
    /// The log group.
    pub log_group: Option<FoundLogGroup>,
    /// The state machine.
    pub machine: Option<FoundMachine>,
}

/// The changes that make what exists what is wanted, in the order in which they are made.
///
/// # Errors
/// A name belongs to something else, or what exists cannot become what is wanted.
pub fn changes(wanted: &Wanted, found: &Found) -> Result<Vec<ResourceChange>, String> {
    refuse_others(wanted, found)?;
    let mut all = Vec::new();
    let mut add = |action, kind, name: &str| all.push(ResourceChange { action, kind, name: name.to_owned() });
    for activity in &wanted.compiled.activities {
        let exists = found.activities.contains_key(&activity.name);
        add(if exists { Action::Unchanged } else { Action::Created }, Kind::Activity, &activity.name);
    }
    if wanted.role_arn.is_none() {
        let name = wanted.role_name();
        add(differs(found.role.as_ref().map(|role| role.trusts)), Kind::Role, &name);
        let policy = found.role.as_ref().and_then(|role| role.policy.as_ref());
        match (wanted.role_policy(), policy) {
            (Some(wanted), found) => add(differs(found.map(|found| *found == wanted)), Kind::RolePolicy, &name),
            (None, Some(_)) => add(Action::Deleted, Kind::RolePolicy, &name),
            (None, None) => {}
        }
    }
    let group = found.log_group.as_ref().map(|group| group.retention_days == Some(LOG_RETENTION_DAYS));
    if wanted.log_level != LogLevel::Off {
        add(differs(group), Kind::LogGroup, &wanted.log_group());
    }
    let machine = differs(found.machine.as_ref().map(|machine| is_as_wanted(wanted, found, machine)));
    add(machine, Kind::StateMachine, &wanted.name);
    let published = machine == Action::Unchanged && found.machine.as_ref().is_some_and(|machine| machine.is_published);
    add(if published { Action::Unchanged } else { Action::Created }, Kind::Version, &wanted.name);
    let routed = |machine: &FoundMachine| published && machine.alias_target == machine.newest_version;
    let alias = found.machine.as_ref().filter(|machine| machine.has_alias).map(routed);
    add(differs(alias), Kind::Alias, &format!("{}:{ALIAS}", wanted.name));
    if wanted.log_level == LogLevel::Off && group.is_some() {
        add(Action::Deleted, Kind::LogGroup, &wanted.log_group());
    }
    Ok(all)
}

fn differs(same: Option<bool>) -> Action {
    match same {
        None => Action::Created,
        Some(false) => Action::Updated,
        Some(true) => Action::Unchanged,
    }
}

/// Refuses what belongs to something else, and a state machine that cannot be updated.
fn refuse_others(wanted: &Wanted, found: &Found) -> Result<(), String> {
    let belongs = |deployment: &Option<String>| match deployment {
        Some(deployment) if *deployment == wanted.name => Ok(()),
        Some(other) => Err(format!("it belongs to the deployment {other}")),
        None => Err("flow deploy did not create it".to_owned()),
    };
    if let Some(role) = found.role.as_ref().filter(|_| wanted.role_arn.is_none()) {
        belongs(&role.deployment).map_err(|why| format!("the role {} exists, and {why}", wanted.role_name()))?;
    }
    let Some(machine) = &found.machine else { return Ok(()) };
    let refused = |why: String| format!("the state machine {} exists, and {why}", wanted.name);
    belongs(&machine.deployment).map_err(refused)?;
    if machine.kind != "STANDARD" {
        return Err(refused(format!("it is of type {}: activities need STANDARD", machine.kind)));
    }
    if machine.status == "DELETING" {
        return Err(refused("it is being deleted, which ends when its executions have ended".to_owned()));
    }
    Ok(())
}

fn is_as_wanted(wanted: &Wanted, found: &Found, machine: &FoundMachine) -> bool {
    let role = wanted.role_arn.as_ref().or_else(|| found.role.as_ref().map(|role| &role.arn));
    let definition = serde_json::from_str::<Value>(&machine.definition);
    role == Some(&machine.role_arn)
        && machine.log_level == wanted.log_level.word()
        && definition.is_ok_and(|definition| definition == wanted.compiled.definition)
}

/// The changes that remove a deployment, in the order in which they are made. `needed` are the activities that other state
/// machines name.
///
/// # Errors
/// A name belongs to something else.
pub fn removal(wanted: &Wanted, found: &Found, needed: &[String]) -> Result<Vec<ResourceChange>, String> {
    refuse_others(wanted, found)?;
    let mut all = Vec::new();
    let mut add = |kind, name: String| all.push(ResourceChange { action: Action::Deleted, kind, name });
    if let Some(machine) = &found.machine {
        if machine.has_alias {
            add(Kind::Alias, format!("{}:{ALIAS}", wanted.name));
        }
        add(Kind::StateMachine, wanted.name.clone());
    }
    if found.log_group.is_some() {
        add(Kind::LogGroup, wanted.log_group());
    }
    if let Some(role) = found.role.as_ref().filter(|_| wanted.role_arn.is_none()) {
        if role.policy.is_some() {
            add(Kind::RolePolicy, wanted.role_name());
        }
        add(Kind::Role, wanted.role_name());
    }
    let own = wanted.compiled.activities.iter().map(|activity| &activity.name);
    let unused = own.filter(|name| found.activities.contains_key(*name) && !needed.contains(name));
    unused.for_each(|name| add(Kind::Activity, name.clone()));
    Ok(all)
}

#[cfg(test)]
mod tests;
