//! `flow export`.

use api::flow::{ExportExecutions, ExportItem, ExportRequest, FindExecutions, FindRequest, FindResponse, export_lines};
use clap::Args;

use crate::{
    execution::locate::{named, no_single},
    exit::{CliError, Exit, NO_ROOM},
    global::Global,
    home::Home,
    out,
    owner::{Handle, StreamError, repair_hint, salvage},
    ui::json,
};

/// Arguments of `flow export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// The executions: ids, unique prefixes, ARNs, or @latest; without one, everything, with state machines and activities.
    ids: Vec<String>,
}

/// Prints executions as JSON lines, through the owner of the store if it has one. Records that cannot be read are
/// reported on standard error, and the others are printed.
pub async fn run(global: &Global, arguments: ExportArguments) -> Result<Exit, CliError> {
    let home = Home::real(global)?;
    if !home.has_store()? {
        return Err(CliError::not_found(format!("there is no store in {}", home.folder().display())));
    }
    let (damaged, hint) = match Handle::read(&home).await {
        Ok(handle) => {
            let ids = found(&handle, &arguments.ids).await?;
            let damaged = through(&handle, ids).await?;
            handle.leave();
            (damaged, repair_hint())
        }
        Err(error) if error.fault.as_deref() == Some(NO_ROOM) => {
            (salvaged(&home, arguments.ids).await?, error.hint.unwrap_or_default())
        }
        Err(error) if error.exit == Exit::Refused => (salvaged(&home, arguments.ids).await?, repair_hint()),
        Err(error) => return Err(error),
    };
    if damaged {
        report!("hint: {hint}");
        return Ok(Exit::Failed);
    }
    Ok(Exit::Success)
}

/// The ids of the executions that the user names.
async fn found(handle: &Handle, wanted: &[String]) -> Result<Vec<String>, CliError> {
    let mut ids = Vec::new();
    for wanted in wanted {
        let wanted = named(wanted)?;
        let FindResponse { matches, .. } =
            handle.call::<FindExecutions>(FindRequest { wanted: wanted.to_owned() }).await?;
        match matches.as_slice() {
            [one] => ids.push(one.id.clone()),
            none_or_several => return Err(no_single(wanted, none_or_several.iter())),
        }
    }
    Ok(ids)
}

/// Prints the lines of a store that can be opened. Returns whether a record was left out.
async fn through(handle: &Handle, ids: Vec<String>) -> Result<bool, CliError> {
    let mut lines = handle.stream::<ExportExecutions>(ExportRequest { ids }).await?;
    let mut damaged = false;
    while !out::is_closed() && out::failure().is_none() {
        match lines.next().await {
            Ok(Some(item)) => damaged |= print(item),
            Ok(None) => return Ok(damaged),
            Err(StreamError::Failed(error)) => return Err(error),
            Err(StreamError::Gone(_)) => {
                return Err(CliError::new(Exit::Unreachable, "the owner of the store ended before the export did")
                    .hint("what was printed is not complete; run it again"));
            }
        }
    }
    Ok(damaged)
}

/// Prints the readable records of a store that cannot be opened. These are never all records.
async fn salvaged(home: &Home, ids: Vec<String>) -> Result<bool, CliError> {
    let (store, problems, _lock) = salvage(home).await?;
    problems.iter().for_each(|problem| report!("flow: {problem}"));
    let lines = export_lines(store, ids).map_err(|error| CliError::refused(error.to_string()))?;
    let left_out = lines.map(print).fold(false, |any, left_out| any | left_out);
    Ok(left_out || !problems.is_empty())
}

fn print(item: ExportItem) -> bool {
    match item {
        ExportItem::Line(line) => {
            say_raw!("{}", json::escaped(line));
            false
        }
        ExportItem::LeftOut(why) => {
            report!("flow: left out: {why}");
            true
        }
    }
}
