//! `flow run`.

mod again;
pub(super) mod consent;
pub(super) mod deployed;
mod existing;
mod faults;
pub(super) mod plan;
mod planned;
mod rehearsal_teardown;

use std::{sync::Arc, time::Duration};

use api::flow::{LATEST, StartExecution, StartExecutionRequest};
use clap::Args;
use engine::{
    machine::{ExecutionStatus, Reentry},
    step::{ErrorClass, StepError},
};
use steps::LocalSettings;

use super::{
    not_allowed,
    watch::{NO_WAIT_DEFAULT, Watch, Watched, show_end, show_how_to_continue, show_output, watch},
};
use crate::{
    clock,
    environments::{self, Account, Environments, Location, Pinned},
    execution::reentry,
    exit::{CliError, Exit, REACH_STS, then_repeat},
    global::{Global, Output, REHEARSAL, Source, WHERE, WatchOptions, duration},
    home::Home,
    ids::{self, REHEARSAL_PREFIX},
    interrupt,
    owner::Handle,
    planning,
    proposed::{OPTIONS, quote_id},
    shell,
    target::Target,
    this_process,
    ui::changes,
    world,
};
use plan::{Caller, Plan};

/// Arguments of `flow run`.
#[derive(Debug, Clone, Args)]
#[command(after_help = rehearsal::FAULTS)]
pub struct RunArguments {
    /// A workflow's name (`flow workflows`), a definition file, or `-` for standard input. With --engine sfn also the name
    /// of a deployed state machine: a name without `/` and `.` means it, also where a file has the same name. `NAME:ALIAS`,
    /// `NAME:VERSION` and an ARN are names too.
    #[arg(default_value = "", hide_default_value = true, required_unless_present_any = ["again", "plan_file"])]
    pub workflow: String,
    /// Use the input of an earlier execution: its id, a unique prefix, its ARN, or @latest. Without a workflow, also
    /// use its definition.
    #[arg(long, value_name = "ID")]
    pub again: Option<String>,
    /// With --again: start at this state, which the earlier execution has entered, with the input that it had then; its
    /// name or path. Not with --engine sfn.
    #[arg(long, value_name = "STATE", requires = "again", conflicts_with = "rehearse", value_parser = shell::state_name)]
    pub from: Option<String>,
    /// The input: a file (JSON, YAML or TOML), `-` for standard input, or JSON.
    #[arg(long, value_name = "FILE|-|JSON")]
    pub input: Option<String>,
    /// Set one field of the input, such as `database.version=15`.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Replace a placeholder `${NAME}` in the definition's text; or a file of names with values.
    #[arg(long, value_name = "NAME=VALUE|FILE")]
    pub substitute: Vec<String>,
    /// The execution's id. If an execution with this id, definition and input exists, attach to it.
    #[arg(long, value_name = "NAME")]
    pub id: Option<String>,
    /// Do not ask before the run.
    #[arg(long, short)]
    pub yes: bool,
    /// Show what would be done and stop: resources, waits, costs and permissions. Only reads are made.
    #[arg(long)]
    pub plan: bool,
    /// With --plan: exit code 10 if there are changes or no step can plan, as with --engine sfn; 0 if there are none.
    #[arg(long, requires = "plan")]
    pub detailed_exitcode: bool,
    /// Apply the plan that `--plan -o json` wrote to this file, or `-` for standard input; refuse (3) if anything has changed since.
    /// Not with --engine sfn.
    #[arg(long, value_name = "FILE|-", conflicts_with_all = ["plan", "again", "input", "set", "substitute"])]
    pub plan_file: Option<String>,
    /// Stop with exit code 75 if nothing can proceed within this time, 10 s without a value; `flow resume` continues. With
    /// --engine sfn also if the history has had nothing new for this time, such as while a step waits inside its worker.
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = NO_WAIT_DEFAULT,
          value_parser = duration)]
    pub no_wait: Option<Duration>,
    /// Run against a simulated AWS on this machine: no account, no input, no cost.
    #[arg(long, help_heading = REHEARSAL)]
    pub rehearse: bool,
    /// How many times faster than real time a rehearsal runs.
    #[arg(long, default_value_t = world::SPEED_DEFAULT, requires = "rehearse", value_name = "FACTOR", help_heading = REHEARSAL)]
    pub speed: f64,
    /// Inject a fault into a rehearsal, such as 'ec2:CreateVpc=lost' or 'kill@Create the database'; see below.
    #[arg(long = "fault", requires = "rehearse", value_name = "FAULT", value_parser = faults::parse, help_heading = REHEARSAL)]
    pub faults: Vec<rehearsal::InjectedFault>,
    /// After a rehearsal, delete what it created. Without it, a run on a terminal asks, and without an answer within 60 s
    /// what it created stays.
    #[arg(long, requires = "rehearse", help_heading = REHEARSAL)]
    pub teardown: bool,
    /// With --engine sfn: the state machine's name or ARN, also with a version or an alias.
    #[arg(long, help_heading = WHERE)]
    pub name: Option<String>,
    /// The engine.
    #[command(flatten)]
    pub target: Target,
    /// The display, and what is recorded beside it.
    #[command(flatten)]
    pub watch_options: WatchOptions,
}

