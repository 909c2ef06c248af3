//! `flow steps`.

use clap::Args;
use serde_json::json;

use crate::{
    arguments::{Global, Output},
    environments,
    exit::{CliError, Exit},
};

/// Arguments of `flow steps`.
#[derive(Debug, Args)]
pub struct StepsArguments {
    /// A step's name, such as ec2:createVpc.
    name: Option<String>,
}

/// Lists the steps, or shows one with its schemas.
pub fn run(global: &Global, arguments: StepsArguments) -> Result<Exit, CliError> {
    let steps = environments::described().map_err(|error| CliError::refused(error.to_string()))?;
    let wanted = arguments.name.as_deref().map(|name| name.strip_prefix("flow:").unwrap_or(name));
    let mut found = false;
    for step in steps.descriptions().filter(|step| wanted.is_none_or(|wanted| step.name == wanted)) {
        found = true;
        match (global.output, wanted) {
            (Output::Json, _) => say!("{}", json!({ "type": "step", "step": step })),
            (Output::Human, None) => say!("{:<40} {}", step.name, step.summary),
            (Output::Human, Some(_)) => say!("{}", serde_json::to_string_pretty(&step).unwrap_or_default()),
        }
    }
    if !found {
        return Err(CliError::not_found(format!("no step is named '{}'", wanted.unwrap_or_default()))
            .hint("flow steps lists all"));
    }
    Ok(Exit::Success)
}
