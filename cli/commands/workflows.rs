//! `flow workflows`.

use serde_json::json;

use crate::{
    arguments::{Global, Output},
    exit::{CliError, Exit},
};

/// Lists the shipped workflows.
pub fn run(global: &Global) -> Result<Exit, CliError> {
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
