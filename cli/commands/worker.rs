//! `flow worker`.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use engine::step::Registry;
use serde_json::json;
use steps::{LocalSettings, step_functions::StepFunctions};

use crate::{
    checks::{LOG_IN, RUN_PROGRAMS, USE_FILES},
    clock,
    environments::{self, Environments, Location, Pinned},
    exit::{CliError, Exit},
    global::{Global, Output, REHEARSAL, WHERE},
    home::Home,
    interrupt, proposed,
    shell::option,
    step_functions::service_error,
    target::{self, parse_endpoint},
    ui::{json, stopped::StopMessage, text::counted},
    worker::{Slots, Stop, StopRequest, TaskCounts, Worker, folder_problem},
    world,
};

/// The interval between JSON lines with the counters.
const COUNTS_EVERY: Duration = Duration::from_secs(10);
/// The time that calls of steps may take to end after a signal, by default.
const DRAIN_SECONDS_DEFAULT: u64 = 300;
/// The message of a second signal.
const STOPPED_AT_ONCE: &str =
    "stopped. Another worker receives each task that this one had, after its HeartbeatSeconds";
/// The most steps that may run at once.
const CONCURRENCY_MAX: usize = 256;

/// Arguments of `flow worker`.
#[derive(Debug, Args)]
pub struct WorkerArguments {
    /// The Step Functions API: `aws`, or the URL of a `flow serve`. Requests to a URL carry FLOW_TOKEN, or are signed with
    /// FLOW_ACCESS_KEY_ID and FLOW_SECRET_ACCESS_KEY.
    #[arg(long, value_name = "aws|URL", help_heading = WHERE)]
    endpoint: String,
    /// The steps to work for, such as `ec2:createVpc` or `ec2:*`; default all.
    #[arg(long, value_name = "STEP", value_delimiter = ',')]
    activities: Vec<String>,
    /// How many steps run at once.
    #[arg(long, default_value_t = 16, value_name = "NUMBER")]
    concurrency: usize,
    /// How long calls of steps may take to end after SIGINT or SIGTERM. The tasks of those that take longer are given back.
    #[arg(long, default_value_t = DRAIN_SECONDS_DEFAULT, value_name = "SECONDS")]
    drain: u64,
    /// Poll each activity once, work on what was received, and end. A poll waits up to a minute for a task.
    #[arg(long)]
    once: bool,
    /// Act in the world of this home's rehearsal.
    #[arg(long, help_heading = REHEARSAL)]
    rehearse: bool,
}

/// A variable of this machine without which some steps fail every task.
struct Setting {
    variable: &'static str,
    is_set: fn(&LocalSettings) -> bool,
    /// The beginnings of the steps' `Resource`s.
    steps: &'static [&'static str],
}

const SETTINGS: [Setting; 3] = [
    Setting { variable: "FLOW_PROGRAMS", is_set: |settings| !settings.programs.is_empty(), steps: &RUN_PROGRAMS },
    Setting { variable: "FLOW_FILES", is_set: |settings| settings.files.is_some(), steps: &USE_FILES },
    Setting { variable: "FLOW_SSH_HOSTS", is_set: |settings| settings.ssh_hosts.is_some(), steps: &LOG_IN },
];

/// Works until SIGINT or SIGTERM. Then it receives no new tasks, lets calls in flight end for a while, and gives back the tasks that
/// are not done.
pub async fn run(global: &Global, arguments: WorkerArguments) -> Result<Exit, CliError> {
    let _orderly = interrupt::Orderly::begin();
    interrupt::at_second_signal(StopMessage::without_command(STOPPED_AT_ONCE));
    if !(1..=CONCURRENCY_MAX).contains(&arguments.concurrency) {
        return Err(CliError::usage(format!("--concurrency must be a number from 1 to {CONCURRENCY_MAX}")));
    }
    target::remember(Some(&arguments.endpoint));
    let mut resources = resources(environments::described().map_err(service_error)?, &arguments.activities)?;
    let home = if arguments.rehearse { Home::rehearsals(global)? } else { Home::real(global)? };
    let location = match arguments.rehearse {
        true => Location::Rehearsal { world: world::ensure(&home, world::SPEED_DEFAULT, &|_| {}).await?.id },
        false => Location::Aws { profile: global.profile.clone(), region: global.region.clone() },
    };
    let environments = Environments::new(home.clone());
    let settings = environments.settings().clone();
    check_settings(&settings, std::env::var_os("FLOW_PROGRAMS").as_deref())?;
    let mut warnings = without_settings(&mut resources, &settings);
    if resources.is_empty() {
        let message = format!("every step to work for needs a variable that is not set: {}", warnings.join("; "));
        return Err(CliError::refused(message).hint("begin the command with it, such as   FLOW_PROGRAMS=/bin/date"));
    }
    if resources.values().any(|resource| RUN_PROGRAMS.contains(&resource.as_str())) {
        warnings.extend(settings.programs.iter().filter_map(|program| program_problem(program)));
    }
    let files = settings.files.clone();
    let pinned = Pinned { location, account: None, settings, has_own_settings: true, definition_file: None };
    let endpoint = parse_endpoint(global, &arguments.endpoint)?;
    let (request, stop) = Stop::new();
    let counts = Arc::new(TaskCounts::default());
    let worker = Worker {
        api: StepFunctions::connect(&endpoint).await.map_err(service_error)?,
        resources,
        registries: environments,
        environment: serde_json::to_value(&pinned).map_err(|error| CliError::refused(error.to_string()))?,
        clock: clock::of(&home),
        files,
        name: name(),
        command: command(&arguments),
        slots: Slots::new(arguments.concurrency),
        once: arguments.once,
        drain_max: Duration::from_secs(arguments.drain),
        counts: counts.clone(),
        stop,
    };
    begin(global, &worker, &arguments.endpoint, &warnings);
    let exit = work(global, worker, &request, &counts).await?;
    match global.output {
        Output::Json => json::print(counts.line()),
        Output::Human if global.quiet => {}
        Output::Human => say!("{}", counts.summary()),
    }
    Ok(exit)
}

