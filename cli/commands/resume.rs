//! `flow resume`.

mod all;
mod changed;
mod credentials;
mod from;
mod given;
mod programs;
mod reminders;

use std::time::Duration;

use api::flow::{ResumeExecution, ResumeRequest};
use clap::Args;
use engine::{
    machine::{ExecutionHeader, ExecutionStatus, Reentry},
    runner::RunnerError,
};

use self::given::GivenEnvironment;
use super::{
    run::deployed::say_how_to_watch,
    watch::{NO_WAIT_DEFAULT, Watch, show_end, show_how_to_continue, show_output, watch},
};
use crate::{
    clock,
    environments::{Environments, Location, Pinned},
    execution::locate::{Located, if_pruned, locate_at},
    exit::{CliError, Exit},
    global::{Global, Output, Source, WatchOptions, duration},
    home::Home,
    interrupt,
    owner::Handle,
    proposed::{OPTIONS, quote_id, run_options},
    shell::{self, option},
    target::{Engine, Target},
    this_process,
    ui::{after_fail, display::Display, json},
    world,
};

/// Arguments of `flow resume`.
#[derive(Debug, Args)]
pub struct ResumeArguments {
    /// The execution: its id, a unique prefix, its ARN, or @latest.
    id: Option<String>,
    /// Continue every execution that has not ended (except rehearsals), side by side, with one line for each; for cron. Not with
    /// --engine sfn.
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// Continue at this state, which the execution has entered before, with the input that it had then; its name or
    /// path. Not with --engine sfn.
    #[arg(long, value_name = "STATE", conflicts_with = "all", value_parser = shell::state_name)]
    from: Option<String>,
    /// Do not ask before --from calls steps again.
    #[arg(long, short)]
    yes: bool,
    /// Stop with exit code 75 if nothing can proceed within this time, 10 s without a value; with --engine sfn also if the
    /// history has had nothing new for this time, such as while a step waits inside its worker.
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = NO_WAIT_DEFAULT,
          value_parser = duration)]
    no_wait: Option<Duration>,
    /// The engine.
    #[command(flatten)]
    target: Target,
    /// The display, and what is recorded beside it.
    #[command(flatten)]
    pub watch_options: WatchOptions,
}

/// Continues one execution, or all that have not ended.
pub async fn run(global: &Global, arguments: ResumeArguments) -> Result<Exit, CliError> {
    let watching = Watch { no_wait: arguments.no_wait, is_one_of_many: arguments.all };
    let Some(wanted) = &arguments.id else {
        if !arguments.all {
            let message =
                "which execution? Give its id, a unique prefix or @latest; flow resume --all continues every one";
            return Err(CliError::new(Exit::Usage, message).hint("flow status lists all"));
        }
        if arguments.target.engine != Engine::Local {
            return Err(CliError::refused(
                "--all is for this machine's engine: Step Functions drives its executions itself",
            ));
        }
        return all::run(global, watching).await;
    };
    this_process::is_about_state(arguments.from.as_deref());
    let located = locate_at(global, &arguments.target, wanted).await?;
    if let Some(executions) = located.handle.at_step_functions().await {
        if arguments.from.is_some() {
            return Err(CliError::refused(
                "--from is for this machine's engine: Step Functions redrives where it failed",
            ));
        }
        let exit = redrive(global, &located, watching).await?;
        say_how_to_watch(global, &executions, &located.header.id, exit);
        return Ok(exit);
    }
    let home = located.handle.home().clone();
    let described = located.handle.describe(&located.header.id, true).await;
    let described = described.map_err(|error| if_pruned(wanted, error))?;
    let changed = changed::note(&described).filter(|_| described.execution.status != ExecutionStatus::Succeeded);
    let header = described.execution.clone();
    let planned = match &arguments.from {
        Some(state) => Some(from::plan(&located.handle, &header, state).await?),
        None => {
            refuse_after_fail(&located.handle, &header).await?;
            None
        }
    };
    let path = planned.as_ref().map_or(&[][..], |planned| planned.path.as_slice());
    programs::refuse(&located.handle, &described, arguments.from.as_deref(), path).await?;
    drop(located.handle);
    if let Some(changed) = changed.filter(|_| global.output == Output::Human && !global.quiet) {
        say!("{changed}");
    }
    if let Some(planned) = &planned {
        from::agree(global, &header, planned, arguments.yes).await?;
    }
    one(global, home, &header, planned.map_or_else(Vec::new, |planned| planned.path), watching).await
}

/// Refuses an execution that a Fail state of its definition ended: Step Functions' redrive would run that state again and fail at once.
async fn refuse_after_fail(handle: &Handle, header: &ExecutionHeader) -> Result<(), CliError> {
    if header.status != ExecutionStatus::Failed {
        return Ok(());
    }
    let described = handle.describe(&header.id, false).await?;
    match after_fail::refusal(&described.view) {
        Some((message, hint)) => Err(CliError::refused(message).hint(hint)),
        None => Ok(()),
    }
}

async fn one(
    global: &Global,
    home: Home,
    header: &ExecutionHeader,
    from: Vec<Reentry>,
    watching: Watch,
) -> Result<Exit, CliError> {
    if header.status == ExecutionStatus::Succeeded {
        return Ok(nothing_to_resume(global, &header.id));
    }
    if home.rehearsal {
        rehearsal_lives(&home, header).await?;
    }
    let pinned = pinned(header);
    if let Some(pinned) = &pinned {
        refuse_other_location(global, header, pinned)?;
    }
    let _orderly = interrupt::Orderly::begin();
    let environments = Environments::new(home);
    let given = GivenEnvironment::of(global, environments.settings(), header, pinned.as_ref());
    let handle = Handle::drive_unless_stopped(environments, given.acts_in.clone().into_iter().collect()).await?;
    let watched = resume_and_watch(global, &handle, header, given, from, watching).await;
    let closed = handle.close().await;
    let exit = watched.map_err(|error| if_pruned(&header.id, error))?;
    closed.map(|()| exit)
}

