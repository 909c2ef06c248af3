//! `flow deploy --remove`.

use std::{collections::BTreeMap, path::Path};

use deploy::plan::{self, ALIAS, DeploymentChange, ResourceKind, Wanted};
use engine::step::ChangeAction;
use serde_json::{Value, json};
use steps::step_functions::RunningExecution;

use super::{DeployArguments, concurrent, error_before_changes, interrupted_error};
use crate::{
    deployment::{Cloud, RemovalError},
    exit::{CliError, Exit},
    proposed::{self, OPTIONS},
    shell::quote_name,
    step_functions::{MachineReference, is_arn},
};

/// The sentence of a removal about a state machine's executions.
pub(super) const EXECUTIONS_ARE_LOST: &str = "Its executions go with the state machine: --engine sfn neither shows nor \
     resumes them. Those of a flow serve stay in its home, and count again if the name is deployed again.";

/// Whether a removal names only the state machine: no workflow and no file has the name.
pub(super) fn is_by_name(arguments: &DeployArguments) -> bool {
    let name = &arguments.workflow;
    // A mistyped path is no name.
    let is_path = !is_arn(name) && (name.is_empty() || name == "-" || name.contains(['/', '.', '#']));
    arguments.remove && !is_path && workflows::find(name).is_none() && !Path::new(name).exists()
}

/// The state machine of a removal that names only the state machine, as `flow deploy` prints it: also by its ARN, and with the alias.
///
/// # Errors
/// It names a version or another alias: the complete state machine would be deleted.
pub(super) fn reference(arguments: &DeployArguments) -> Result<MachineReference, CliError> {
    let reference = MachineReference::read(&arguments.workflow);
    match reference.qualifier.as_deref() {
        None | Some(ALIAS) => Ok(reference),
        Some(other) => {
            let message =
                format!("--remove deletes a state machine with all its versions, and '{other}' names one of them");
            let name = &reference.name;
            Err(CliError::refused(message).hint(format!("flow deploy {} --remove{OPTIONS}", quote_name(name))))
        }
    }
}

/// The definition of a removal that names only the state machine, whose versions name the activities.
pub(super) fn placeholder() -> Value {
    json!({ "StartAt": "End", "States": { "End": { "Type": "Succeed" } } })
}

/// The changes of a removal, and why activities are kept, by name. Adds the activities of earlier versions to what was found.
pub(super) async fn changes(
    arguments: &DeployArguments,
    cloud: &Cloud,
    wanted: &Wanted,
    found: &mut plan::ExistingResources,
) -> Result<(Vec<DeploymentChange>, BTreeMap<String, String>), CliError> {
    let is_other =
        |machine: &plan::ExistingMachine| !reference(arguments).is_ok_and(|named| named.may_be(&machine.arn));
    if is_by_name(arguments) && found.machine.as_ref().is_some_and(is_other) {
        let message =
            format!("the state machine {} is not at this endpoint, in this account and region", arguments.workflow);
        return Err(CliError::not_found(message));
    }
    // What belongs to another deployment is refused before its versions are read.
    plan::removal(wanted, found, &[])?;
    if let Some(machine) = &found.machine {
        let running = cloud.states.running_executions(&machine.arn, 1).await.map_err(error_before_changes)?;
        if let Some(RunningExecution { arn, .. }) = running.first() {
            return Err(CliError::refused(format!(
                "{arn} is running, and other executions may be running too: nothing was changed"
            ))
            .hint(wait_or_cancel(arn, &wanted.name)));
        }
        found.activities.extend(cloud.former_activities(machine, &found.others).await.map_err(error_before_changes)?);
    }
    let kept = cloud.needed_activities(&found.activities, &wanted.name).await.map_err(error_before_changes)?;
    let needed: Vec<String> = kept.keys().cloned().collect();
    let changes = plan::removal(wanted, found, &needed)?;
    if changes.is_empty() && is_by_name(arguments) {
        let message = format!("neither a state machine, a workflow nor a file is named '{}'", arguments.workflow);
        return Err(CliError::not_found(message));
    }
    Ok((changes, kept))
}

/// The hint about running executions: wait for their end, or cancel them.
fn wait_or_cancel(execution_arn: &str, machine: &str) -> String {
    let name = execution_arn.rsplit(':').next().unwrap_or_default();
    format!(
        "wait until they have ended, or stop them:   flow cancel {}{OPTIONS}   , and   flow status{OPTIONS}   lists the others",
        quote_name(&proposed::with_machine(name, Some(machine)))
    )
}

/// The error of a removal that has begun. `name` is that of the state machine.
pub(super) fn removal_error(arguments: &DeployArguments, name: &str, error: RemovalError) -> CliError {
    let (execution, is_restored) = match error {
        RemovalError::Call(error) => return interrupted_error(error),
        RemovalError::Started { execution, is_restored } => (execution, is_restored),
    };
    let again = format!("{}   , then   {} --remove", wait_or_cancel(&execution, name), concurrent::command(arguments));
    match is_restored {
        true => CliError::refused(format!("{execution} was started meanwhile: nothing was removed")).hint(again),
        false => {
            let message = format!(
                "{execution} was started meanwhile: the state machine is kept, and its alias {ALIAS} is removed"
            );
            CliError::new(Exit::Failed, message).hint(format!("{again}; without --remove it makes the alias again"))
        }
    }
}

/// Whether the changes delete a state machine, and its executions with it.
pub(super) fn loses_executions(changes: &[DeploymentChange]) -> bool {
    changes.iter().any(|change| change.action == ChangeAction::Deleted && change.kind == ResourceKind::StateMachine)
}
