//! `flow dev`.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};

use clap::Args;
use engine::asl::{Severity, each_state};
use serde_json::{Value, json};

use super::{check, test};
use crate::{
    checks,
    definition::graph::Graph,
    dev::{Automation, Begin, Prepared, Run, StateOutcome, tree},
    environments,
    execution::input,
    exit::{CliError, Exit},
    global::{Global, Output},
    interrupt,
    trial::{
        self,
        mocks::{self, MockConfig, Mocks, mocked},
    },
    ui::{self, json, text},
};

/// The interval at which the files are checked for changes.
const POLL_INTERVAL: Duration = Duration::from_millis(300);
/// The longest output that is shown, in characters.
const OUTPUT_CHARACTERS_MAX: usize = 500;

/// The most Tasks without a mock that are named.
const NAMES_MAX: usize = 3;

/// After so many polls a file that is missing or empty is reported, once.
const UNWRITTEN_TICKS: usize = 10;

/// Arguments of `flow dev`.
#[derive(Debug, Args)]
pub struct DevArguments {
    /// A definition file.
    file: String,
    /// The mocked answers, in the format of Step Functions Local; default NAME.mocks.json beside the definition, if it
    /// exists. A Task without a mock answers {}.
    #[arg(long, value_name = "FILE")]
    mocks: Option<String>,
    /// The case of the mocks; default the first one.
    #[arg(long, value_name = "NAME")]
    case: Option<String>,
    /// The input: a file (JSON, YAML or TOML), or JSON.
    #[arg(long, value_name = "FILE|JSON")]
    input: Option<String>,
    /// Replace a placeholder `${NAME}` in the definition's text; or a file of names with values.
    #[arg(long, value_name = "NAME=VALUE|FILE")]
    substitute: Vec<String>,
    /// Check and run once, then end; for tests and CI. Exit code 1 if the run does not succeed, 3 if it cannot run.
    #[arg(long)]
    once: bool,
}

/// Checks and runs a definition at every save, until it is interrupted.
pub async fn run(global: &Global, arguments: &DevArguments) -> Result<Exit, CliError> {
    let mut last = None;
    loop {
        let seen = stamps(arguments);
        let turned = turn(global, arguments, &mut last).await;
        if arguments.once {
            return turned;
        }
        if let Err(error) = turned {
            ui::error::print(&error);
        }
        if global.output == Output::Human {
            say!("Watching {}. Press Ctrl-C to end.\n", arguments.file);
        }
        crate::out::flush();
        if let Some(exit) = until_changed(arguments, &seen).await {
            return Ok(exit);
        }
    }
}

/// Checks and runs once.
async fn turn(global: &Global, arguments: &DevArguments, last: &mut Option<Run>) -> Result<Exit, CliError> {
    let (definition, source) = check::read_file(&arguments.file, &arguments.substitute)?;
    let found = match &definition {
        Ok(definition) => {
            let steps = environments::described().map_err(|error| CliError::refused(error.to_string()))?;
            checks::problems(definition, steps)
        }
        Err(repeated) => repeated.clone(),
    };
    check::show(global, &found, &arguments.file, Some(&source));
    let is_wrong = found.iter().any(|problem| problem.severity == Severity::Error);
    let Some(definition) = definition.ok().filter(|_| !is_wrong) else { return Ok(Exit::Refused) };
    let (prepared, without_mock) = prepare(arguments, definition)?;
    let begin = last.as_ref().map_or(Begin::Start, |last| last.begin(&prepared));
    let (path, before) = match (begin, last.take()) {
        (Begin::Nowhere, Some(run)) => {
            if global.output == Output::Human {
                say!("Nothing is run again: no state that was entered has changed.");
            }
            let exit = exit_of(&run);
            *last = Some(run);
            return Ok(exit);
        }
        (Begin::At { state_path, path }, Some(run)) => (path, Some((run, state_path))),
        _ => (Vec::new(), None),
    };
    let mut definition = prepared.definition.clone();
    mocked(&mut definition);
    let (mocks, _) = read_mocks(arguments, &prepared.definition)?;
    let ran = trial::run(mocks, &definition, prepared.input.clone(), path).await?;
    let from = before.as_ref().map(|(_, state_path)| state_path.clone());
    let run = match before {
        Some((run, state_path)) => Run::new(prepared, ran.header, &ran.entries, Some((run, &state_path))),
        None => Run::new(prepared, ran.header, &ran.entries, None),
    };
    show(global, &run, from.as_deref(), &without_mock);
    let exit = exit_of(&run);
    *last = Some(run);
    Ok(exit)
}