/// Redrives an execution at Step Functions and watches it. Its environment is that of Step Functions.
async fn redrive(global: &Global, located: &Located, watching: Watch) -> Result<Exit, CliError> {
    let Located { header, handle } = located;
    if header.status == ExecutionStatus::Succeeded {
        return Ok(nothing_to_resume(global, &header.id));
    }
    // A signal ends the watch. The execution is redriven and continues.
    let _orderly = interrupt::Orderly::begin();
    resume_and_watch(global, handle, header, GivenEnvironment::default(), Vec::new(), watching).await
}

async fn resume_and_watch(
    global: &Global,
    handle: &Handle,
    header: &ExecutionHeader,
    given: GivenEnvironment,
    from: Vec<Reentry>,
    options: Watch,
) -> Result<Exit, CliError> {
    let watching = format!("flow resume {}{OPTIONS}", quote_id(&header.id));
    let given = given.chosen(handle, Some(&*watching).filter(|_| from.is_empty())).await?;
    resume(handle, header, given, from).await?;
    let mut display = Display::new(global, clock::of(handle.home()));
    let watched = watch(handle, &header.id, options, &mut display).await?;
    show_end(global, handle, &watched, &mut display);
    // Step Functions continues an execution by itself: the caller says so.
    let continues_itself = handle.at_step_functions().await.is_some();
    if global.output == Output::Human && !global.quiet {
        match watched.exit {
            Exit::Waiting if continues_itself => {}
            Exit::Waiting => show_how_to_continue(&watched, clock::of(handle.home()).now_ms()),
            _ => show_output(&watched.view),
        }
    }
    Ok(watched.exit)
}

/// Resumes an execution in an environment, after verifying that this caller may act in it. If the execution has ended since its header was
/// read, also after a resume of another process, returns that end and changes nothing.
async fn resume(
    handle: &Handle,
    header: &ExecutionHeader,
    given: GivenEnvironment,
    from: Vec<Reentry>,
) -> Result<Option<ExecutionStatus>, CliError> {
    let GivenEnvironment { changed: environment, acts_in: verified, .. } = given;
    let only_unfinished = header.status == ExecutionStatus::Running && from.is_empty();
    let redrive_count = Some(header.redrive_count);
    let request = ResumeRequest { id: header.id.clone(), environment, from, only_unfinished, redrive_count };
    interrupt::check()?;
    let resumed = async {
        match &verified {
            Some(environment) => handle.call_verified::<ResumeExecution>(request, environment).await,
            None => handle.call::<ResumeExecution>(request).await,
        }
    };
    let unconfirmed = |exit| {
        let message = format!("stopped; no answer has confirmed that {} is resumed", header.id);
        let hint = format!("flow status {}{OPTIONS}   shows whether it is", quote_id(&header.id));
        CliError::new(exit, message).hint(hint)
    };
    interrupt::confirmed(resumed, unconfirmed).await.map(|resumed| resumed.ended_before)
}

fn pinned(header: &ExecutionHeader) -> Option<Pinned> {
    serde_json::from_value::<Pinned>((*header.environment).clone()).ok()
}

/// Refuses a region other than the pinned one: the execution would still act in the pinned region.
fn refuse_other_location(global: &Global, header: &ExecutionHeader, pinned: &Pinned) -> Result<(), CliError> {
    if pinned.account.is_none() {
        return Ok(());
    }
    let of_input = header.input["region"].is_string();
    if let (Some(given), Some(pinned)) = (global.region.as_deref().filter(|_| !of_input), pinned.location.region())
        && given != pinned
    {
        let message = format!("{} is pinned to region {pinned}, not {given}: nothing was changed", header.id);
        let hint = format!("flow resume {}{}{OPTIONS}", quote_id(&header.id), option("region", pinned));
        return Err(CliError::refused(message).hint(hint));
    }
    Ok(())
}

/// Refuses, among several executions, one that is pinned to another region than the command line gives. Only `--region` counts:
/// `AWS_REGION` is the same for executions of several regions. A given profile provides the credentials of the pinned account, whatever
/// its name is.
fn refuse_given_region(global: &Global, pinned: &Pinned) -> Result<(), CliError> {
    let given = global.region.as_deref().filter(|_| global.sources.region == Source::Option);
    match (given, pinned.location.region()) {
        (Some(given), Some(region)) if given != region && pinned.account.is_some() => {
            Err(CliError::refused(format!("pinned to region {region}, not {given}: nothing was changed")))
        }
        _ => Ok(()),
    }
}

async fn rehearsal_lives(home: &Home, header: &ExecutionHeader) -> Result<(), CliError> {
    let living = world::living(home).await.map(|world| world.id);
    match pinned(header).map(|pinned| pinned.location) {
        Some(Location::Rehearsal { world }) if living.as_ref() != Some(&world) => {
            let again = format!("flow run --again {}{}", quote_id(&header.id), run_options(&header.id));
            Err(CliError::not_found(world::ENDED).hint(format!("{again}   runs it in a new one")))
        }
        _ => Ok(()),
    }
}

/// Reports an execution that has succeeded.
fn nothing_to_resume(global: &Global, id: &str) -> Exit {
    let message = RunnerError::Succeeded { id: id.to_owned() }.to_string();
    match global.output {
        _ if global.quiet => {}
        Output::Json => json::print(all::line(id, "SUCCEEDED", &message)),
        Output::Human => say!("{message}"),
    }
    Exit::Success
}
