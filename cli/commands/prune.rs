//! `flow prune`.

use std::{os::unix::fs::MetadataExt, path::Path, time::Duration};

use api::flow::{PruneExecutions, PruneRequest, PruneResponse};
use clap::Args;
use engine::{
    runner::{Clock, SystemClock},
    store::compact,
};

use crate::{
    environments::Environments,
    exit::{CliError, Exit, store_failed},
    global::{Global, Output},
    home::Home,
    owner::{Handle, exclusive, open_store},
    ui::{json, text::counted},
};

/// The unit of [`MetadataExt::blocks`] (stat(2)).
const BLOCK_BYTES: u64 = 512;

/// Arguments of `flow prune`.
#[derive(Debug, Args)]
pub struct PruneArguments {
    /// Delete executions that ended longer ago than this many days.
    #[arg(long, default_value = "90", value_name = "DAYS", allow_negative_numbers = true)]
    days: f64,
    /// Only report what would be deleted.
    #[arg(long)]
    plan: bool,
}

/// Deletes executions that ended long ago, never unfinished ones. If the store has an owner, later writes reuse the
/// space; otherwise it is returned to the system.
pub async fn run(global: &Global, arguments: &PruneArguments) -> Result<Exit, CliError> {
    let home = Home::real(global)?;
    let age_ms = Duration::try_from_secs_f64(arguments.days * 86_400.0)
        .map_err(|_| {
            CliError::refused(format!("--days {}: give a number of days that is not negative", arguments.days))
        })?
        .as_millis() as u64;
    let ended_before_ms = SystemClock::default().now_ms().saturating_sub(age_ms);
    let bytes_before = bytes(&home.store());
    if !home.has_store()? {
        report(global, arguments, 0, None, StoreSizes { before_bytes: 0, after_bytes: 0 });
        return Ok(Exit::Success);
    }
    let handle = match arguments.plan {
        true => Handle::read(&home).await?,
        false => Handle::drive(Environments::new(home.clone())).await?,
    };
    let pruned = prune(&handle, PruneRequest { ended_before_ms, plan: arguments.plan }).await;
    let owner = handle.owner_elsewhere().await;
    let closed = handle.close().await;
    let count = pruned?;
    closed?;
    if !arguments.plan
        && owner.is_none()
        && let Some((store, lock)) = exclusive(&home).await?
    {
        // While no process drives the store, no starting execution can need one of these definitions.
        store.delete_unused_definitions().map_err(|error| store_failed(error.to_string()))?;
        drop(store);
        compact(&home.store()).map_err(|error| store_failed(error.to_string()))?;
        // The size is the one that the next command leaves: an opening creates the log and a segment of the index. If it fails, the next
        // command says so.
        drop(open_store(&home).ok());
        drop(lock);
    }
    report(
        global,
        arguments,
        count,
        owner.as_deref(),
        StoreSizes { before_bytes: bytes_before, after_bytes: bytes(&home.store()) },
    );
    Ok(Exit::Success)
}

/// Prunes through the owner of the store. Another owner that follows it deletes the rest; a plan counts everything again.
async fn prune(handle: &Handle, request: PruneRequest) -> Result<usize, CliError> {
    let (plan, mut deleted) = (request.plan, 0);
    let cut_short = |step: PruneResponse| deleted += if plan { 0 } else { step.executions };
    let last = handle.last::<PruneExecutions>(request, cut_short).await?;
    Ok(deleted + last.executions)
}

/// The size of the store's files before and after the deletions.
struct StoreSizes {
    before_bytes: u64,
    after_bytes: u64,
}

fn report(global: &Global, arguments: &PruneArguments, count: usize, owner: Option<&str>, sizes: StoreSizes) {
    let StoreSizes { before_bytes: before, after_bytes: after } = sizes;
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let executions = counted(count, "execution");
    match (global.output, arguments.plan) {
        (Output::Json, plan) => {
            let line = serde_json::json!({
                "type": "pruned", "executions": count, "plan": plan, "bytesBefore": before, "bytesAfter": after,
                "message": format!("{executions} {}", if plan { "would be deleted" } else { "deleted" }),
            });
            json::print(line);
        }
        (Output::Human, _) if global.quiet => {}
        (Output::Human, true) => say!("{executions} would be deleted (ended more than {} days ago)", arguments.days),
        (Output::Human, false) => match owner {
            Some(owner) => say!(
                "{executions} deleted; the store has {:.1} MB, and {owner} reuses the freed space",
                megabytes(after)
            ),
            None => say!(
                "{executions} deleted; the store has {:.1} MB, {:.1} MB before",
                megabytes(after),
                megabytes(before)
            ),
        },
    }
}

/// The bytes that a folder uses on disk, as du(1) counts them.
fn bytes(folder: &Path) -> u64 {
    let used = |path: &Path| path.symlink_metadata().map_or(0, |data| data.blocks() * BLOCK_BYTES);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let size = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(found) if found.is_dir() => bytes(&entry.path()),
        _ => used(&entry.path()),
    };
    used(folder) + entries.map(size).sum::<u64>()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_size_of_a_store_is_what_it_uses_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("blobs")).unwrap();
        std::fs::write(folder.path().join("db"), vec![1; 100_000]).unwrap();
        std::fs::File::create(folder.path().join("hole")).unwrap().set_len(1 << 30).unwrap();
        std::fs::write(folder.path().join("blobs/1"), vec![1; 100_000]).unwrap();
        assert!((200_000..2_000_000).contains(&bytes(folder.path())), "{}", bytes(folder.path()));
        assert_eq!(bytes(&folder.path().join("none")), 0);
    }
}
