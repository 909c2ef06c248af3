//! `flow run --again ID`: uses the input of an earlier execution, and its definition if no other is given.

use std::path::PathBuf;

use api::flow::PlanReentryResponse;
use serde_json::Value;

use super::RunArguments;
use crate::{
    execution::{locate::locate_at, reentry},
    exit::CliError,
    global::Global,
    proposed::run_options,
    shell::quote_name,
    target::Engine,
    this_process,
};

/// The workflow of an earlier execution.
pub struct Earlier {
    /// The workflow's name.
    pub workflow: String,
    /// The pinned definition.
    pub definition: Value,
    /// The file from which it was read; see [`crate::environments::Pinned::definition_file`].
    pub definition_file: Option<PathBuf>,
}

/// The values of `--again` and `--from`.
#[derive(Default)]
pub struct Again {
    /// The earlier execution, if its definition is to run.
    pub earlier: Option<Earlier>,
    /// The state to start at.
    pub from: Option<PlanReentryResponse>,
}

/// Reads the earlier execution, and copies its input into arguments that have none.
///
/// # Errors
/// The text does not name exactly one execution, or its store cannot be read.
pub async fn read(global: &Global, arguments: &mut RunArguments) -> Result<Again, CliError> {
    let Some(wanted) = &arguments.again else { return Ok(Again::default()) };
    if arguments.from.is_some() && (arguments.input.is_some() || !arguments.set.is_empty()) {
        let message = "--from starts at a state with the input that the state had then, which --input and --set do not change: \
                       nothing was changed";
        let hint = "without --from it starts at the beginning, with the changed input; with a changed file, the state may ignore its input";
        return Err(CliError::refused(message).hint(hint));
    }
    if arguments.from.is_some() && arguments.target.engine == Engine::Sfn {
        return Err(CliError::refused("--from is for this machine's engine: nothing was changed"));
    }
    this_process::is_about_state(arguments.from.as_deref());
    let located = locate_at(global, &arguments.target, wanted).await?;
    if located.handle.home().rehearsal && !arguments.rehearse {
        let id = &located.header.id;
        let message = format!("{id} is a rehearsal, and this would run for real: nothing was changed");
        return Err(CliError::refused(message).hint(format!("flow run --again {}{}", quote_name(id), run_options(id))));
    }
    let described = located.handle.describe(&located.header.id, false).await?;
    let from = match &arguments.from {
        Some(state) => Some(reentry::plan(&located.handle, &located.header.id, state).await?),
        None => None,
    };
    // Closes the store, because this process opens it again to drive it.
    drop(located.handle);
    if arguments.input.is_none() {
        arguments.input = Some(described.execution.input.to_string());
    }
    let workflow = described.execution.workflow.clone();
    if !arguments.workflow.is_empty() {
        return Ok(Again { earlier: None, from });
    }
    if workflows::find(&workflow).is_some() {
        arguments.workflow = workflow;
        return Ok(Again { earlier: None, from });
    }
    let definition_file = described.execution.environment["definition_file"].as_str().map(PathBuf::from);
    Ok(Again { earlier: Some(Earlier { workflow, definition: described.definition, definition_file }), from })
}
