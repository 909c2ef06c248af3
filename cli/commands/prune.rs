//! `flow prune`.

use std::time::Duration;

use clap::Args;
use engine::{
    runner::{Clock, SystemClock},
    store::{DocumentChanges, Store, StoreError, compact},
};

use crate::{
    arguments::{Global, Output},
    exit::{CliError, Exit},
    place::Place,
    session::exclusive,
};

/// How many are forgotten at once.
const AT_ONCE: usize = 500;

/// Arguments of `flow prune`.
#[derive(Debug, Args)]
pub struct PruneArguments {
    /// Forget executions that ended longer ago than this many days.
    #[arg(long, default_value = "90", value_name = "DAYS")]
    days: f64,
    /// Only say what would be forgotten.
    #[arg(long)]
    plan: bool,
}

/// Forgets what ended long ago; what has not ended is never forgotten.
pub fn run(global: &Global, arguments: &PruneArguments) -> Result<Exit, CliError> {
    let place = Place::real(global)?;
    let (store, lock) = exclusive(&place)?;
    let failed = |error: StoreError| CliError::refused(error.to_string());
    let age_ms = Duration::try_from_secs_f64(arguments.days * 86_400.0)
        .map_err(|error| CliError::refused(format!("--days: {error}")))?
        .as_millis() as u64;
    let before_ms = SystemClock::default().now_ms().saturating_sub(age_ms);
    let old = old(&store, before_ms).map_err(failed)?;
    let bytes_before = bytes(&place.store());
    if !arguments.plan {
        for ids in old.chunks(AT_ONCE) {
            forget(&store, ids).map_err(failed)?;
        }
        store.forget_unused_definitions().map_err(failed)?;
        store.settle().map_err(failed)?;
        drop(store);
        compact(&place.store()).map_err(failed)?;
    }
    drop(lock);
    tell(global, arguments, old.len(), bytes_before, bytes(&place.store()));
    Ok(Exit::Success)
}

fn tell(global: &Global, arguments: &PruneArguments, count: usize, before: u64, after: u64) {
    match (global.output, arguments.plan) {
        (Output::Json, plan) => {
            let line = serde_json::json!({
                "type": "pruned", "executions": count, "plan": plan, "bytes_before": before, "bytes_after": after,
            });
            say!("{line}");
        }
        (Output::Human, true) => say!("{count} executions ended more than {} days ago", arguments.days),
        (Output::Human, false) => {
            let megabytes = |bytes: u64| bytes as f64 / 1e6;
            say!(
                "{count} executions forgotten; {:.1} MB on disk, {:.1} MB before",
                megabytes(after),
                megabytes(before)
            );
        }
    }
}

fn old(store: &Store, before_ms: u64) -> Result<Vec<String>, StoreError> {
    let mut old = Vec::new();
    for id in store.ids()? {
        let ended_ms = store.summary(&id)?.and_then(|header| header.stopped_ms);
        if ended_ms.is_some_and(|ended_ms| ended_ms < before_ms) {
            old.push(id);
        }
    }
    Ok(old)
}

/// Forgets executions, and what the API keeps about each.
fn forget(store: &Store, ids: &[String]) -> Result<(), StoreError> {
    let mut changes = DocumentChanges::default();
    ids.iter().flat_map(|id| api::documents_of(id)).for_each(|name| changes.delete(&name));
    store.forget_all(&ids.iter().map(String::as_str).collect::<Vec<_>>())?;
    store.change_documents(changes)
}

pub(super) fn bytes(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(data) if data.is_dir() => bytes(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    entries.map(size).sum()
}