fn exit_of(run: &Run) -> Exit {
    if run.succeeded() { Exit::Success } else { Exit::Failed }
}

/// Prepares a run. Also returns the Tasks without a mock.
fn prepare(arguments: &DevArguments, definition: Value) -> Result<(Prepared, Vec<String>), CliError> {
    let (mocks, without_mock) = read_mocks(arguments, &definition)?;
    let given = arguments.input.as_deref().map_or_else(|| Ok(json!({})), input::read)?;
    let input = input::fitted_or_hint(&arguments.file, given)?;
    Ok((Prepared { definition, input, mocks }, without_mock))
}

fn read_mocks(arguments: &DevArguments, definition: &Value) -> Result<(Mocks, Vec<String>), CliError> {
    let mut mocks = Mocks::default();
    if let Some(file) = mocks::file(&arguments.file, arguments.mocks.as_deref()) {
        let wrong = |error: String| CliError::refused(format!("{} cannot be read: {error}", file.display()));
        let text = workflows::read_text_file(&file).map_err(|error| wrong(error.to_string()))?;
        let config: MockConfig = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let shown = file.display().to_string();
        let machine = test::machine(&config, &arguments.file, &shown, None)?;
        let cases = &config.state_machines[&machine].test_cases;
        let case = match &arguments.case {
            Some(name) => cases.get(name),
            None => cases.values().next(),
        };
        let missing = || {
            let named = arguments.case.as_deref().map_or_else(String::new, |name| format!(" named '{name}'"));
            CliError::not_found(format!("{shown} has no case{named}"))
        };
        let case = case.ok_or_else(missing)?;
        mocks::refuse_unknown_states(case, definition, &shown)?;
        mocks = config.case(case)?;
    }
    let mut tasks = Vec::new();
    each_state(definition, &mut |state| {
        if state.json["Type"] == "Task" {
            tasks.push(state.name.to_owned());
        }
    });
    let without_mock = mocks.answer_the_rest(tasks.iter().map(String::as_str));
    Ok((mocks, without_mock))
}

fn show(global: &Global, run: &Run, from: Option<&str>, without_mock: &[String]) {
    let definition = run.definition();
    let automation = Automation::of(definition);
    let status = serde_json::to_value(run.header.status).unwrap_or_default();
    let status = status.as_str().unwrap_or_default();
    let failure = run.header.failure.as_ref().map(|failure| text::error_and_cause(&failure.error, &failure.cause));
    if global.output == Output::Json {
        let states = run.outcomes().iter().map(|(path, outcome)| (path.clone(), outcome_name(outcome).into()));
        let states: serde_json::Map<String, Value> = states.collect();
        let message = failure.clone().unwrap_or_else(|| status.to_owned());
        let line = json!({ "type": "dev", "message": message, "status": status, "from": from, "output": run.header.output,
                           "failure": failure,
                           "states": states, "steps": automation.steps, "byHand": automation.by_hand,
                           "withoutMock": without_mock });
        return json::print(line);
    }
    match from {
        Some(state_path) => say!("Ran again from \"{state_path}\". The states above it keep their earlier results."),
        None => say!("Ran."),
    }
    tree(&Graph::of(definition), run.outcomes()).iter().for_each(|line| say!("{line}"));
    let output = run.header.output.as_deref().map(Value::to_string);
    let rest = text::shortened(&failure.or(output).unwrap_or_default(), OUTPUT_CHARACTERS_MAX);
    say!("{status}   {rest}");
    match without_mock.len() {
        0 => {}
        1..=NAMES_MAX => say!("Without a mock, answered with {{}}: {}.", without_mock.join(", ")),
        count => say!("{count} Tasks without a mock were answered with {{}}."),
    }
    say!("{}", automation.sentence());
}

