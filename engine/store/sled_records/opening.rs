//! Opening sled, which answers some damage to its file with an error and some with a panic.

use std::{
    ffi::OsString,
    fs::File,
    io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};

use super::{LongTree, open_error, panics::caught};
use crate::store::StoreError;

/// How long an opening waits for the lock of a process that has just ended.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(2);
const LOCK_WAIT_STEP: Duration = Duration::from_millis(10);
/// How much of its nodes sled keeps in memory. With a quarter of this, starts at full speed spend a fifth of their processor time on
/// reading nodes again; with twice as much, 100,000 sleeping executions take more than 100 MB.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// A database that was opened.
pub(super) struct Opened {
    pub tree: LongTree,
    /// The file that it writes.
    pub log: File,
    /// Whether it was put together anew from that file: then sled has passed over what it could not read. What its last snapshot
    /// knows of is found damaged when it is read.
    pub was_read_anew: bool,
}

/// The database in a folder.
pub(super) fn open(folder: &Path) -> Result<Opened, StoreError> {
    let snapshot_before = snapshot(folder);
    let deadline = Instant::now() + LOCK_WAIT_MAX;
    let tree = loop {
        let config = sled::Config::new().path(folder).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        match on_one_processor(|| caught(|| config.open().and_then(|whole| LongTree::new(folder, whole)))) {
            Ok(Ok(tree)) => break tree,
            Ok(Err(sled::Error::Io(error))) if is_locked(&error) && Instant::now() < deadline => {
                std::thread::sleep(LOCK_WAIT_STEP);
            }
            Ok(Err(error)) if is_damage(&error) => return Err(damaged(folder, error.to_string())),
            Ok(Err(error)) => return Err(open_error(folder, &error)),
            Err(message) => return Err(damaged(folder, message)),
        }
    };
    let log = File::open(folder.join("db")).map_err(|error| StoreError::open_error(folder, &error))?;
    let was_read_anew = snapshot_before.is_none() || snapshot(folder) != snapshot_before;
    Ok(Opened { tree, log, was_read_anew })
}

/// The name of sled's last snapshot of where everything lies: it names the place in the file that it knows of.
fn snapshot(folder: &Path) -> Option<OsString> {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.file_name());
    names.filter(|name| name.as_encoded_bytes().starts_with(b"snap.")).max()
}

pub(super) fn damaged(folder: &Path, message: String) -> StoreError {
    StoreError::Index { folder: folder.display().to_string(), message }
}

fn is_locked(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.to_string().contains("could not acquire lock")
}

/// Whether it is the file's bytes that are wrong, not the system that refuses.
fn is_damage(error: &sled::Error) -> bool {
    match error {
        sled::Error::Io(error) => {
            !is_locked(error) && matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData)
        }
        _ => true,
    }
}

/// Sled starts seven threads when it is first used, which spin until all of them are there: on two processors that takes as long as
/// everything else. On the same processor as the one that starts them they run when it is done, or has used up its time.
fn on_one_processor<T>(act: impl FnOnce() -> T) -> T {
    static STARTED: AtomicBool = AtomicBool::new(false);
    let one = || -> rustix::io::Result<CpuSet> {
        let allowed = sched_getaffinity(None)?;
        let mut one = CpuSet::new();
        one.set(sched_getcpu());
        sched_setaffinity(None, &one)?;
        Ok(allowed)
    };
    if STARTED.swap(true, Ordering::Relaxed) {
        return act();
    }
    let before = threads();
    let Ok(allowed) = one() else { return act() };
    // Whoever has just slept has all of its time before it.
    std::thread::sleep(Duration::from_micros(1));
    let done = act();
    let begun = threads().into_iter().filter(|thread| !before.contains(thread));
    for thread in begun.chain([gettid()]) {
        let _ = sched_setaffinity(Some(thread), &allowed);
    }
    done
}

/// The threads of this process.
fn threads() -> Vec<Pid> {
    let names = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter_map(|name| Pid::from_raw(name.to_str()?.parse().ok()?)).collect()
}
