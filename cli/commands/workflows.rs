//! `flow workflows`.

use serde_json::json;

use crate::{
    exit::{CliError, Exit},
    global::{Global, Output},
    ui::json,
};

/// Lists the shipped workflows.
pub fn run(global: &Global) -> Result<Exit, CliError> {
    for workflow in workflows::catalogue() {
        match global.output {
            Output::Human => say!("{:<26} {}", workflow.name, workflow.summary),
            Output::Json => {
                let (name, summary) = (workflow.name, workflow.summary);
                json::print(json!({ "type": "workflow", "name": name, "summary": summary, "message": summary }));
            }
        }
    }
    Ok(Exit::Success)
}
