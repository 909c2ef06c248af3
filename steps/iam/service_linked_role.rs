//! The service-linked role of an AWS service. An account has it once, so it belongs to no deployment.

use std::sync::Arc;

use engine::step::{Answer, ChangeAction, Registry, ResourceChange, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    Environment, Nothing,
    failure::{already_exists, failure},
    outcome::change_without_tags,
};

const RESOURCE_TYPE: &str = "AWS::IAM::ServiceLinkedRole";

pub(super) fn register(registry: &mut Registry, environment: &Arc<Environment>) {
    step!(
        registry,
        environment,
        "iam:createServiceLinkedRole",
        "Creates the role that a service of AWS needs in this account, unless the account has it.",
        ["iam:ListRoles", "iam:CreateServiceLinkedRole"],
        create_service_linked_role
    );
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateServiceLinkedRole {
    /// Such as `ecs.amazonaws.com`.
    service: String,
}

async fn create_service_linked_role(
    environment: Arc<Environment>,
    context: StepContext,
    input: CreateServiceLinkedRole,
) -> StepResult<Nothing> {
    if let Some(arn) = find(&environment, &input.service).await? {
        let action = change_without_tags(&context, &arn);
        return Ok(answered(&arn, &input.service, action));
    }
    match environment.iam().create_service_linked_role().aws_service_name(&input.service).send().await {
        Ok(answer) => {
            let arn = answer.role.map(|role| role.arn).unwrap_or_else(|| input.service.clone());
            Ok(answered(&arn, &input.service, ChangeAction::Created))
        }
        Err(error) => {
            let exists = already_exists(&error);
            let failure = failure("iam:CreateServiceLinkedRole", error);
            if exists || is_taken(&failure) {
                // The role is not listed yet.
                let action = change_without_tags(&context, &input.service);
                return Ok(answered(&input.service, &input.service, action));
            }
            Err(failure)
        }
    }
}

/// Whether IAM reports that the account has the role. Only the message shows it: the code is the same for every wrong input (IAM API
/// Reference, "CreateServiceLinkedRole").
fn is_taken(failure: &StepError) -> bool {
    failure.code.as_deref() == Some("InvalidInput") && failure.cause.contains("has been taken")
}

fn answered(arn: &str, service: &str, action: ChangeAction) -> Answer<Nothing> {
    Answer::with_change(Nothing {}, ResourceChange::new(action, RESOURCE_TYPE, arn).named(service))
}

async fn find(environment: &Environment, service: &str) -> Result<Option<String>, StepError> {
    let prefix = format!("/aws-service-role/{service}/");
    let answer = environment.iam_reads().list_roles().path_prefix(prefix).send().await;
    let answer = answer.map_err(|error| failure("iam:ListRoles", error))?;
    Ok(answer.roles.into_iter().next().map(|role| role.arn))
}

#[cfg(test)]
mod tests {
    use engine::step::ErrorClass;

    use super::*;

    #[test]
    fn a_role_that_the_account_has_is_no_failure() {
        let cause =
            "Service role name AWSServiceRoleForECS has been taken in this account, please try a different suffix.";
        let mut failure = StepError::new(ErrorClass::Invalid, cause);
        failure.code = Some("InvalidInput".into());
        assert!(is_taken(&failure));
        failure.cause = "Service name is invalid".into();
        assert!(!is_taken(&failure));
    }
}
