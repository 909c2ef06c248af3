//! `flow status`.

use api::{
    flow::{
        DescribeExecution, DescribeExecutionRequest, DescribeExecutionResponse, ListExecutions, ListPersonTasks,
        ListPersonTasksRequest, ListRequest, ListResponse,
    },
    view::View,
};
use clap::Args;
use engine::machine::{ExecutionHeader, ExecutionStatus};
use serde_json::json;

use super::approvals;
use crate::{
    arguments::{Global, Output},
    clock,
    environments::Pinned,
    exit::{CliError, Exit},
    home::Home,
    locate::{Located, locate_at},
    owner::Handle,
    target::Target,
    ui::{standing::standing, summary, text, tree::tree},
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
    /// Show one state: its input, attempts and activity.
    #[arg(long, value_name = "NAME", requires = "id")]
    state: Option<String>,
    /// List all executions, not only the latest.
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// Poll every second until it ends; the exit code is the execution's.
    #[arg(long, requires = "id")]
    watch: bool,
    /// The engine.
    #[command(flatten)]
    target: Target,
}

/// Shows the status of executions. Never drives one.
pub async fn run(global: &Global, arguments: StatusArguments) -> Result<Exit, CliError> {
    let Some(wanted) = &arguments.id else { return list(global, &arguments).await };
    let Located { header: ExecutionHeader { id, .. }, mut store } =
        locate_at(global, &arguments.target, wanted).await?;
    loop {
        let home = store.home().clone();
        let request = DescribeExecutionRequest { id: id.clone(), as_shown: false };
        let status = store.call::<DescribeExecution>(request).await?;
        match &arguments.state {
            Some(state) => show_state(global, &status, state)?,
            None => show(global, &home, &status),
        }
        if !arguments.watch {
            store.leave();
            return Ok(Exit::Success);
        }
        if status.execution.stopped_ms.is_some() {
            return Ok(if status.execution.status == ExecutionStatus::Succeeded {
                Exit::Success
            } else {
                Exit::Failed
            });
        }
        // Closes a store that no process drives during the pause, so that another process can open it.
        let pause = tokio::time::sleep(std::time::Duration::from_secs(1));
        if store.at_step_functions().await.is_some() {
            pause.await;
            continue;
        }
        drop(store);
        pause.await;
        store = Handle::read(&home).await?;
    }
}

async fn list(global: &Global, arguments: &StatusArguments) -> Result<Exit, CliError> {
    let all = arguments.all;
    let request = ListRequest { limit: Some(LISTED_MAX + 1).filter(|_| !all), unfinished: false };
    let handles = match arguments.target.handle(global).await? {
        Some(handle) => vec![handle],
        None => {
            let (real, rehearsals) = (Home::real(global)?, Home::rehearsals(global)?);
            let (real, rehearsals) = tokio::try_join!(Handle::read(&real), Handle::read(&rehearsals))?;
            vec![real, rehearsals]
        }
    };
    let (mut any, mut more) = (false, false);
    for handle in &handles {
        show_needs(global, handle).await?;
    }
    for handle in handles {
        let ListResponse { executions, driven } = handle.call::<ListExecutions>(request.clone()).await?;
        let limit = if all { usize::MAX } else { LISTED_MAX };
        more |= executions.len() > limit;
        let now_ms = clock::of(handle.home()).now_ms();
        for header in executions.iter().take(limit) {
            any = true;
            show_row(global, header, driven.contains(&header.id), now_ms);
        }
        handle.leave();
    }
    if more && global.output == Output::Human {
        say!("Earlier ones:   flow status --all");
    }
    if !any && global.output == Output::Human {
        say!("No execution yet. Try   flow run endpoints-aws --rehearse");
    }
    Ok(Exit::Success)
}

