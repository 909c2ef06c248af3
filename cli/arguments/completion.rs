//! Completion of command lines: the shell runs this program with [`VARIABLE`] set, and it prints the candidates. Some of them are in no
//! static script: ids of executions, their states, shipped workflows, steps, codes.

use std::{collections::HashSet, path::Path, time::Duration};

use api::{
    OwnerKind,
    flow::{DescribeExecutionResponse, LATEST, ListExecutions, ListPersonTasks, ListPersonTasksRequest, ListRequest},
    view::{StateStatus, StateView, View, outer_paths},
};
use clap::{Arg, CommandFactory, Parser, ValueEnum, ValueHint, builder::PossibleValue};
use clap_complete::{
    CompleteEnv,
    engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter},
};
use engine::{
    machine::{ExecutionHeader, ExecutionStatus},
    step::StepDescription,
};
use workflows::DEFINITION_ENDINGS;

use crate::{
    arguments::Arguments,
    checks::{explanations, state_names},
    clock,
    commands::completions::VARIABLE,
    configuration, environments,
    execution::locate::{Located, locate},
    exit::{CliError, Exit},
    global::{Global, JUNIT, ProgressDisplay},
    home::Home,
    owner::Handle,
    runtime, step_manual, this_process,
};

/// The variable that only bash sets. bash inserts a candidate as it is; other shells quote it.
const BASH: &str = "_CLAP_COMPLETE_COMP_TYPE";
/// The number of executions that are candidates: the latest ones.
const EXECUTIONS_MAX: usize = 100;
/// The time for which a completion waits for the candidates of a store.
const TIME_MAX: Duration = Duration::from_secs(2);

/// Completes a command line if the shell requests it, and returns the exit code of the process. Returns `None` if the process runs a
/// command.
pub fn complete() -> Option<Exit> {
    let folder = std::env::current_dir().ok();
    let completed = CompleteEnv::with_factory(command).var(VARIABLE);
    match completed.try_complete(std::env::args_os(), folder.as_deref()) {
        Ok(is_completed) => is_completed.then_some(Exit::Success),
        Err(error) => {
            let error = error.to_string();
            report!("flow: the command line cannot be completed: {}", error.trim_start_matches("error: ").trim());
            Some(Exit::Failed)
        }
    }
}

/// The command line with the candidates of its arguments.
fn command() -> clap::Command {
    Arguments::command().mut_subcommands(|command| {
        let verb = command.get_name().to_owned();
        command.mut_args(|arg| with_candidates(&verb, arg))
    })
}

fn with_candidates(verb: &str, arg: Arg) -> Arg {
    let name = arg.get_id().to_string();
    match (verb, name.as_str()) {
        // The id of a new execution.
        ("run", "id") => arg,
        (_, "progress") => arg.add(ArgValueCandidates::new(displays)),
        ("approve" | "reject", "id") => arg.add(ArgValueCandidates::new(awaiting_people)),
        ("cancel" | "signal", "id") => {
            arg.add(ArgValueCandidates::new(|| executions(|status| status == ExecutionStatus::Running)))
        }
        ("resume", "id") => {
            arg.add(ArgValueCandidates::new(|| executions(|status| status != ExecutionStatus::Succeeded)))
        }
        (_, "id" | "ids" | "again") => arg.add(ArgValueCandidates::new(|| executions(|_| true))),
        ("new", "from") => arg.value_hint(ValueHint::FilePath),
        ("approve" | "reject", "state") => arg.add(ArgValueCandidates::new(states_that_ask)),
        ("signal", "state") => arg.add(ArgValueCandidates::new(states_to_signal)),
        (_, "state" | "from") => arg.add(ArgValueCandidates::new(states)),
        ("init", "workflow") => arg.add(ArgValueCandidates::new(shipped_workflows)),
        (_, "workflow") => arg.add(ArgValueCompleter::new(WorkflowsAndFiles)),
        ("steps", "name") => arg.add(ArgValueCompleter::new(Steps)),
        ("run", "faults") => arg.add(ArgValueCandidates::new(faults)),
        ("explain", "code") => arg.add(ArgValueCandidates::new(codes)),
        (_, "file" | "input" | "mocks" | "plan_file" | "token_file" | "new_token") => {
            arg.value_hint(ValueHint::FilePath)
        }
        _ => arg,
    }
}

