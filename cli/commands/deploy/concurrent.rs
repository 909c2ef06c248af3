//! Concurrent deployments under one name: one of the same definition is completed, one of another definition is reported.

use deploy::plan::{self, DeploymentChange, ExistingResources, ResourceKind, Wanted};
use engine::step::{ChangeAction, StepError};

use super::{DeployArguments, interrupted_error};
use crate::{
    deployment::{Cloud, DeploymentSource},
    exit::{CliError, Exit},
    proposed::OPTIONS,
    shell::{option, quote_word},
};

/// The codes of the errors that a call returns if another deployment has changed the same resource since it was read (Step Functions API
/// Reference, CreateActivity, CreateStateMachine, CreateStateMachineAlias; IAM API Reference, CreateRole).
const CODES: [&str; 5] = [
    "ActivityAlreadyExists",
    "StateMachineAlreadyExists",
    "ConflictException",
    "EntityAlreadyExists",
    "EntityAlreadyExistsException",
];

/// Makes the changes of a plan. If another deployment has made some of them since, plans the others once more and makes them.
///
/// # Errors
/// The error of a service, or another definition was deployed under the name at the same time. Earlier changes remain.
pub(super) async fn apply(
    arguments: &DeployArguments,
    cloud: &Cloud,
    source: &DeploymentSource<'_>,
    mut wanted: Wanted,
    found: ExistingResources,
    changes: &[DeploymentChange],
    made: &mut dyn FnMut(&DeploymentChange),
) -> Result<String, CliError> {
    match cloud.apply(source, wanted.clone(), found, changes, made).await {
        Ok(arn) => return Ok(arn),
        Err(error) if is_of_another_deployment(&error) => {
            tracing::info!("another deployment changed a resource, so the plan is made again: {error}")
        }
        Err(error) => return Err(interrupted_error(error)),
    }
    let name = wanted.name.clone();
    let found = cloud.find(&wanted).await.map_err(interrupted_error)?;
    if let Ok(compiled) = source.compile(&found.activities) {
        wanted.compiled = compiled;
    }
    let changes = match plan::changes(&wanted, &found) {
        Ok(changes) if !has_another_definition(&changes) => changes,
        _ => return Err(other_deployment_error(arguments, &name)),
    };
    let completed = cloud.apply(source, wanted, found, &changes, made).await;
    completed.map_err(|error| match is_of_another_deployment(&error) {
        true => other_deployment_error(arguments, &name),
        false => interrupted_error(error),
    })
}

/// Whether a call failed because another deployment has changed the resource.
fn is_of_another_deployment(error: &StepError) -> bool {
    error.code.as_deref().is_some_and(|code| CODES.contains(&code))
}

/// Whether the other deployment gave the state machine another definition: this one would update it.
fn has_another_definition(changes: &[DeploymentChange]) -> bool {
    changes.iter().any(|change| change.kind == ResourceKind::StateMachine && change.action == ChangeAction::Updated)
}

fn other_deployment_error(arguments: &DeployArguments, name: &str) -> CliError {
    let message = format!("another deployment of {name} was made at the same time: this one is not complete");
    let command = command(arguments);
    let hint =
        format!("{command} --plan   shows what differs now   , and   {command}   deploys this definition after it");
    CliError::new(Exit::Failed, message).hint(hint)
}

/// The command of a deployment, without its consent.
pub(super) fn command(arguments: &DeployArguments) -> String {
    let file = quote_word(&arguments.workflow);
    let substitute: String = arguments.substitute.iter().map(|text| option("substitute", text)).collect();
    let heartbeat = arguments.heartbeat.map(|seconds| seconds.to_string());
    let given = [("name", &arguments.name), ("role-arn", &arguments.role_arn), ("heartbeat", &heartbeat)];
    let given: String = given.into_iter().filter_map(|(name, value)| Some(option(name, value.as_ref()?))).collect();
    format!("flow deploy {file}{substitute}{given}{OPTIONS}")
}

#[cfg(test)]
mod tests {
    use engine::step::ErrorClass;

    use super::*;

    #[test]
    fn what_another_deployment_did_is_recognized_by_the_code() {
        let error = |code: &str| StepError { code: Some(code.to_owned()), ..StepError::new(ErrorClass::Invalid, "x") };
        for code in CODES {
            assert!(is_of_another_deployment(&error(code)), "{code}");
        }
        assert!(!is_of_another_deployment(&error("InvalidDefinition")));
        assert!(!is_of_another_deployment(&StepError::new(ErrorClass::Unknown, "StateMachineAlreadyExists")));
    }

    #[test]
    fn only_an_equal_definition_is_completed() {
        let change = |action, kind| DeploymentChange::new(action, kind, "job");
        let rest = [
            change(ChangeAction::Unchanged, ResourceKind::StateMachine),
            change(ChangeAction::Updated, ResourceKind::Alias),
        ];
        assert!(!has_another_definition(&rest));
        assert!(!has_another_definition(&[change(ChangeAction::Created, ResourceKind::StateMachine)]));
        assert!(has_another_definition(&[change(ChangeAction::Updated, ResourceKind::StateMachine)]));
    }
}
