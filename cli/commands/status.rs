//! `flow status`.

mod left_out;
mod rows;
mod state;
mod watching;

use api::{
    flow::{
        DescribeExecutionResponse, ListExecutions, ListPersonTasks, ListPersonTasksRequest, ListRequest, Needs, NextDue,
    },
    view::{Typical, View},
};
use clap::Args;
use engine::{
    machine::{ExecutionHeader, ExecutionStatus, FrameRow},
    store::LockOwner,
};
use serde_json::json;
use steps::LocalSettings;

use self::{left_out::Incomplete, state::Visits};
use super::{approvals, watch::typical};
use crate::{
    checks::{lacking_when_resumed, worker_variables},
    clock,
    environments::Pinned,
    execution::locate::{Located, locate_at},
    exit::{CliError, Exit},
    global::{Global, Output, WatchOptions},
    home::Home,
    owner::Handle,
    proposed::{OPTIONS, remember_worker_variables},
    shell::state_name,
    target::{Engine, Target},
    this_process,
    ui::{
        display_status::display_status,
        json,
        screen::Screen,
        status::{Detail, Listed, list},
        summary, text,
    },
};

/// The most executions that are listed of each store.
const LISTED_MAX: usize = 100;
/// The most tasks that wait for a person that are shown in front of the list.
const NEEDS_SHOWN_MAX: usize = 10;

/// Arguments of `flow status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// The execution: its id, a unique prefix, its ARN, or @latest; without one, all are listed.
    id: Option<String>,
    /// Show the states with this name or path: what each does now, or its last visit; with input and output.
    #[arg(long, value_name = "NAME", requires = "id", value_parser = state_name)]
    state: Option<String>,
    /// List all executions, not only the latest 100; with `-o json` all are listed anyway.
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// Watch the execution until it ends, also while it waits; the exit code is that of its end.
    #[arg(long, requires = "id")]
    watch: bool,
    /// The engine.
    #[command(flatten)]
    target: Target,
    /// The display, and what is recorded beside it.
    #[command(flatten)]
    pub watch_options: WatchOptions,
}

impl StatusArguments {
    /// Whether it watches an execution.
    pub fn watches(&self) -> bool {
        self.watch
    }
}

/// Shows the status of executions. Never drives one.
pub async fn run(global: &Global, arguments: StatusArguments) -> Result<Exit, CliError> {
    let Some(wanted) = &arguments.id else { return list_all(global, &arguments).await };
    this_process::is_about_state(arguments.state.as_deref());
    let Located { header: ExecutionHeader { id, .. }, handle } = locate_at(global, &arguments.target, wanted).await?;
    let state = arguments.state.as_deref();
    match arguments.watch {
        true => watching::watch(global, handle, &id, state).await,
        false => show(global, handle, &id, state).await,
    }
}

/// Shows one execution, or its states with a name or path.
async fn show(global: &Global, handle: Handle, id: &str, state: Option<&str>) -> Result<Exit, CliError> {
    let status = handle.describe(id, false).await?;
    remember_worker_variables(|| worker_variables(&status.definition));
    let now_ms = clock::of(handle.home()).now_ms();
    let lines = match state {
        Some(name) => {
            let mut visits = Visits::default();
            visits.update(&handle, id, name).await?;
            state::lines(global, &status, name, &visits, now_ms)?
        }
        None => {
            let runs = status.execution.status == ExecutionStatus::Running;
            let typical = if runs { typical(&handle, id).await } else { Typical::default() };
            let owner = Owner {
                described: handle.owner_elsewhere().await,
                lock_owner: handle.lock_owner_elsewhere().await,
                commands: commands_beside_owner(&handle, &status, now_ms).await,
            };
            lines(global, &status, &typical, &owner, now_ms)
        }
    };
    lines.iter().for_each(|line| say_raw!("{line}"));
    handle.leave();
    Ok(Exit::Success)
}

/// The owner of the store, if it is another process.
struct Owner {
    /// For people.
    described: Option<String>,
    /// For programs.
    lock_owner: Option<LockOwner>,
    /// The commands that continue the execution if this owner has no credentials of its account.
    commands: Vec<String>,
}

