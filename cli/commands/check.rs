//! `flow check`.

use clap::Args;
use engine::asl::{self, Severity};
use serde_json::json;

use crate::{
    arguments::{Global, Output},
    environments,
    exit::{CliError, Exit},
    ui::json as lines,
};

/// Arguments of `flow check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// A workflow's name or a definition file.
    workflow: String,
}

/// Shows every problem of a definition; exit code 3 where it cannot run.
pub fn run(global: &Global, arguments: CheckArguments) -> Result<Exit, CliError> {
    let refused = |error: workflows::WorkflowError| CliError::refused(error.to_string());
    let definition = match workflows::find(&arguments.workflow) {
        Some(workflow) => workflow.definition().map_err(refused)?,
        None if std::path::Path::new(&arguments.workflow).exists() => {
            workflows::load_definition(&arguments.workflow).map_err(refused)?
        }
        None => {
            return Err(CliError::not_found(format!(
                "neither a workflow nor a file is named '{}'",
                arguments.workflow
            )));
        }
    };
    let steps = environments::described().map_err(|error| CliError::refused(error.to_string()))?;
    let found = asl::check(&definition, &|resource| steps.find(resource).is_some());
    if global.output == Output::Json {
        say!("{}", lines::version());
    }
    for problem in &found {
        let severity = if problem.severity == Severity::Error { "error" } else { "warning" };
        match global.output {
            Output::Human => say!("{severity}: {}: {} [{}]", problem.location, problem.message, problem.code),
            Output::Json => say!(
                "{}",
                json!({ "type": "diagnostic", "severity": severity, "code": problem.code, "location": problem.location, "message": problem.message })
            ),
        }
    }
    if found.iter().any(|problem| problem.severity == Severity::Error) {
        return Ok(Exit::Refused);
    }
    if global.output == Output::Human {
        say!("{} can run.", arguments.workflow);
    }
    Ok(Exit::Success)
}