fn outcome_name(outcome: &StateOutcome) -> &'static str {
    match outcome {
        StateOutcome::Exited(_) => "exited",
        StateOutcome::Failed(_) => "failed",
        StateOutcome::Entered => "entered",
    }
}

/// The time of writing and the length of each file.
type Stamps = Vec<Option<(SystemTime, u64)>>;

fn stamps(arguments: &DevArguments) -> Stamps {
    let input = arguments.input.as_deref().filter(|text| !text.trim_start().starts_with('{')).map(PathBuf::from);
    let file = PathBuf::from(checks::DefinitionFile::parts_of(&arguments.file).0);
    let files = [Some(file), mocks::file(&arguments.file, arguments.mocks.as_deref()), input];
    let stamp = |file: Option<PathBuf>| {
        let metadata = std::fs::metadata(file?).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files.into_iter().map(stamp).collect()
}

/// Why the definition's file cannot be read yet. An editor leaves it missing or empty for a moment while it saves.
fn unwritten(stamps: &[Option<(SystemTime, u64)>]) -> Option<&'static str> {
    match stamps.first() {
        Some(Some((_, 1..))) => None,
        Some(Some(_)) => Some("is empty: waiting until it is written"),
        _ => Some("is missing: waiting until it is written"),
    }
}

/// Counts the polls at which the definition's file is missing or empty.
#[derive(Default)]
struct Unwritten {
    ticks: usize,
}

impl Unwritten {
    /// Counts a poll. Returns the line to report: one when the file has been missing or empty for some polls, and one when it is written
    /// again.
    fn poll(&mut self, stamps: &[Option<(SystemTime, u64)>]) -> Option<&'static str> {
        let Some(words) = unwritten(stamps) else {
            let was_reported = std::mem::take(&mut self.ticks) >= UNWRITTEN_TICKS;
            return was_reported.then_some("is written again");
        };
        self.ticks = self.ticks.saturating_add(1);
        (self.ticks == UNWRITTEN_TICKS).then_some(words)
    }
}

/// Waits until a file has changed. Returns `Some` if a signal arrives first.
async fn until_changed(arguments: &DevArguments, seen: &Stamps) -> Option<Exit> {
    let _orderly = interrupt::Orderly::begin();
    let mut tick = tokio::time::interval(POLL_INTERVAL);
    let mut before = seen.clone();
    let mut absence = Unwritten::default();
    loop {
        tokio::select! {
            exit = interrupt::requested() => return Some(exit),
            _ = tick.tick() => {
                let now = stamps(arguments);
                if let Some(words) = absence.poll(&now) {
                    report!("flow: {} {words}", arguments.file);
                }
                // An editor may delete or empty the old file first, and write the new one in several parts.
                let is_written = now == before && matches!(now.first(), Some(Some((_, 1..))));
                if is_written && now != *seen {
                    return None;
                }
                before = now;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_or_empty_is_not_written() {
        let written = |bytes| vec![Some((SystemTime::UNIX_EPOCH, bytes)), None];
        assert_eq!(unwritten(&written(1)), None);
        assert!(unwritten(&written(0)).is_some_and(|words| words.starts_with("is empty")));
        assert!(unwritten(&[None, None]).is_some_and(|words| words.starts_with("is missing")));
    }

    #[test]
    fn a_file_that_vanishes_is_reported_once_and_its_return_too() {
        let (there, gone) = ([Some((SystemTime::UNIX_EPOCH, 1))], [None]);
        let mut absence = Unwritten::default();
        let mut reported = |polls: &[&[Option<(SystemTime, u64)>]]| {
            polls.iter().filter_map(|stamps| absence.poll(stamps)).collect::<Vec<_>>()
        };
        assert!(reported(&[&there, &gone, &gone, &there]).is_empty(), "an editor replaces it");
        let long = [gone.as_slice(); UNWRITTEN_TICKS * 3];
        assert_eq!(reported(&long), ["is missing: waiting until it is written"]);
        assert_eq!(reported(&[&there, &there]), ["is written again"]);
    }
}