/// Shows what waits for a person, with the command to paste.
async fn show_needs(global: &Global, handle: &Handle) -> Result<(), CliError> {
    if global.output == Output::Json {
        return Ok(());
    }
    let response = handle.call::<ListPersonTasks>(ListPersonTasksRequest::default()).await?;
    let now_ms = clock::of(handle.home()).now_ms();
    for task in response.tasks.iter().take(NEEDS_SHOWN_MAX) {
        say!("{} needs you: {}", task.execution, task.instructions.sentence);
        approvals::commands(task).iter().for_each(|command| say!("  {command}"));
        if let Some(due) = task.deadline_ms {
            say!("  Gives up {}.", text::moment(due, now_ms));
        }
        say!();
    }
    if response.tasks.len() > NEEDS_SHOWN_MAX {
        say!("… and {} more: flow approvals\n", response.tasks.len() - NEEDS_SHOWN_MAX);
    }
    Ok(())
}

fn show_row(global: &Global, header: &ExecutionHeader, driven: bool, now_ms: u64) {
    let standing = standing(header, driven, now_ms);
    let took = header.stopped_ms.unwrap_or(now_ms).saturating_sub(header.started_ms);
    if global.output == Output::Json {
        let line = json!({
            "type": "execution", "execution": header.id, "workflow": header.workflow, "subject": header.subject,
            "status": header.status, "standing": standing, "started_ms": header.started_ms, "stopped_ms": header.stopped_ms,
        });
        return say!("{line}");
    }
    let next = match standing {
        "WAITING" => next_check(header, now_ms),
        "INTERRUPTED" | "PAUSED" => format!("flow resume {}", header.id),
        "FAILED" | "TIMED_OUT" => format!("flow status {}", header.id),
        _ => String::new(),
    };
    let line = format!("{:<34} {standing:<11} {:>8}   {next}", header.id, text::duration(took));
    say!("{}", line.trim_end());
}

fn show(global: &Global, home: &Home, status: &DescribeExecutionResponse) {
    let now_ms = clock::of(home).now_ms();
    let DescribeExecutionResponse { execution, frames, view, driven, .. } = status;
    let standing = standing(execution, *driven, now_ms);
    if global.output == Output::Json {
        let line = json!({
            "type": "status", "execution": view.id, "standing": standing, "header": execution, "frames": frames, "view": view,
            "needs": summary::needs(view, now_ms),
        });
        return say!("{line}");
    }
    tree(view, standing, now_ms).iter().for_each(|line| say!("{line}"));
    let place = place(view);
    if !place.is_empty() {
        say!("  {place}");
    }
    if view.stopped_ms.is_some() {
        summary::end(view, now_ms).iter().for_each(|line| say!("{line}"));
    } else {
        summary::waits(view, now_ms).iter().for_each(|line| say!("{line}"));
    }
    match standing {
        "INTERRUPTED" => say!("No process drives it. Nothing is lost: flow resume {}", view.id),
        "WAITING" if view.needs_person() => say!("No process drives it. After the answer:   flow resume {}", view.id),
        "WAITING" => say!("No process drives it. {}", next_check(execution, now_ms)),
        _ => {}
    }
}

/// When an execution that no process drives must be resumed, as a sentence with the command.
fn next_check(header: &ExecutionHeader, now_ms: u64) -> String {
    let due =
        header.next_wake_ms.map_or_else(String::new, |next| format!("next check {}: ", text::moment(next, now_ms)));
    format!("{due}flow resume {}", header.id)
}

/// Account, region and profile, if an account is pinned.
fn place(view: &View) -> String {
    serde_json::from_value::<Pinned>(view.environment.clone())
        .map_or_else(|_| String::new(), |pinned| pinned.described())
}

fn show_state(global: &Global, status: &DescribeExecutionResponse, name: &str) -> Result<(), CliError> {
    let found: Vec<_> = status.frames.iter().filter(|row| *row.state == *name || row.state_path() == name).collect();
    if found.is_empty() {
        let message = format!("{} is in no state named '{name}'", status.execution.id);
        return Err(CliError::not_found(message)
            .hint(format!("flow events {} shows the states it has left", status.execution.id)));
    }
    for row in found {
        let line = json!({
            "type": "state", "execution": status.execution.id, "state": row.state_path(), "visit": row.visit, "attempt": row.attempt,
            "input": row.input, "variables": row.variables, "activity": row.activity,
        });
        match global.output {
            Output::Json => say!("{line}"),
            Output::Human => say!("{}", serde_json::to_string_pretty(&line).unwrap_or_default()),
        }
    }
    Ok(())
}
