//! Asks IAM which of the actions that a run needs are denied to its caller.

use std::collections::BTreeSet;

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};
use engine::step::{ErrorClass, StepError};

use crate::{Environment, failure::failure};

const ACTION: &str = "iam:SimulatePrincipalPolicy";

/// Actions that need permission under the same conditions: a statement of `flow policy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionQuestion {
    /// The actions in IAM's names, such as `iam:PassRole`.
    pub actions: Vec<String>,
    /// The ARNs of the resources; `*` if the action does not support resources.
    pub resources: Vec<String>,
    /// Condition keys and their values, such as `iam:PassedToService`.
    pub context: Vec<(String, Vec<String>)>,
}

/// The actions that are denied to the identity with `caller_arn`. IAM's simulation decides whether service control
/// policies and permission boundaries are considered.
///
/// # Errors
/// IAM cannot simulate this kind of identity, or the caller may not ask.
pub async fn denied_actions(
    environment: &Environment,
    caller_arn: &str,
    questions: &[PermissionQuestion],
) -> Result<BTreeSet<String>, StepError> {
    let mut denied = BTreeSet::new();
    let Some(principal_arn) = principal_arn(environment, caller_arn).await? else { return Ok(denied) };
    for question in questions {
        let call = environment
            .iam_reads()
            .simulate_principal_policy()
            .policy_source_arn(&principal_arn)
            .set_action_names(Some(question.actions.clone()))
            .set_resource_arns(Some(question.resources.clone()))
            .set_context_entries(Some(question.context.iter().map(context_entry).collect()));
        let mut results = call.into_paginator().items().send();
        while let Some(result) = results.next().await {
            let result = result.map_err(|error| failure(ACTION, error))?;
            if *result.eval_decision() != PolicyEvaluationDecisionType::Allowed {
                denied.insert(result.eval_action_name().to_owned());
            }
        }
    }
    Ok(denied)
}

fn context_entry((key, values): &(String, Vec<String>)) -> ContextEntry {
    let kind = if values.len() == 1 { ContextKeyTypeEnum::String } else { ContextKeyTypeEnum::StringList };
    let entry = ContextEntry::builder().context_key_name(key).context_key_type(kind);
    entry.set_context_key_values(Some(values.clone())).build()
}

/// The ARN that IAM simulates: a user, or the role of a session; `None` for the account's root user, who is allowed
/// everything.
async fn principal_arn(environment: &Environment, caller_arn: &str) -> Result<Option<String>, StepError> {
    match principal(caller_arn) {
        Principal::Everything => Ok(None),
        Principal::User => Ok(Some(caller_arn.to_owned())),
        Principal::Role(name) => {
            // The ARN of a session does not contain the role's path.
            let role = environment.iam_reads().get_role().role_name(name).send().await;
            let role = role.map_err(|error| failure("iam:GetRole", error))?;
            Ok(role.role.map(|role| role.arn))
        }
        Principal::Other => {
            let cause = format!("IAM cannot simulate {caller_arn}");
            Err(StepError::new(ErrorClass::Invalid, cause).during(ACTION))
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Principal<'a> {
    Everything,
    User,
    Role(&'a str),
    Other,
}

fn principal(arn: &str) -> Principal<'_> {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    match resource.split_once('/') {
        None if resource == "root" => Principal::Everything,
        Some(("user", _)) => Principal::User,
        Some(("assumed-role", rest)) => Principal::Role(rest.split('/').next().unwrap_or(rest)),
        _ => Principal::Other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::test_server::{TestServer, environment};

    #[test]
    fn the_role_of_a_session_is_what_iam_simulates() {
        assert_eq!(principal("arn:aws:iam::111111111111:root"), Principal::Everything);
        assert_eq!(principal("arn:aws:iam::111111111111:user/team/ann"), Principal::User);
        assert_eq!(principal("arn:aws:sts::111111111111:assumed-role/Deployer/ann"), Principal::Role("Deployer"));
        assert_eq!(principal("arn:aws:sts::111111111111:federated-user/ann"), Principal::Other);
    }

    #[tokio::test]
    async fn only_what_is_not_allowed_is_named() {
        let answer = "<SimulatePrincipalPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\">\
            <SimulatePrincipalPolicyResult><EvaluationResults>\
            <member><EvalActionName>ec2:CreateVpc</EvalActionName><EvalDecision>allowed</EvalDecision></member>\
            <member><EvalActionName>iam:PassRole</EvalActionName><EvalDecision>implicitDeny</EvalDecision></member>\
            </EvaluationResults><IsTruncated>false</IsTruncated></SimulatePrincipalPolicyResult>\
            </SimulatePrincipalPolicyResponse>";
        let server = TestServer::start((200, "content-type: text/xml\r\n", answer)).await;
        let question = PermissionQuestion {
            actions: vec!["ec2:CreateVpc".into(), "iam:PassRole".into()],
            resources: vec!["*".into()],
            context: vec![("iam:PassedToService".into(), vec!["ecs-tasks.amazonaws.com".into()])],
        };
        let arn = "arn:aws:iam::111111111111:user/ann";
        let denied = denied_actions(&environment(&server), arn, &[question]).await.unwrap();
        assert_eq!(denied, BTreeSet::from(["iam:PassRole".to_owned()]));
        let asked = server.requests().join("");
        assert!(asked.contains("PassedToService") && asked.contains("ecs-tasks.amazonaws.com"), "{asked}");
        let root = denied_actions(&environment(&server), "arn:aws:iam::111111111111:root", &[]).await.unwrap();
        assert!(root.is_empty());
    }
}