/// Checks the workflow, shows it, asks for consent, starts it and watches it.
pub async fn run(global: &Global, arguments: RunArguments) -> Result<Exit, CliError> {
    let faults = arguments.faults.clone();
    // Boxed: the teardown of a rehearsal runs this function again, and the compiler limits the depth of futures.
    let ended = Box::pin(run_workflow(global, arguments)).await;
    // A usage error precedes the order of faults.
    let is_ordered = !faults.is_empty() && ended.as_ref().err().is_none_or(|error| error.exit != Exit::Usage);
    if is_ordered {
        faults::end(global, &Home::rehearsals(global)?, &faults).await;
    }
    ended
}

/// Refuses an id that is invalid, that other commands would read as an option or as [`LATEST`], or that a rehearsal may not have.
fn check_id(arguments: &RunArguments) -> Result<(), CliError> {
    let Some(id) = &arguments.id else { return Ok(()) };
    if id.starts_with(['-', '@']) {
        let message = format!("'{id}' cannot be the id: it begins with a character of options or of {LATEST}");
        return Err(CliError::refused(message).hint("begin it with a letter or a digit"));
    }
    if let Some(problem) = api::id_problem(id) {
        return Err(CliError::refused(problem).hint(format!(
            "an id has at most {} characters: letters, digits, and signs such as - _ and .",
            api::NAME_CHARACTERS_MAX
        )));
    }
    match arguments.rehearse && !id.starts_with(REHEARSAL_PREFIX) {
        true => Err(CliError::refused(format!("the id of a rehearsal begins with {REHEARSAL_PREFIX}"))),
        false => Ok(()),
    }
}

async fn run_workflow(global: &Global, mut arguments: RunArguments) -> Result<Exit, CliError> {
    check_id(&arguments)?;
    if arguments.rehearse {
        refuse_location(global)?;
    }
    let saved = planned::read_file(&mut arguments)?;
    let again::Again { earlier, from } = again::read(global, &mut arguments).await?;
    let at_step_functions = arguments.target.handle(global).await?;
    let plan = read_plan(&arguments, earlier, at_step_functions.as_ref()).await?;
    check_faults(&arguments, &plan)?;
    if let Some(handle) = at_step_functions {
        return deployed::run(global, &handle, &arguments, &plan).await;
    }
    let home = if arguments.rehearse { Home::rehearsals(global)? } else { Home::real(global)? };
    if !arguments.rehearse && !arguments.plan {
        consent::can_be_had(&arguments)?;
    }
    let environments = Environments::new(home);
    if arguments.rehearse && arguments.plan && !planning::is_possible(&plan.definition) {
        plan.show(global, None, None);
        return Ok(planning::exit_without_plan(arguments.detailed_exitcode));
    }
    let (pinned, caller) = environment(global, &environments, &arguments, &plan).await?;
    let made = planned::make(&environments, &arguments, &plan, &pinned, caller.as_ref()).await?;
    if arguments.plan || !arguments.rehearse {
        plan.show(global, caller.as_ref(), made.as_ref());
    }
    if let Some(from) = &from {
        reentry::show(global, from);
    }
    if arguments.plan {
        let detailed = arguments.detailed_exitcode;
        return Ok(made.map_or_else(|| planning::exit_without_plan(detailed), |made| made.plan.exit(detailed)));
    }
    planned::refuse(made.as_ref(), saved.as_ref())?;
    if !arguments.rehearse {
        consent::ask(&plan, &arguments).await?;
    }
    let path = from.map_or_else(Vec::new, |from| from.path);
    let teardown = rehearsal_teardown::of(&arguments, &plan.input);
    let exit = execute(global, environments, &arguments, teardown.as_ref(), plan, path, pinned).await?;
    rehearsal_teardown::tear_down(global, &arguments, teardown, exit).await
}

