//! Waits for the exit code of a program.

use std::{collections::BTreeMap, sync::Arc};

use engine::step::{Answer, StepContext, StepError, StepResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::not_yet;
use crate::{local_error_names::PROCESS_FAILED, local_settings::LocalSettings, process};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct WaitForProgram {
    /// One of the paths in FLOW_PROGRAMS.
    program: String,
    /// Its arguments.
    #[serde(default)]
    arguments: Vec<String>,
    /// The standard input of the program, as JSON.
    #[serde(default)]
    input: Value,
    /// More variables, of those that FLOW_PROGRAM_VARIABLES allows. Their values are stored in the history: no secrets.
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// Its working folder: an absolute path, below the folder in FLOW_FILES if that is set; else where `flow run` was started.
    #[serde(default)]
    folder: Option<String>,
    /// The exit code that ends the wait.
    #[serde(default)]
    exit_code: i32,
    /// Seconds between two polls, 1 to 3600; default 10.
    #[serde(default = "super::interval_default")]
    #[schemars(range(min = 1, max = 3600))]
    interval_seconds: u64,
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Exited {
    exit_code: i32,
    /// The output of the program: JSON, else a text.
    output: Value,
}

pub(super) async fn wait(
    settings: Arc<LocalSettings>,
    context: StepContext,
    input: WaitForProgram,
) -> StepResult<Exited> {
    let WaitForProgram { program, arguments, input, environment, folder, exit_code, interval_seconds } = input;
    let run = process::Run { program: program.clone(), arguments, input, stdin: None, environment, folder };
    let ended = process::exit_of(&settings, &context, run).await?;
    match ended.code {
        Some(code) if code == exit_code => Ok(Answer::done(Exited { exit_code, output: ended.output })),
        Some(code) => not_yet(&context, format!("exit code {code}{}", said(&ended.last_line)), interval_seconds),
        // A signal ended the program, so the check has no result.
        None => Err(StepError::named(PROCESS_FAILED, format!("{program}: {}", ended.status))),
    }
}

fn said(line: &str) -> String {
    if line.is_empty() { String::new() } else { format!(": {line}") }
}
