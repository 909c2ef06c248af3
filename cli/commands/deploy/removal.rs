//! `flow deploy --remove`.

use std::{collections::BTreeMap, path::Path};

use deploy::plan::{self, Action, DeploymentChange, ResourceKind, Wanted};
use serde_json::{Value, json};
use steps::step_functions::RunningExecution;

use super::{DeployArguments, refused};
use crate::{
    deployment::Cloud,
    exit::CliError,
    proposed::{self, OPTIONS},
    shell::quote_name,
};

/// The sentence of a removal about a state machine's executions.
pub(super) const EXECUTIONS_ARE_LOST: &str =
    "Its executions go with the state machine: they are no longer shown, and cannot be resumed.";

/// Whether a removal names only the state machine: no workflow and no file has the name.
pub(super) fn is_by_name(arguments: &DeployArguments) -> bool {
    let name = &arguments.workflow;
    // A mistyped path is no name.
    let is_path = name.is_empty() || name == "-" || name.contains(['/', '.', '#']);
    arguments.remove && !is_path && workflows::find(name).is_none() && !Path::new(name).exists()
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
    // What belongs to another deployment is refused before its versions are read.
    plan::removal(wanted, found, &[])?;
    if let Some(machine) = &found.machine {
        let running = cloud.states.running_executions(&machine.arn, 1).await.map_err(refused)?;
        if let Some(RunningExecution { arn, .. }) = running.first() {
            return Err(CliError::refused(format!(
                "{arn} is running, and other executions may be running too: nothing was changed"
            ))
            .hint(format!(
                "wait until they have ended, or stop them:   flow cancel {}{OPTIONS}   , and   flow status{OPTIONS}   lists the others",
                quote_name(&proposed::with_machine(arn.rsplit(':').next().unwrap_or_default(), Some(&wanted.name)))
            )));
        }
        found.activities.extend(cloud.former_activities(machine, &found.others).await.map_err(refused)?);
    }
    let kept = cloud.needed_activities(&found.activities, &wanted.name).await.map_err(refused)?;
    let needed: Vec<String> = kept.keys().cloned().collect();
    let changes = plan::removal(wanted, found, &needed)?;
    if changes.is_empty() && is_by_name(arguments) {
        let message = format!("neither a state machine, a workflow nor a file is named '{}'", arguments.workflow);
        return Err(CliError::not_found(message));
    }
    Ok((changes, kept))
}

/// Whether the changes delete a state machine, and its executions with it.
pub(super) fn loses_executions(changes: &[DeploymentChange]) -> bool {
    changes.iter().any(|change| change.action == Action::Deleted && change.kind == ResourceKind::StateMachine)
}
