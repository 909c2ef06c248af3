//! `flow status`.

use clap::Args;
use engine::machine::ExecutionHeader;
use serde_json::json;

use crate::{
    arguments::{Global, Output},
    clock,
    exit::{CliError, Exit},
    place::Place,
    session::{Reader, locate, standing},
    socket::protocol::{List, Status, Which},
    ui::{json as lines, summary, text, tree::tree, view::View},
};

/// How many executions are listed of each store.
const LISTED_MAX: usize = 100;

/// Arguments of `flow status`.
#[derive(Debug, Args)]
pub struct StatusArguments {
    /// The execution: its id, a unique prefix, or @latest; none lists all.
    id: Option<String>,
    /// Show one state: input, attempts, what it does.
    #[arg(long, value_name = "NAME", requires = "id")]
    state: Option<String>,
    /// List all executions, not only the latest.
    #[arg(long, conflicts_with = "id")]
    all: bool,
    /// Look again every second until it ends.
    #[arg(long, requires = "id")]
    watch: bool,
}

/// Shows how executions stand; never drives one.
pub async fn run(global: &Global, arguments: StatusArguments) -> Result<Exit, CliError> {
    if global.output == Output::Json {
        say!("{}", lines::version());
    }
    let Some(wanted) = &arguments.id else { return list(global, arguments.all).await };
    let (place, ExecutionHeader { id, .. }) = locate(global, wanted).await?;
    loop {
        let reader = Reader::open(&place).await?;
        let status = reader.status(&id).await?;
        let entries = reader.entries(&id, 1).await?.entries;
        drop(reader);
        let mut view = View::new(&id, &status.definition);
        entries.iter().for_each(|entry| view.fold(entry));
        let ended = status.header.stopped_ms.is_some();
        match &arguments.state {
            Some(state) => show_state(global, &status, state)?,
            None => show(global, &place, &status, &view),
        }
        if !arguments.watch || ended {
            return Ok(Exit::Success);
        }
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Success),
            () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {}
        }
    }
}

async fn list(global: &Global, all: bool) -> Result<Exit, CliError> {
    let which = Which { latest: Some(LISTED_MAX + 1).filter(|_| !all), named: None };
    let (mut any, mut more) = (false, false);
    for place in [Place::real(global)?, Place::rehearsals(global)?] {
        let reader = Reader::open(&place).await?;
        let List { headers, driven } = reader.list(&which).await?;
        let limit = if all { usize::MAX } else { LISTED_MAX };
        more |= headers.len() > limit;
        let now_ms = clock::of(&place).now_ms();
        for header in headers.iter().take(limit) {
            any = true;
            show_row(global, header, driven.contains(&header.id), now_ms);
        }
        reader.leave();
    }
    if more && global.output == Output::Human {
        say!("Earlier ones:   flow status --all");
    }
    if !any && global.output == Output::Human {
        say!("No execution yet. Try   flow run endpoints-aws --rehearse");
    }
    Ok(Exit::Success)
}

fn show_row(global: &Global, header: &ExecutionHeader, driven: bool, now_ms: u64) {
    let standing = standing(header, driven);
    let took = header.stopped_ms.unwrap_or(now_ms).saturating_sub(header.started_ms);
    if global.output == Output::Json {
        let line = json!({
            "type": "execution", "execution": header.id, "workflow": header.workflow, "subject": header.subject,
            "status": header.status, "standing": standing, "started_ms": header.started_ms, "stopped_ms": header.stopped_ms,
        });
        return say!("{line}");
    }
    let next = if matches!(standing, "INTERRUPTED" | "PAUSED" | "FAILED") {
        format!("flow resume {}", header.id)
    } else {
        String::new()
    };
    let line = format!("{:<34} {standing:<11} {:>8}   {next}", header.id, text::duration(took));
    say!("{}", line.trim_end());
}

fn show(global: &Global, place: &Place, status: &Status, view: &View) {
    let now_ms = clock::of(place).now_ms();
    let standing = standing(&status.header, status.driven);
    if global.output == Output::Json {
        let line = json!({
            "type": "status", "execution": view.id, "standing": standing, "header": status.header, "frames": status.frames,
            "needs": summary::needs(view, now_ms),
        });
        return say!("{line}");
    }
    tree(view, standing, now_ms).iter().for_each(|line| say!("{line}"));
    if view.stopped_ms.is_some() {
        summary::end(view, now_ms).iter().for_each(|line| say!("{line}"));
    } else {
        summary::needs(view, now_ms).iter().for_each(|line| say!("{line}"));
    }
    if standing == "INTERRUPTED" {
        say!("No process drives it. Nothing is lost: flow resume {}", view.id);
    }
}

fn show_state(global: &Global, status: &Status, name: &str) -> Result<(), CliError> {
    let found: Vec<_> = status.frames.iter().filter(|row| *row.state == *name || row.state_path() == name).collect();
    if found.is_empty() {
        let message = format!("{} is in no state named '{name}'", status.header.id);
        return Err(
            CliError::not_found(message).hint(format!("flow events {} shows the states it has left", status.header.id))
        );
    }
    for row in found {
        let line = json!({
            "type": "state", "execution": status.header.id, "state": row.state_path(), "visit": row.visit, "attempt": row.attempt,
            "input": row.input, "variables": row.variables, "activity": row.activity,
        });
        match global.output {
            Output::Json => say!("{line}"),
            Output::Human => say!("{}", serde_json::to_string_pretty(&line).unwrap_or_default()),
        }
    }
    Ok(())
}