/// The commands that continue an INTERRUPTED execution if the owner of the store has no credentials of its account; else none.
async fn commands_beside_owner(handle: &Handle, status: &DescribeExecutionResponse, now_ms: u64) -> Vec<String> {
    let DescribeExecutionResponse { execution, frames, driven, .. } = status;
    match display_status(execution, *driven, needs_of(execution, frames).as_ref(), now_ms) {
        "INTERRUPTED" => handle.commands_beside_owner(&execution.id, &execution.environment).await,
        _ => Vec::new(),
    }
}

/// The lines of one execution.
fn lines(
    global: &Global,
    status: &DescribeExecutionResponse,
    typical: &Typical,
    owner: &Owner,
    now_ms: u64,
) -> Vec<String> {
    let DescribeExecutionResponse { execution, frames, view, driven, .. } = status;
    let needs = needs_of(execution, frames);
    let display_status = display_status(execution, *driven, needs.as_ref(), now_ms);
    let due = NextDue::of(frames, execution.deadline_ms).filter(|_| !execution.is_quiescent());
    if global.output == Output::Json {
        let message = summary::display_line(view, display_status, now_ms);
        let line = json!({
            "type": "status", "execution": view.id, "message": message, "displayStatus": display_status, "header": execution,
            "frames": frames, "view": view,
            "needs": summary::needs(view, *driven, now_ms), "keptAnswers": execution.early_signals,
            "timeLeft": view.time_left(typical, now_ms), "nextDueMs": due.map(|due| due.due_ms), "owner": owner.lock_owner,
        });
        return vec![json::text(&json::complete(line))];
    }
    let environment_line = environment_line(view, display_status, owner.described.as_deref());
    let resume_variables = resume_variables(status);
    let detail = Detail {
        header: execution,
        view,
        needs: needs.as_ref(),
        due,
        display_status,
        typical,
        environment_line: &environment_line,
        resume_variables: &resume_variables,
        beside_owner: &owner.commands,
        now_ms,
    };
    detail.lines(&Screen::of_stdout(global.color()))
}

/// The heading of rehearsals, whose clock may be far from this machine's.
const REHEARSALS: &str = "Rehearsals; their times are of the rehearsal's clock, which runs faster:";

async fn list_all(global: &Global, arguments: &StatusArguments) -> Result<Exit, CliError> {
    let is_local = arguments.target.engine == Engine::Local;
    let is_json = global.output == Output::Json;
    // A program that reads the lines needs all of them.
    let all = arguments.all || is_json;
    let request =
        ListRequest { limit: Some(LISTED_MAX + 1).filter(|_| !all), with_needs: true, ..ListRequest::default() };
    let handles = match arguments.target.handle(global).await? {
        Some(handle) => vec![handle],
        None => {
            let (real, rehearsals) = (Home::real(global)?, Home::rehearsals(global)?);
            let (real, rehearsals) = tokio::try_join!(Handle::read(&real), Handle::read(&rehearsals))?;
            vec![real, rehearsals]
        }
    };
    let (mut any, mut left_out) = (false, None);
    // At Step Functions it takes one history for each execution: flow approvals reads them.
    for handle in handles.iter().filter(|_| is_local) {
        show_needs(global, handle).await?;
    }
    for handle in handles {
        if is_json && is_local {
            rows::print_all(&handle).await?;
        } else {
            let found =
                list_latest(global, &handle, request.clone(), if all { usize::MAX } else { LISTED_MAX }).await?;
            any |= found.any;
            left_out = left_out.or(found.left_out);
        }
        handle.leave();
    }
    if let Some(left_out) = left_out {
        left_out.show(global.output);
    }
    if !any && !is_json {
        match arguments.target.engine {
            Engine::Local => say!("No execution yet. Try   flow run endpoints-aws --rehearse{OPTIONS}"),
            Engine::Sfn if left_out.is_none() => say!("No execution yet."),
            Engine::Sfn => {}
        }
    }
    Ok(Exit::Success)
}

