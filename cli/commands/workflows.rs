//! `flow workflows`.

use serde_json::json;

use crate::{
    arguments::{Global, Output},
    exit::{CliError, Exit},
    ui::json as lines,
};

/// Lists what is shipped.
pub fn run(global: &Global) -> Result<Exit, CliError> {
    if global.output == Output::Json {
        say!("{}", lines::version());
    }
    for workflow in workflows::catalogue() {
        match global.output {
            Output::Human => say!("{:<26} {}", workflow.name, workflow.summary),
            Output::Json => {
                say!("{}", json!({ "type": "workflow", "name": workflow.name, "summary": workflow.summary }))
            }
        }
    }
    Ok(Exit::Success)
}
