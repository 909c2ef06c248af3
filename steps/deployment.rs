//! The role and the log group of a deployment to Step Functions.

use engine::step::StepError;
use serde_json::{Value, json};

use crate::{
    Environment,
    failure::{already_exists, failure, is_missing},
    iam, logs,
    tags::DEPLOYMENT,
};

/// The name of the role's inline policy.
const POLICY: &str = "integrations";

/// The role of a state machine.
#[derive(Debug, Clone, PartialEq)]
pub struct MachineRole {
    /// Its ARN.
    pub arn: String,
    /// The deployment to which it belongs.
    pub deployment: Option<String>,
    /// Whether Step Functions, and no other service, may assume it.
    pub trusts: bool,
    /// Its policy, if it has one.
    pub policy: Option<Value>,
}

/// The log group of a state machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineLogGroup {
    /// Its ARN as a destination of logs, which ends in `:*`.
    pub arn: String,
    /// Its retention in days.
    pub retention_days: Option<i32>,
}

fn trust() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "states.amazonaws.com" }, "Action": "sts:AssumeRole"
    }] })
}

/// The role of a name, if it exists.
///
/// # Errors
/// IAM's.
pub async fn find_role(environment: &Environment, name: &str) -> Result<Option<MachineRole>, StepError> {
    let role = match environment.iam_reads().get_role().role_name(name).send().await {
        Ok(answer) => answer.role,
        Err(error) if is_missing(&error) => None,
        Err(error) => return Err(failure("iam:GetRole", error)),
    };
    let Some(role) = role else { return Ok(None) };
    let policy = match environment.iam_reads().get_role_policy().role_name(name).policy_name(POLICY).send().await {
        Ok(answer) => Some(iam::document(&answer.policy_document)),
        Err(error) if is_missing(&error) => None,
        Err(error) => return Err(failure("iam:GetRolePolicy", error)),
    };
    let deployment = role.tags().iter().find(|tag| tag.key() == DEPLOYMENT).map(|tag| tag.value().to_owned());
    let trusts = role.assume_role_policy_document().is_some_and(|document| iam::document(document) == trust());
    Ok(Some(MachineRole { arn: role.arn, deployment, trusts, policy }))
}

/// Creates the role of a deployment and returns its ARN.
///
/// # Errors
/// IAM's.
pub async fn create_role(environment: &Environment, name: &str, deployment: &str) -> Result<String, StepError> {
    let tag = aws_sdk_iam::types::Tag::builder().key(DEPLOYMENT).value(deployment).build();
    let tag = tag.map_err(|error| StepError::new(engine::step::ErrorClass::Invalid, error.to_string()))?;
    let call = environment.iam().create_role().role_name(name).assume_role_policy_document(trust().to_string());
    let created = call.description(format!("State machine {deployment}")).tags(tag).send().await;
    let created = created.map_err(|error| failure("iam:CreateRole", error))?;
    created.role.map(|role| role.arn).ok_or_else(|| crate::outcome::incomplete_answer("iam:CreateRole", "role"))
}

/// Allows Step Functions, and no other service, to assume a role.
///
/// # Errors
/// IAM's.
pub async fn set_trust(environment: &Environment, name: &str) -> Result<(), StepError> {
    let call = environment.iam().update_assume_role_policy().role_name(name).policy_document(trust().to_string());
    call.send().await.map(drop).map_err(|error| failure("iam:UpdateAssumeRolePolicy", error))
}

/// Sets the policy of a role.
///
/// # Errors
/// IAM's.
pub async fn put_policy(environment: &Environment, name: &str, policy: &Value) -> Result<(), StepError> {
    let call = environment.iam().put_role_policy().role_name(name).policy_name(POLICY);
    let put = call.policy_document(policy.to_string()).send().await;
    put.map(drop).map_err(|error| failure("iam:PutRolePolicy", error))
}

/// Deletes the policy of a role, if it exists.
///
/// # Errors
/// IAM's.
pub async fn delete_policy(environment: &Environment, name: &str) -> Result<(), StepError> {
    match environment.iam().delete_role_policy().role_name(name).policy_name(POLICY).send().await {
        Err(error) if !is_missing(&error) => Err(failure("iam:DeleteRolePolicy", error)),
        _ => Ok(()),
    }
}

/// Deletes a role, if it exists.
///
/// # Errors
/// IAM's.
pub async fn delete_role(environment: &Environment, name: &str) -> Result<(), StepError> {
    match environment.iam().delete_role().role_name(name).send().await {
        Err(error) if !is_missing(&error) => Err(failure("iam:DeleteRole", error)),
        _ => Ok(()),
    }
}

/// The log group of a name, if it exists.
///
/// # Errors
/// CloudWatch Logs'.
pub async fn find_log_group(environment: &Environment, name: &str) -> Result<Option<MachineLogGroup>, StepError> {
    let Some(group) = logs::find(environment, name).await? else { return Ok(None) };
    // `logGroupArn` has no `:*`, `arn` has it (API Reference, LogGroup).
    let arn = group.arn().or(group.log_group_arn()).unwrap_or_default().trim_end_matches(":*");
    Ok(Some(MachineLogGroup { arn: format!("{arn}:*"), retention_days: group.retention_in_days() }))
}

/// Creates a log group, unless it exists.
///
/// # Errors
/// CloudWatch Logs'.
pub async fn create_log_group(environment: &Environment, name: &str, deployment: &str) -> Result<(), StepError> {
    let call = environment.logs().create_log_group().log_group_name(name).tags(DEPLOYMENT, deployment);
    match call.send().await {
        Err(error) if !already_exists(&error) => Err(failure("logs:CreateLogGroup", error)),
        _ => Ok(()),
    }
}

/// Sets the retention of a log group in days.
///
/// # Errors
/// CloudWatch Logs'.
pub async fn set_retention(environment: &Environment, name: &str, days: i32) -> Result<(), StepError> {
    let call = environment.logs().put_retention_policy().log_group_name(name).retention_in_days(days);
    call.send().await.map(drop).map_err(|error| failure("logs:PutRetentionPolicy", error))
}

/// Deletes a log group with everything in it, if it exists.
///
/// # Errors
/// The error of CloudWatch Logs.
pub async fn delete_log_group(environment: &Environment, name: &str) -> Result<(), StepError> {
    match environment.logs().delete_log_group().log_group_name(name).send().await {
        Err(error) if !is_missing(&error) => Err(failure("logs:DeleteLogGroup", error)),
        _ => Ok(()),
    }
}
