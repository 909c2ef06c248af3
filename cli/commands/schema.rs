//! `flow schema`.

use std::path::Path;

use clap::Args;
use serde_json::Value;

use crate::{
    checks::{DefinitionFile, no_file},
    definition::asl_schema,
    environments,
    execution::input,
    exit::{CliError, Exit},
};

/// Arguments of `flow schema`.
#[derive(Debug, Args)]
pub struct SchemaArguments {
    /// A shipped workflow or a definition file: the schema of its input. Without one, the schema of a definition, for
    /// editors.
    workflow: Option<String>,
}

/// Writes a JSON Schema to standard output.
pub fn run(arguments: &SchemaArguments) -> Result<Exit, CliError> {
    let schema = match &arguments.workflow {
        None => {
            let steps = environments::described().map_err(|error| CliError::refused(error.to_string()))?;
            asl_schema::schema(steps)
        }
        Some(name) => match workflows::find(name) {
            Some(workflow) => workflow.input_schema(),
            None => of_file(name)?,
        },
    };
    say_raw!("{schema:#}");
    Ok(Exit::Success)
}

/// The schema beside a definition file, as `flow new` writes it.
fn of_file(file: &str) -> Result<Value, CliError> {
    if !Path::new(DefinitionFile::parts_of(file).0).is_file() {
        return Err(no_file(file).hint("flow workflows lists what is shipped"));
    }
    input::schema(Path::new(file))?.ok_or_else(|| {
        let message = format!("{file} has no schema of its input beside it");
        CliError::not_found(message)
            .hint("the schema is NAME.input.schema.json beside NAME.asl.yaml; flow new writes one")
    })
}
