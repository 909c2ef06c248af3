//! `flow init`.

use clap::Args;

use crate::exit::{CliError, Exit};

/// Arguments of `flow init`.
#[derive(Debug, Args)]
pub struct InitArguments {
    /// The workflow's name.
    workflow: String,
}

/// Writes a commented input file to standard output.
pub fn run(arguments: InitArguments) -> Result<Exit, CliError> {
    let missing =
        || CliError::not_found(format!("no workflow is named '{}'", arguments.workflow)).hint("flow workflows");
    let workflow = workflows::find(&arguments.workflow).ok_or_else(missing)?;
    crate::out::text(workflow.example_input());
    Ok(Exit::Success)
}