/// Reports what the worker polls, and what it does not poll or cannot do because of its settings. A quiet worker reports only the latter.
fn begin(global: &Global, worker: &Worker, endpoint: &str, warnings: &[String]) {
    if global.output == Output::Json {
        warnings.iter().for_each(|line| json::print(json!({ "type": "warning", "message": line })));
        return;
    }
    if !global.quiet {
        say!("Worker {} for {}, polling {endpoint}", worker.name, counted(worker.resources.len(), "step"));
    }
    warnings.iter().for_each(|line| report!("flow: {line}"));
}

/// Refuses settings with which the worker could do none of the tasks that need them. `programs` is the text of FLOW_PROGRAMS.
///
/// # Errors
/// FLOW_FILES names no folder, or FLOW_PROGRAMS has a relative path, which no definition can name.
fn check_settings(settings: &LocalSettings, programs: Option<&OsStr>) -> Result<(), CliError> {
    if let Some(problem) = settings.files.as_deref().and_then(folder_problem) {
        return Err(CliError::refused(problem).hint("mount or create the folder, or name another one in FLOW_FILES"));
    }
    let is_relative = |program: &PathBuf| !program.as_os_str().is_empty() && program.is_relative();
    match programs.and_then(|programs| std::env::split_paths(programs).find(is_relative)) {
        None => Ok(()),
        Some(program) => {
            let message = format!("FLOW_PROGRAMS: '{}' is not an absolute path", program.display());
            Err(CliError::refused(message).hint("write the complete path, as the definitions name the program"))
        }
    }
}

/// Why a program that FLOW_PROGRAMS names cannot run on this machine now; `None` if nothing is known against it.
fn program_problem(program: &Path) -> Option<String> {
    let problem = match std::fs::metadata(program) {
        Ok(found) if !found.is_file() => "is not a file".to_owned(),
        Ok(found) if found.permissions().mode() & 0o111 == 0 => "is not executable".to_owned(),
        Ok(_) => return None,
        Err(error) => format!("cannot be used: {error}"),
    };
    let program = program.display();
    Some(format!("FLOW_PROGRAMS: {program} {problem}. This worker gives its tasks back for another worker"))
}

/// Removes the steps that would fail every task with these settings, so that their tasks go to other workers. Returns a line for each
/// variable that is not set.
fn without_settings(resources: &mut BTreeMap<String, String>, settings: &LocalSettings) -> Vec<String> {
    let mut lines = Vec::new();
    for Setting { variable, steps, .. } in SETTINGS.iter().filter(|setting| !(setting.is_set)(settings)) {
        let needs_it = |resource: &str| steps.iter().any(|step| resource.starts_with(*step));
        let of_setting = resources.values().filter(|resource| needs_it(resource.as_str()));
        let mut removed: Vec<String> = of_setting.cloned().collect();
        if removed.is_empty() {
            continue;
        }
        removed.sort();
        resources.retain(|_, resource| !needs_it(resource.as_str()));
        lines.push(format!("{variable} is not set: this worker does not poll {}", removed.join(", ")));
    }
    lines
}

/// Runs the worker until it ends. The first signal drains it, which is its ordinary end: nothing of an execution is lost.
async fn work(global: &Global, worker: Worker, stop: &StopRequest, counts: &TaskCounts) -> Result<Exit, CliError> {
    let mut running = std::pin::pin!(worker.run());
    let mut every = tokio::time::interval(COUNTS_EVERY);
    let mut is_asked = false;
    let mut signalled = std::pin::pin!(interrupt::requested());
    loop {
        tokio::select! {
            ended = &mut running => {
                return ended.map(|()| Exit::Success).map_err(service_error);
            }
            _ = &mut signalled, if !is_asked => {
                is_asked = true;
                stop.send();
                report!("flow: no new tasks are polled; those received end or are given back (a second signal stops now)");
            }
            _ = every.tick(), if global.output == Output::Json => json::print(counts.line()),
        }
    }
}

