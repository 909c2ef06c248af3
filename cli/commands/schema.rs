//! `flow schema`.

use clap::Args;

use crate::{
    asl_schema, environments,
    exit::{CliError, Exit},
};

/// Arguments of `flow schema`.
#[derive(Debug, Args)]
pub struct SchemaArguments {
    /// A shipped workflow: the schema of its input. Without one, the schema of a definition, for editors.
    workflow: Option<String>,
}

/// Writes a JSON Schema to standard output.
pub fn run(arguments: &SchemaArguments) -> Result<Exit, CliError> {
    let schema = match &arguments.workflow {
        None => {
            let steps = environments::described().map_err(|error| CliError::refused(error.to_string()))?;
            asl_schema::schema(&steps)
        }
        Some(name) => {
            let missing = || CliError::not_found(format!("no workflow is named '{name}'")).hint("flow workflows");
            workflows::find(name).ok_or_else(missing)?.input_schema()
        }
    };
    say!("{schema:#}");
    Ok(Exit::Success)
}
