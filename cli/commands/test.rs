//! `flow test`.

use std::path::Path;

use clap::Args;
use engine::machine::{ExecutionHeader, ExecutionStatus};
use serde_json::{Value, json};

use crate::{
    arguments::{Global, Output},
    checks::DefinitionFile,
    exit::{CliError, Exit},
    mocks::{MockConfig, mocked},
    trial,
};

/// Arguments of `flow test`.
#[derive(Debug, Args)]
pub struct TestArguments {
    /// A definition file.
    file: String,
    /// The mocked answers, in the format of Step Functions Local.
    #[arg(long, default_value = "MockConfigFile.json", value_name = "FILE")]
    mocks: String,
    /// The state machine's name in that file; else the file's name, or the only one there is.
    #[arg(long, value_name = "NAME")]
    state_machine: Option<String>,
    /// Replaces a placeholder `${NAME}` in the definition's text; or a file of names with values.
    #[arg(long, value_name = "NAME=VALUE|FILE")]
    substitute: Vec<String>,
    /// Only these cases.
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// The input, JSON.
    #[arg(long, default_value = "{}", value_name = "JSON")]
    input: String,
    /// How a case must end, such as Unhappy=FAILED; others must end SUCCEEDED.
    #[arg(long, value_name = "CASE=STATUS")]
    expect: Vec<String>,
}

/// Runs every case; nothing is called, no wait takes time. Exit code 1 where a case ends otherwise than it must.
pub async fn run(global: &Global, arguments: TestArguments) -> Result<Exit, CliError> {
    let mut definition = DefinitionFile::read(&arguments.file, &arguments.substitute)?.definition()?;
    mocked(&mut definition);
    let text = std::fs::read_to_string(&arguments.mocks)
        .map_err(|error| CliError::refused(format!("{} cannot be read: {error}", arguments.mocks)))?;
    let config: MockConfig = serde_json::from_str(&text)
        .map_err(|error| CliError::refused(format!("{} cannot be read: {error}", arguments.mocks)))?;
    let input: Value =
        serde_json::from_str(&arguments.input).map_err(|error| CliError::refused(format!("--input: {error}")))?;
    let mut exit = Exit::Success;
    let machine = machine(&config, &arguments.file, &arguments.mocks, arguments.state_machine.as_deref())?;
    let all = &config.state_machines[&machine].test_cases;
    for (name, case) in all.iter().filter(|(name, _)| arguments.cases.is_empty() || arguments.cases.contains(name)) {
        let mocks = config.case(case).map_err(CliError::refused)?;
        let header = trial::run(mocks, &definition, input.clone(), Vec::new()).await?.header;
        let wanted = arguments.expect.iter().find_map(|expect| expect.strip_prefix(&format!("{name}=")));
        let status = serde_json::to_value(header.status).unwrap_or_default();
        let as_wanted = status == wanted.unwrap_or("SUCCEEDED");
        tell(global, name, &header, as_wanted);
        if !as_wanted {
            exit = Exit::Failed;
        }
    }
    if let Some(missing) = arguments.cases.iter().find(|case| !all.contains_key(*case)) {
        return Err(CliError::not_found(format!("{} has no case '{missing}'", arguments.mocks)));
    }
    Ok(exit)
}

/// The state machine whose cases belong to a definition file: the one that is named, else the file's name, else the only one.
///
/// # Errors
/// There is none.
pub fn machine(config: &MockConfig, file: &str, mocks: &str, named: Option<&str>) -> Result<String, CliError> {
    let file = Path::new(file).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let wanted = named.unwrap_or_else(|| file.split('.').next().unwrap_or(file));
    if config.state_machines.contains_key(wanted) {
        return Ok(wanted.to_owned());
    }
    match (config.state_machines.keys().next(), config.state_machines.len(), named) {
        (Some(only), 1, None) => Ok(only.clone()),
        _ => Err(CliError::not_found(format!("{mocks} has no state machine '{wanted}'"))),
    }
}

fn tell(global: &Global, name: &str, header: &ExecutionHeader, as_wanted: bool) {
    let status = serde_json::to_value(header.status).unwrap_or_default();
    let status = status.as_str().unwrap_or_default();
    let failure = header.failure.as_ref().map(|failure| format!("{}: {}", failure.error, failure.cause));
    if global.output == Output::Json {
        let line = json!({
            "type": "case", "case": name, "status": status, "asWanted": as_wanted, "output": header.output, "failure": failure,
        });
        return say!("{line}");
    }
    let mark = if as_wanted { "✔" } else { "✖" };
    let rest = match (header.status, failure) {
        (ExecutionStatus::Succeeded, _) => header.output.as_deref().map(Value::to_string),
        (_, failure) => failure,
    };
    say!("{mark} {name:<24} {status:<10} {}", rest.unwrap_or_default());
}