/// Definition and input: those of an earlier execution, of a state machine at Step Functions, of a file, or of a workflow of flow.
async fn read_plan(
    arguments: &RunArguments,
    earlier: Option<again::Earlier>,
    at_step_functions: Option<&Handle>,
) -> Result<Plan, CliError> {
    let earlier = match at_step_functions {
        Some(handle) if earlier.is_none() => deployed::named(handle, arguments).await?,
        None if arguments.name.is_some() => {
            return Err(CliError::refused("--name is for another engine").hint("add --engine sfn"));
        }
        _ => earlier,
    };
    match earlier {
        Some(earlier) => Plan::again(earlier, arguments),
        None => Plan::make(arguments),
    }
}

/// The environment that the execution pins, and its identity; `None` if the execution does not call AWS or is rehearsed.
async fn environment(
    global: &Global,
    environments: &Arc<Environments>,
    arguments: &RunArguments,
    plan: &Plan,
) -> Result<(Pinned, Option<Caller>), CliError> {
    let (location, caller) = match arguments.rehearse {
        true => (rehearsed(global, environments, arguments, plan).await?, None),
        false => where_it_acts(global, environments, plan).await?,
    };
    let account = caller.as_ref().map(|caller| caller.account.clone());
    let settings = environments.settings().clone();
    check_settings(global, plan, &settings)?;
    let definition_file = plan.definition_file.clone().filter(|file| file.to_str().is_some());
    Ok((Pinned { location, account, settings, has_own_settings: true, definition_file }, caller))
}

/// Refuses the options that choose an account or a region in a rehearsal, which has its own. Environment variables are ignored.
fn refuse_location(global: &Global) -> Result<(), CliError> {
    let given = [("--region", global.sources.region), ("--profile", global.sources.profile)];
    match given.into_iter().find(|(_, source)| *source == Source::Option) {
        Some((option, _)) => {
            Err(CliError::refused(format!("{option} has no effect with --rehearse; nothing was changed"))
                .hint("a rehearsal has its own account and region; leave the option out"))
        }
        None => Ok(()),
    }
}

/// The refusal of a run because of a file of the operator, such as that of FLOW_CONNECTIONS.
fn configuration(error: StepError) -> CliError {
    let refused = CliError::refused(format!("{}; nothing was changed", error.cause.trim_end_matches('.')));
    match error.hint {
        Some(hint) => refused.hint(hint),
        None => refused,
    }
}

/// Checks this machine's settings for the definition. Only warns of a program that they do not allow, because the state that runs it may
/// not be entered, or a resume may allow it.
///
/// # Errors
/// A file of the settings cannot be used.
fn check_settings(global: &Global, plan: &Plan, settings: &LocalSettings) -> Result<(), CliError> {
    settings.check(plan.definition.resources().iter().map(String::as_str)).map_err(configuration)?;
    not_allowed::warn(global, plan.definition.value(), settings);
    Ok(())
}

