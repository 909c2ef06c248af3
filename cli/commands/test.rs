//! `flow test`.

use std::path::Path;

use clap::Args;
use engine::machine::{ExecutionHeader, ExecutionStatus};
use serde_json::{Value, json};

use crate::{
    checks::DefinitionFile,
    exit::{CliError, Exit},
    global::{Global, Output},
    input,
    mocks::{self, MockConfig, mocked},
    trial,
    ui::json,
};

/// The file name of Step Functions Local.
const MOCKS_FILE: &str = "MockConfigFile.json";

/// Arguments of `flow test`.
#[derive(Debug, Args)]
pub struct TestArguments {
    /// A definition file.
    file: String,
    /// The mocked answers, in the format of Step Functions Local; default NAME.mocks.json beside the definition, then
    /// MockConfigFile.json.
    #[arg(long, value_name = "FILE")]
    mocks: Option<String>,
    /// The state machine's name in that file; default the file's name, or the only one in the file.
    #[arg(long, value_name = "NAME")]
    state_machine: Option<String>,
    /// Replaces a placeholder `${NAME}` in the definition's text; or a file of names with values.
    #[arg(long, value_name = "NAME=VALUE|FILE")]
    substitute: Vec<String>,
    /// Only these cases.
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// The input: a file (JSON, YAML or TOML), or JSON. The schema beside the definition adds its defaults.
    #[arg(long, value_name = "FILE|JSON")]
    input: Option<String>,
    /// The expected status of a case, such as Unhappy=FAILED; the default is SUCCEEDED.
    #[arg(long, value_name = "CASE=STATUS")]
    expect: Vec<String>,
}

/// Runs every case against mocks, without waiting. The exit code is 1 if a case ends with another status than expected.
pub async fn run(global: &Global, arguments: TestArguments) -> Result<Exit, CliError> {
    let mut definition = DefinitionFile::read(&arguments.file, &arguments.substitute)?.definition()?;
    mocked(&mut definition);
    let file = mocks::file(&arguments.file, arguments.mocks.as_deref()).unwrap_or_else(|| MOCKS_FILE.into());
    let mocks_file = file.display().to_string();
    let unreadable = |error: String| CliError::refused(format!("{mocks_file} cannot be read: {error}"));
    let text = std::fs::read_to_string(&file).map_err(|error| unreadable(error.to_string()))?;
    let config: MockConfig = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    let given = arguments.input.as_deref().map_or_else(|| Ok(json!({})), input::read)?;
    let input = input::fitted(&arguments.file, given)?;
    let mut exit = Exit::Success;
    let machine = machine(&config, &arguments.file, &mocks_file, arguments.state_machine.as_deref())?;
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
        return Err(CliError::not_found(format!("{mocks_file} has no case '{missing}'")));
    }
    Ok(exit)
}

/// The state machine in the mocks file that belongs to a definition file: the named one, else the file's name, else the
/// only one.
///
/// # Errors
/// The mocks file has no such state machine.
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
            "message": format!("{name}: {status}"),
        });
        return json::print(line);
    }
    let mark = if as_wanted { "✔" } else { "✖" };
    let rest = match (header.status, failure) {
        (ExecutionStatus::Succeeded, _) => header.output.as_deref().map(Value::to_string),
        (_, failure) => failure,
    };
    say!("{mark} {name:<24} {status:<10} {}", rest.unwrap_or_default());
}
