//! `flow init`.

use std::path::Path;

use clap::Args;

use crate::exit::{CliError, Exit};

/// Arguments of `flow init`.
#[derive(Debug, Args)]
pub struct InitArguments {
    /// The name of a shipped workflow (`flow workflows`).
    workflow: String,
}

/// Writes a commented input file to standard output.
pub fn run(arguments: InitArguments) -> Result<Exit, CliError> {
    let name = &arguments.workflow;
    let missing = || match Path::new(name).is_file() {
        true => CliError::not_found(format!("flow init writes the input of a shipped workflow, and {name} is a file"))
            .hint(format!("flow schema {name} shows the fields of its input; flow run {name} --input FILE reads them")),
        false => CliError::not_found(format!("no workflow is named '{name}'")).hint("flow workflows lists all"),
    };
    let workflow = workflows::find(name).ok_or_else(missing)?;
    crate::out::text(workflow.example_input());
    Ok(Exit::Success)
}
