//! `flow export`.

use clap::Args;
use engine::store::{EXPORT_VERSION, Line, Store, StoreError};

use crate::{
    arguments::Global,
    exit::{CliError, Exit},
    place::Place,
    session::{MENDING, Reader, salvage},
};

/// Arguments of `flow export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// The executions' ids; none exports everything, with state machines and activities.
    ids: Vec<String>,
}

/// Prints executions as JSON lines. What cannot be read is told on standard error, and the rest is printed all the same.
pub async fn run(global: &Global, arguments: ExportArguments) -> Result<Exit, CliError> {
    let place = Place::real(global)?;
    let (store, problems, _lock) = match Reader::open(&place).await {
        Ok(Reader::Client(client)) => {
            let lines = client.text("Flow.Export", &serde_json::json!({ "ids": arguments.ids })).await;
            let lines = lines.map_err(|error| CliError::refused(error.to_string()))?;
            say!("{}", lines.trim_end());
            return Ok(Exit::Success);
        }
        Ok(Reader::Store(store, lock)) => (*store, Vec::new(), lock),
        Ok(Reader::Nothing) => {
            return Err(CliError::not_found(format!("there is no store in {}", place.home().display())));
        }
        Err(error) if error.exit == Exit::Refused => salvage(&place)?,
        Err(error) => return Err(error),
    };
    let mut damaged = !problems.is_empty();
    problems.iter().for_each(|problem| eprintln!("flow: {problem}"));
    for line in lines(&store, &arguments.ids).map_err(|error| CliError::refused(error.to_string()))? {
        match line.map(|line| serde_json::to_string(&line)) {
            Ok(Ok(line)) => say!("{line}"),
            Ok(Err(error)) => {
                damaged = true;
                eprintln!("flow: {error}");
            }
            Err(error) => {
                damaged = true;
                eprintln!("flow: left out: {error}");
            }
        }
    }
    if damaged {
        eprintln!("hint: {MENDING}");
        return Ok(Exit::Failed);
    }
    Ok(Exit::Success)
}

/// The lines of an export, those that cannot be read as their error.
///
/// # Errors
/// The store cannot be read at all.
pub fn lines(store: &Store, ids: &[String]) -> Result<Vec<Result<Line, StoreError>>, StoreError> {
    let mut lines = vec![Ok(Line::Export { version: EXPORT_VERSION })];
    let wanted = if ids.is_empty() { store.ids()? } else { ids.to_vec() };
    lines.extend(wanted.iter().map(|id| store.export(id).map(|whole| Line::Execution(Box::new(whole)))));
    let belongs = |line: &Result<Line, StoreError>| match line {
        Ok(Line::Document { name, .. }) => {
            ids.is_empty() || ids.iter().any(|id| name.rsplit('/').next() == Some(id.as_str()))
        }
        _ => ids.is_empty(),
    };
    lines.extend(store.all_documents()?.into_iter().filter(belongs));
    Ok(lines)
}