/// A list of executions of a home or an engine.
struct FoundExecutions {
    /// Whether it has any execution.
    any: bool,
    left_out: Option<Incomplete>,
}

/// Lists the latest executions of a home or an engine, at most `limit`.
async fn list_latest(
    global: &Global,
    handle: &Handle,
    request: ListRequest,
    limit: usize,
) -> Result<FoundExecutions, CliError> {
    let response = handle.call::<ListExecutions>(request).await?;
    let (found, left_out) = (response.executions.len(), response.left_out);
    let now_ms = clock::of(handle.home()).now_ms();
    let listed: Vec<Listed> = Listed::rows(response).take(limit).collect();
    match global.output {
        Output::Json => listed.iter().for_each(|listed| json::print(rows::row(listed, now_ms))),
        Output::Human => {
            let screen = Screen::of_stdout(global.color());
            if handle.home().rehearsal && !listed.is_empty() {
                say!("{}", screen.plain(REHEARSALS));
            }
            list(&listed, now_ms, &screen).iter().for_each(|line| say_raw!("{line}"));
        }
    }
    let is_limited = limit < usize::MAX;
    Ok(FoundExecutions { any: found > 0, left_out: Incomplete::of(found, listed.len(), left_out, is_limited) })
}

/// Shows what waits for a person, with the command to paste.
async fn show_needs(global: &Global, handle: &Handle) -> Result<(), CliError> {
    if global.output == Output::Json {
        return Ok(());
    }
    let response = handle.call::<ListPersonTasks>(ListPersonTasksRequest::default()).await?;
    let now_ms = clock::of(handle.home()).now_ms();
    for task in response.tasks.iter().take(NEEDS_SHOWN_MAX) {
        let needs = match task.timed_out_ms {
            Some(timed_out_ms) => format!("has a question that timed out {}", text::moment(timed_out_ms, now_ms)),
            None => "needs you".to_owned(),
        };
        let id = Screen::of_stdout(global.color()).leading_id(&task.execution);
        say!("{id} {needs}: {}", text::indented(&task.instructions.sentence, 2));
        approvals::advice(task).iter().for_each(|command| say!("  {command}"));
        if let (Some(due), None) = (task.deadline_ms, task.timed_out_ms) {
            say!("  Times out {}.", text::moment(due, now_ms));
        }
        say!();
    }
    if response.tasks.len() > NEEDS_SHOWN_MAX {
        say!("… and {} more: flow approvals{OPTIONS}\n", response.tasks.len() - NEEDS_SHOWN_MAX);
    }
    Ok(())
}

/// The answers that a running execution needs from outside.
fn needs_of(execution: &ExecutionHeader, frames: &[FrameRow]) -> Option<Needs> {
    let runs = !execution.is_quiescent();
    Needs::of(&execution.id, frames, execution.deadline_ms).filter(|_| runs)
}

/// The environment variables that allow those programs of an execution that this process does not allow, as they precede the command that
/// continues it.
fn resume_variables(status: &DescribeExecutionResponse) -> String {
    let lacking = lacking_when_resumed(status, &[], &LocalSettings::from_environment());
    lacking.map_or_else(String::new, |lacking| lacking.variables)
}

/// Account, region and profile, if an account is pinned, and the credentials that a resume needs. A resume that is refused for its
/// credentials leaves no record, so that the next owner with the right credentials continues the execution. A client that has them waits
/// for the end of an owner without them.
fn environment_line(view: &View, display_status: &str, owner: Option<&str>) -> String {
    let Ok(pinned) = serde_json::from_value::<Pinned>(view.environment.clone()) else { return String::new() };
    let described = pinned.described();
    match owner {
        _ if pinned.account.is_none() || display_status != "INTERRUPTED" => described,
        None => format!("{described}   (a resume needs credentials of this account)"),
        Some(owner) => format!(
            "{described}   (a resume needs credentials of this account; the owner of the store, {owner}, does not drive it)"
        ),
    }
}