/// The resources of the steps that match a pattern, by activity name.
fn resources(steps: &Registry, patterns: &[String]) -> Result<BTreeMap<String, String>, CliError> {
    let matches = |name: &str, pattern: &String| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    };
    let own = steps.descriptions().filter(|step| !step.name.starts_with("aws:"));
    let wanted: Vec<_> =
        own.filter(|step| patterns.is_empty() || patterns.iter().any(|pattern| matches(&step.name, pattern))).collect();
    let unmatched = patterns.iter().find(|pattern| !wanted.iter().any(|step| matches(&step.name, pattern)));
    if let Some(pattern) = unmatched {
        return Err(CliError::not_found(format!("no step is named '{pattern}'")).hint("flow steps   lists all"));
    }
    let entry = |step: &engine::step::StepDescription| (deploy::activity_name(step), format!("flow:{}", step.name));
    Ok(wanted.iter().map(entry).collect())
}

/// The command of this worker, without variables.
fn command(arguments: &WorkerArguments) -> String {
    let mut command = proposed::worker_command().unwrap_or_default();
    if !arguments.activities.is_empty() {
        command.push_str(&option("activities", &arguments.activities.join(",")));
    }
    if arguments.rehearse {
        command.push_str(" --rehearse");
    }
    command
}

/// The name of this worker in history events (API Reference, GetActivityTask, `workerName`: as long as other names).
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = format!("flow-{}-{}", host.trim(), std::process::id());
    name.chars().filter(|c| !c.is_control()).take(api::NAME_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_worker_polls_no_step_that_its_settings_let_fail() {
        let all = resources(environments::described().unwrap(), &[]).unwrap();
        let without = |settings: &LocalSettings| {
            let mut rest = all.clone();
            let lines = without_settings(&mut rest, settings);
            (rest, lines.join("\n"))
        };
        let (rest, lines) = without(&LocalSettings::default());
        for step in ["flow:process:run", "flow:wait:program", "flow:file:read", "flow:wait:file", "flow:ssh:run"] {
            assert!(all.values().any(|resource| resource == step), "{step}");
            assert!(rest.values().all(|resource| resource != step) && lines.contains(step), "{step}: {lines}");
        }
        assert!(rest.values().any(|resource| resource == "flow:wait:http") && lines.lines().count() == 3, "{lines}");
        let programs = LocalSettings { programs: vec!["/bin/true".into()], ..LocalSettings::default() };
        let (rest, lines) = without(&programs);
        assert!(rest.values().any(|resource| resource == "flow:process:run") && !lines.contains("FLOW_PROGRAMS"));
        assert!(lines.contains("FLOW_FILES is not set: this worker does not poll flow:file:read"), "{lines}");
    }

    #[test]
    fn settings_that_can_do_no_task_are_refused_and_a_missing_program_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (missing, file) = (folder.path().join("share"), folder.path().join("file"));
        std::fs::write(&file, "").unwrap();
        let with = |files: &Path| LocalSettings { files: Some(files.to_owned()), ..LocalSettings::default() };
        let refused = |files: &Path| check_settings(&with(files), None).unwrap_err().message;
        assert!(refused(&missing).starts_with(&format!("FLOW_FILES: {} cannot be used: No such", missing.display())));
        assert_eq!(refused(&file), format!("FLOW_FILES: {} is not a folder", file.display()));
        let checked = |programs: &str| check_settings(&with(folder.path()), Some(OsStr::new(programs)));
        assert!(checked("").is_ok() && checked("/bin/true:/bin/false:").is_ok());
        let relative = checked("/bin/true:bin/x").unwrap_err().message;
        assert_eq!(relative, "FLOW_PROGRAMS: 'bin/x' is not an absolute path");
        assert_eq!(program_problem(Path::new("/bin/sh")), None);
        for (program, problem) in [(&missing, "cannot be used: No such file"), (&file, "is not executable")] {
            let named = program_problem(program).unwrap();
            assert!(named.contains(&format!("{} {problem}", program.display())), "{named}");
        }
        assert!(program_problem(folder.path()).unwrap().contains("is not a file"));
    }

    #[test]
    fn patterns_choose_steps_and_one_that_matches_nothing_is_refused() {
        let steps = environments::described().unwrap();
        let all = resources(steps, &[]).unwrap();
        assert!(all.len() > 50 && all.values().all(|resource| resource.starts_with("flow:")));
        let of_process = resources(steps, &["process:*".to_owned()]).unwrap();
        assert_eq!(of_process.values().collect::<Vec<_>>(), ["flow:process:run"]);
        assert!(resources(steps, &["none:none".to_owned()]).is_err());
    }
}