/// Refuses faults that cannot occur in this run and the teardown that follows it.
fn check_faults(arguments: &RunArguments, plan: &Plan) -> Result<(), CliError> {
    if arguments.faults.is_empty() {
        return Ok(());
    }
    let steps = environments::described().map_err(|error| CliError::refused(error.to_string()))?;
    let teardown = rehearsal_teardown::workflow_of(arguments).and_then(|workflow| workflow.definition().ok());
    let definitions: Vec<_> = [Some(plan.definition.value()), teardown.as_ref()].into_iter().flatten().collect();
    faults::check(&arguments.faults, &definitions, steps)
}

/// The environment in which the workflow will act, and the caller's identity if it calls AWS.
async fn where_it_acts(
    global: &Global,
    environments: &Arc<Environments>,
    plan: &Plan,
) -> Result<(Location, Option<Caller>), CliError> {
    let region = plan.input["region"].as_str().map(str::to_owned).or_else(|| global.region.clone());
    let location = Location::Aws { profile: global.profile.clone(), region };
    if !plan.needs_account() {
        return Ok((location, None));
    }
    let (location, identity) = environments.pin(location).await.map_err(|error| no_account(&error))?;
    let account = Account::of(&identity);
    plan.refuse_other_accounts(&account)?;
    let caller = Caller { account, arn: identity.arn, region: identity.region, profile: global.profile.clone() };
    Ok((location, Some(caller)))
}

/// The refusal of a run whose account is not known. There is no execution yet that could be resumed.
fn no_account(error: &StepError) -> CliError {
    let is_unreachable = matches!(error.class, ErrorClass::Unknown | ErrorClass::Throttled);
    let repair = match &error.hint {
        Some(repair) => repair.as_str(),
        None if is_unreachable => REACH_STS,
        None => "name a profile with --profile, or run `aws sso login`",
    };
    let what = if is_unreachable { "the AWS account could not be asked for" } else { "no usable AWS credentials" };
    CliError::refused(format!("{what}; nothing was changed: {error}")).hint(then_repeat(repair))
}

/// The world of a rehearsal. Starts it if it does not run.
///
/// # Errors
/// It cannot be started, or the input does not allow its account.
async fn rehearsed(
    global: &Global,
    environments: &Environments,
    arguments: &RunArguments,
    plan: &Plan,
) -> Result<Location, CliError> {
    let say = |line: &str| {
        if global.output == Output::Human && !global.quiet {
            report!("{line}");
        }
    };
    let world = world::ensure(environments.home(), arguments.speed, &say).await?;
    say(&format!(
        "Rehearsal: an AWS API, DNS, SSH and HTTPS on this machine only. Time runs {} times faster; all times shown are of \
         the rehearsal's own clock.",
        world.speed
    ));
    if (world.speed - arguments.speed).abs() > f64::EPSILON {
        let (speed, wanted) = (world.speed, arguments.speed);
        say(&format!(
            "The simulated AWS is running already, with --speed {speed}; --speed {wanted} has no effect until it has ended."
        ));
    }
    let location = Location::Rehearsal { world: world.id.clone() };
    if plan.restricts_accounts() {
        let identity = environments.identity(&location).await;
        let identity = identity.map_err(|error| CliError::refused(error.to_string()))?;
        plan.refuse_other_accounts(&Account::of(&identity))?;
    }
    faults::order(&world, &arguments.faults).await?;
    Ok(location)
}