/// A candidate as the shell inserts it, with a line about it, which may be empty.
fn candidate(value: &str, about: &str) -> CompletionCandidate {
    let value = match std::env::var_os(BASH) {
        Some(_) => escaped(value),
        None => value.to_owned(),
    };
    CompletionCandidate::new(value).help((!about.is_empty()).then(|| about.to_owned().into()))
}

/// A word with a backslash before each character that bash would interpret.
fn escaped(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./:@%+,=".contains(c);
    let mut escaped = String::with_capacity(word.len());
    for c in word.chars() {
        if !plain(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn shipped_workflows() -> Vec<CompletionCandidate> {
    workflows::catalogue().iter().map(|workflow| candidate(workflow.name, workflow.summary)).collect()
}

/// The shipped workflows, and files.
struct WorkflowsAndFiles;

impl ValueCompleter for WorkflowsAndFiles {
    fn complete(&self, current: &std::ffi::OsStr) -> Vec<CompletionCandidate> {
        let typed = current.to_string_lossy();
        let mut found = shipped_workflows();
        found.retain(|workflow| workflow.get_value().to_string_lossy().starts_with(&*typed));
        found.extend(PathCompleter::any().filter(is_definition).complete(current));
        found
    }
}

/// Whether a file may be a definition: by its ending, and not one of the files that `flow new` writes beside it.
fn is_definition(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_companion = [".mocks.json", ".schema.json"].iter().any(|ending| name.ends_with(ending));
    path.is_file() && !is_companion && DEFINITION_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// The steps: by their names, or as a `Resource` has them.
struct Steps;

impl ValueCompleter for Steps {
    fn complete(&self, current: &std::ffi::OsStr) -> Vec<CompletionCandidate> {
        let typed = current.to_string_lossy();
        let Ok(steps) = environments::described() else { return Vec::new() };
        let as_resource = typed.starts_with("flow:") || typed.starts_with("arn:");
        let named = |step: StepDescription| {
            let name = if as_resource { step_manual::resource(&step.name) } else { step.name };
            name.starts_with(&*typed).then(|| candidate(&name, &step.summary))
        };
        steps.descriptions().filter_map(named).collect()
    }
}

fn codes() -> Vec<CompletionCandidate> {
    explanations::ALL.iter().map(|page| candidate(page.code, page.meaning)).collect()
}

/// The faults of a rehearsal, as the help of `flow run` lists them.
fn faults() -> Vec<CompletionCandidate> {
    let listed = rehearsal::FAULTS.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(' '));
    listed.map(|(fault, about)| candidate(fault, about.trim())).collect()
}

/// The values of `--progress`.
fn displays() -> Vec<CompletionCandidate> {
    let displays = ProgressDisplay::value_variants().iter().filter_map(ProgressDisplay::to_possible_value);
    let about = |value: &PossibleValue| value.get_help().map(ToString::to_string).unwrap_or_default();
    let candidates = displays.map(|value| candidate(value.get_name(), &about(&value)));
    candidates.chain([candidate(JUNIT, "Also a JUnit report")]).collect()
}

/// The latest executions whose status a command accepts, rehearsals too.
fn executions(accepts: impl Fn(ExecutionStatus) -> bool) -> Vec<CompletionCandidate> {
    let all = ask(async {
        let global = global()?;
        let mut found: Vec<ExecutionHeader> = Vec::new();
        for home in [Home::real(&global)?, Home::rehearsals(&global)?] {
            let handle = Handle::read(&home).await?;
            let request = ListRequest { limit: Some(EXECUTIONS_MAX), ..ListRequest::default() };
            found.extend(handle.call::<ListExecutions>(request).await?.executions);
            handle.leave();
        }
        Ok(found)
    });
    let latest = all.iter().max_by_key(|header| header.started_ms).filter(|header| accepts(header.status));
    let latest = latest.map(|header| candidate(LATEST, &header.id));
    let accepted = all.iter().filter(|header| accepts(header.status));
    accepted.map(|header| candidate(&header.id, &header.workflow)).chain(latest).collect()
}

/// The executions that wait for a person, with the question.
fn awaiting_people() -> Vec<CompletionCandidate> {
    let tasks = ask(async {
        let global = global()?;
        let mut found = Vec::new();
        for home in [Home::real(&global)?, Home::rehearsals(&global)?] {
            let handle = Handle::read(&home).await?;
            found.extend(handle.call::<ListPersonTasks>(ListPersonTasksRequest::default()).await?.tasks);
            handle.leave();
        }
        Ok(found)
    });
    let mut found: Vec<CompletionCandidate> = Vec::new();
    for task in tasks.iter().filter(|task| task.instructions.approval.is_some()) {
        let next = candidate(&task.execution, &task.instructions.sentence);
        if found.last().is_none_or(|last| last.get_value() != next.get_value()) {
            found.push(next);
        }
    }
    found
}

/// The paths of the states that the execution on the command line has entered.
fn states() -> Vec<CompletionCandidate> {
    states_of(|described, _| entered(&described.view))
}

/// The paths of the states that were entered; of those in iterations of a Map the names, each once.
fn entered(view: &View) -> Vec<String> {
    let mut known = HashSet::new();
    let mut entered: Vec<&str> = Vec::with_capacity(view.order.len());
    for state in view.order.iter().filter_map(|path| view.states.get(path)) {
        let is_in_map = outer_paths(&state.path).any(|outer| view.maps.contains_key(outer));
        entered.push(if is_in_map { state.name.as_str() } else { state.path.as_str() });
    }
    entered.retain(|name| known.insert(*name));
    entered.into_iter().map(str::to_owned).collect()
}

/// The paths of the states whose approval waits.
fn states_that_ask() -> Vec<CompletionCandidate> {
    states_of(|described, now_ms| waiting(&described.view, true, now_ms))
}

/// The paths of the states that `flow signal` answers; with `--early` the names of all states, with `--withdraw` the states for which an
/// answer is kept.
fn states_to_signal() -> Vec<CompletionCandidate> {
    let words = typed();
    let has = |option: &str| words.iter().any(|word| word == option);
    states_of(|described, now_ms| match (has("--early"), has("--withdraw")) {
        (_, true) => described.execution.early_signals.iter().map(|signal| signal.state.clone()).collect(),
        (true, _) => state_names(&described.definition),
        _ => waiting(&described.view, false, now_ms),
    })
}

/// The states of the execution on the command line that `select` returns, now.
fn states_of(select: impl Fn(&DescribeExecutionResponse, u64) -> Vec<String>) -> Vec<CompletionCandidate> {
    let Some(id) = execution(&typed()) else { return Vec::new() };
    let found = ask(async {
        let Located { header, handle } = locate(&global()?, &id).await?;
        let described = handle.describe(&header.id, false).await?;
        let now_ms = clock::of(handle.home()).now_ms();
        handle.leave();
        Ok(select(&described, now_ms))
    });
    found.iter().map(|path| candidate(path, "")).collect()
}

/// The paths of the states that have not timed out and wait for an answer: of `flow approve` and `flow reject`, or of `flow signal`.
fn waiting(view: &View, for_approval: bool, now_ms: u64) -> Vec<String> {
    let waits = |state: &&StateView| match &state.status {
        StateStatus::Waiting(wait) if wait.is_of_worker() => false,
        StateStatus::Waiting(wait) => {
            let is_approval = wait.instructions.as_ref().is_some_and(|instructions| instructions.approval.is_some());
            is_approval == for_approval
        }
        StateStatus::Parked { .. } => !for_approval,
        _ => false,
    };
    let open = view.active().filter(waits).filter(|state| state.status.timed_out_ms(now_ms).is_none());
    open.map(|state| state.path.clone()).collect()
}

/// The words of the command line that is completed, from the command on.
fn typed() -> Vec<String> {
    let words = std::env::args_os().skip_while(|word| word != "--").skip(2);
    words.map(|word| word.to_string_lossy().into_owned()).collect()
}

/// The execution that a command line names: after `--again`, else its first argument.
fn execution(words: &[String]) -> Option<String> {
    let named = after(words, "--again").or_else(|| words.iter().skip(1).find(|word| !word.starts_with('-')));
    named.filter(|word| !word.is_empty()).cloned()
}

/// The word after an option.
fn after<'w>(words: &'w [String], option: &str) -> Option<&'w String> {
    words.iter().skip_while(|word| *word != option).nth(1)
}

/// The options of every command: those of the environment, and the home of the command line that is completed.
fn global() -> Result<Global, CliError> {
    let words = typed();
    let home = after(&words, "--home").map(|home| format!("--home={home}"));
    let line = ["flow".to_owned()].into_iter().chain(home).chain(["workflows".to_owned()]);
    let parsed = Arguments::try_parse_from(line).map_err(|error| CliError::refused(error.to_string()))?;
    Ok(parsed.global.with_defaults(configuration::load()?))
}

/// The answer, or nothing where there is none in time: a completion reports no errors.
fn ask<T: Default>(answer: impl Future<Output = Result<T, CliError>>) -> T {
    this_process::name("completions", OwnerKind::Other);
    let Ok(runtime) = runtime::new() else { return T::default() };
    let answered = runtime.block_on(async { tokio::time::timeout(TIME_MAX, answer).await });
    runtime.shutdown_background();
    answered.ok().and_then(Result::ok).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::unwrap_used)]
    fn a_state_of_many_iterations_is_one_candidate() {
        let state = |path: &str, name: &str, state_type: &str| {
            let doing = serde_json::json!({ "doing": "running" });
            serde_json::json!({ "path": path, "name": name, "stateType": state_type, "enteredMs": 0, "doing": doing })
        };
        let mut states = vec![("Each".to_owned(), state("Each", "Each", "Map"))];
        for index in 0..200 {
            let path = format!("Each[{index}]/Call");
            states.push((path.clone(), state(&path, "Call", "Task")));
        }
        states.push(("All[1]/Ask".to_owned(), state("All[1]/Ask", "Ask", "Task")));
        let order: Vec<&String> = states.iter().map(|(path, _)| path).collect();
        let view = serde_json::json!({
            "id": "x-1", "sections": [], "order": order, "maps": { "Each": { "total": 200, "succeeded": 0, "failed": 0 } },
            "states": states.iter().cloned().collect::<serde_json::Map<_, _>>(), "made": [],
            "status": ExecutionStatus::Running, "startedMs": 0, "stoppedMs": null, "failure": null, "output": null,
            "paused": false, "lastSequence": 0,
        });
        let view: View = serde_json::from_value(view).unwrap();
        assert_eq!(entered(&view), ["Each", "Call", "All[1]/Ask"]);
    }

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_execution_of_a_command_line_is_found() {
        for (line, expected) in [
            ("signal one ", Some("one")),
            ("resume one --from ", Some("one")),
            ("run --again one --from ", Some("one")),
            ("run own.asl.yaml --again one --from ", Some("one")),
            ("resume ", None),
        ] {
            assert_eq!(execution(&words(line)).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn bash_reads_a_candidate_as_one_word() {
        assert_eq!(escaped("endpoints-aws-7k3f"), "endpoints-aws-7k3f");
        assert_eq!(escaped("1. Prepare/1.1 It's \"on\"?"), r#"1.\ Prepare/1.1\ It\'s\ \"on\"\?"#);
    }

    #[test]
    fn the_command_line_with_candidates_is_consistent() {
        command().debug_assert();
    }
}
