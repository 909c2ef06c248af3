//! `flow test`.

use std::{collections::BTreeMap, path::Path};

use clap::Args;
use engine::{
    machine::{ExecutionHeader, ExecutionStatus},
    spelling::{did_you_mean, nearest},
};
use serde_json::{Value, json};

use crate::{
    checks::DefinitionFile,
    execution::input,
    exit::{CliError, Exit},
    global::{Global, Output},
    trial::{
        self,
        mocks::{self, MockConfig, mocked},
    },
    ui::{json, text},
};

/// The cases of a mocks file.
type Cases = BTreeMap<String, BTreeMap<String, String>>;

/// The outcomes of a case.
const STATUSES: &[&str] = &["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"];

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
    /// Replace a placeholder `${NAME}` in the definition's text; or a file of names with values.
    #[arg(long, value_name = "NAME=VALUE|FILE")]
    substitute: Vec<String>,
    /// Run only these cases.
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
    let file = match mocks::file(&arguments.file, arguments.mocks.as_deref()) {
        Some(file) => file,
        None if Path::new(MOCKS_FILE).is_file() => MOCKS_FILE.into(),
        None => return Err(without_mocks(&arguments.file)),
    };
    let mocks_file = file.display().to_string();
    let unreadable = |error: String| CliError::refused(format!("{mocks_file} cannot be read: {error}"));
    let text = workflows::read_text_file(&file).map_err(|error| unreadable(error.to_string()))?;
    let config: MockConfig = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    let given = arguments.input.as_deref().map_or_else(|| Ok(json!({})), input::read)?;
    let input = input::fitted_or_hint(&arguments.file, given)?;
    let mut exit = Exit::Success;
    let machine = machine(&config, &arguments.file, &mocks_file, arguments.state_machine.as_deref())?;
    let all = &config.state_machines[&machine].test_cases;
    refuse_unknown_cases(&arguments, all, &mocks_file)?;
    let is_wanted = |name: &String| arguments.cases.is_empty() || arguments.cases.contains(name);
    let wanted: Vec<_> = all.iter().filter(|(name, _)| is_wanted(name)).collect();
    for (_, case) in &wanted {
        mocks::refuse_unknown_states(case, &definition, &mocks_file)?;
    }
    for (name, case) in wanted {
        let mocks = config.case(case)?;
        let header = trial::run(mocks, &definition, input.clone(), Vec::new()).await?.header;
        let expected = arguments.expect.iter().find_map(|expect| expect.strip_prefix(&format!("{name}=")));
        let status = serde_json::to_value(header.status).unwrap_or_default();
        let as_wanted = status == expected.unwrap_or("SUCCEEDED");
        print_case(global, name, &header, as_wanted);
        if !as_wanted {
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

/// The error of a definition without a mocks file.
fn without_mocks(definition_file: &str) -> CliError {
    let beside = mocks::beside(definition_file).unwrap_or_default();
    let message = format!("there are no mocked answers: neither {} nor {MOCKS_FILE} exists", beside.display());
    CliError::not_found(message).hint(format!(
        "--mocks FILE names another file, flow new NAME writes one with a workflow, and flow dev {definition_file} --once answers without one"
    ))
}

/// Refuses a `--case` or an `--expect` of a case that the mocks file does not have, and an unknown status.
fn refuse_unknown_cases(arguments: &TestArguments, all: &Cases, mocks_file: &str) -> Result<(), CliError> {
    let mut named: Vec<&str> = arguments.cases.iter().map(String::as_str).collect();
    for expect in &arguments.expect {
        let (case, status) = expect.rsplit_once('=').unwrap_or((expect, ""));
        if !STATUSES.contains(&status) {
            let message = format!("--expect {expect}: it must be CASE=STATUS with one of {}", STATUSES.join(", "));
            return Err(CliError::refused(message));
        }
        named.push(case);
    }
    let Some(missing) = named.into_iter().find(|case| !all.contains_key(*case)) else { return Ok(()) };
    let hint = did_you_mean(nearest(missing, all.keys().map(String::as_str)));
    let message = format!("{mocks_file} has no case '{missing}'{hint}");
    let names = all.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    Err(CliError::not_found(message.trim_end_matches('.')).hint(format!("its cases are {names}")))
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

fn print_case(global: &Global, name: &str, header: &ExecutionHeader, as_wanted: bool) {
    let status = serde_json::to_value(header.status).unwrap_or_default();
    let status = status.as_str().unwrap_or_default();
    let failure = header.failure.as_ref().map(|failure| text::error_and_cause(&failure.error, &failure.cause));
    if global.output == Output::Json {
        let line = json!({
            "type": "case", "case": name, "status": status, "asWanted": as_wanted, "output": header.output,
            "failure": failure, "message": format!("{name}: {status}"),
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