async fn execute(
    global: &Global,
    environments: Arc<Environments>,
    arguments: &RunArguments,
    teardown: Option<&RunArguments>,
    plan: Plan,
    from: Vec<Reentry>,
    pinned: Pinned,
) -> Result<Exit, CliError> {
    let rehearsal = environments.home().rehearsal;
    let prefix = if rehearsal { REHEARSAL_PREFIX } else { "" };
    let id = arguments.id.clone().unwrap_or_else(|| ids::new_id(prefix, &plan.name));
    let environment = serde_json::to_value(&pinned).map_err(|error| CliError::refused(error.to_string()))?;
    let acts_in = match pinned.account.is_some() {
        true => vec![existing::acts_in(environments.home(), arguments.id.as_deref(), &environment).await?],
        false => Vec::new(),
    };
    let _orderly = interrupt::Orderly::begin();
    let handle = Handle::drive_unless_stopped(environments, acts_in).await.map_err(not_started)?;
    let start = StartExecutionRequest {
        id: id.clone(),
        workflow: plan.name,
        subject: plan.subject,
        environment,
        definition: plan.definition,
        input: plan.input,
        from,
    };
    let started = start_and_watch(global, &handle, start, pinned.account.is_some(), arguments);
    let watched = tokio::select! {
        watched = started => watched,
        never = faults::kill_at(global, &handle, &id, &arguments.faults) => match never {},
    };
    let now_ms = clock::of(handle.home()).now_ms();
    let closed = handle.close().await;
    let watched = watched?;
    if global.output == Output::Human {
        show_made(global, rehearsal, now_ms, teardown.filter(|_| !arguments.teardown), &watched);
    }
    closed.map(|()| watched.exit)
}

async fn start_and_watch(
    global: &Global,
    handle: &Handle,
    start: StartExecutionRequest,
    has_account: bool,
    arguments: &RunArguments,
) -> Result<Watched, CliError> {
    let id = start.id.clone();
    let existing = match &arguments.id {
        Some(id) => existing::find(handle, id).await?,
        None => None,
    };
    // The account that was shown must be the one that acts, whichever process owns the store. An execution that has ended is only read.
    if existing.is_some() {
        this_process::is_about(&id);
    }
    begin(handle, start, has_account && existing.is_none()).await?;
    this_process::is_about(&id);
    if let Some(existing) = &existing {
        existing::refuse_other_owner(handle, existing).await?;
    }
    let ended = existing.map(|header| header.status).filter(|status| *status != ExecutionStatus::Running);
    let mut display = existing::display(global, handle, &id, ended);
    let watched = watch(handle, &id, Watch { no_wait: arguments.no_wait, is_one_of_many: false }, &mut display).await?;
    if watched.exit != Exit::Success || ended.is_none() || global.output == Output::Json {
        show_end(global, handle, &watched, &mut display);
    }
    Ok(watched)
}

/// Begins the execution, at an owner that can act where it is pinned if `is_verified`. After a signal, the owner of the store has a short
/// time to confirm it.
async fn begin(handle: &Handle, start: StartExecutionRequest, is_verified: bool) -> Result<(), CliError> {
    interrupt::check()?;
    let id = quote_id(&start.id);
    let unconfirmed = |exit| {
        let message = "stopped; the owner of the store did not confirm that the execution is begun";
        CliError::new(exit, message).hint(format!("flow status {id}{OPTIONS}   shows whether it is"))
    };
    let environment = start.environment.clone();
    let started = async {
        match is_verified {
            true => handle.call_verified::<StartExecution>(start, &environment).await.map_err(not_started),
            false => handle.call::<StartExecution>(start).await,
        }
    };
    interrupt::confirmed(started, unconfirmed).await.map(drop)
}

/// The error of a start that was refused because of credentials. Nothing was started, so its hint proposes no resume.
fn not_started(error: CliError) -> CliError {
    let is_wait = error.fault.is_some() && error.exit == Exit::Waiting;
    CliError { exit: if is_wait { Exit::Refused } else { error.exit }, ..error }
}

fn show_made(global: &Global, rehearsal: bool, now_ms: u64, teardown: Option<&RunArguments>, watched: &Watched) {
    let view = &watched.view;
    if watched.exit == Exit::Waiting && !global.quiet {
        return show_how_to_continue(watched, now_ms);
    }
    if watched.exit != Exit::Success || (global.quiet && view.changed_nothing()) {
        return;
    }
    let table = changes::table(view, global.quiet);
    if rehearsal && !table.is_empty() {
        say!();
        table.iter().for_each(|row| say!("{row}"));
    }
    show_output(view);
    if let Some(teardown) = teardown {
        say!("\nTear it down with   {}", rehearsal_teardown::command(teardown));
    }
}
