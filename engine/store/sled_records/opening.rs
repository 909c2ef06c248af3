//! Opens sled. Sled reports damage to its file as an error or as a panic.

use std::{
    ffi::OsString,
    fs::{File, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};

use super::{LongTree, open_error, panics::caught};
use crate::store::StoreError;

/// How long an opening waits for the lock of a process that is ending.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(2);
const LOCK_WAIT_STEP: Duration = Duration::from_millis(10);
/// The size of sled's cache. With a quarter of it, starts at full speed spend a fifth of their CPU time on reading nodes again;
/// with twice as much, 100,000 sleeping executions take more than 100 MB.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// An open database.
pub(super) struct Opened {
    pub tree: LongTree,
    /// The file that it writes.
    pub log: File,
    /// Whether sled recovered the tree from its file: then it has skipped what it could not read. Damage to what its last snapshot
    /// refers to is found by a read.
    pub was_recovered: bool,
}

/// The database in a folder.
pub(super) fn open(folder: &Path) -> Result<Opened, StoreError> {
    let snapshot_before = snapshot(folder);
    let deadline = Instant::now() + LOCK_WAIT_MAX;
    let tree = loop {
        let config = sled::Config::new().path(folder).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        match on_one_processor(|| caught(|| config.open().and_then(|database| LongTree::new(folder, database)))) {
            Ok(Ok(tree)) => break tree,
            Ok(Err(sled::Error::Io(error))) if is_locked(&error) && Instant::now() < deadline => {
                std::thread::sleep(LOCK_WAIT_STEP);
            }
            Ok(Err(error)) if is_damage(&error) => return Err(StoreError::index_error(folder, error.to_string())),
            Ok(Err(error)) => return Err(open_error(folder, &error)),
            Err(message) => return Err(StoreError::index_error(folder, message)),
        }
    };
    restrict(folder);
    let log = File::open(folder.join("db")).map_err(|error| StoreError::open_error(folder, &error))?;
    let was_recovered = snapshot_before.is_none() || snapshot(folder) != snapshot_before;
    Ok(Opened { tree, log, was_recovered })
}

/// Removes the access of others to the folder and to sled's files, which sled creates with the mode of the umask: a copy of the folder may
/// be in a place that others can read. A file whose mode cannot be changed stays as it is.
fn restrict(folder: &Path) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    for path in entries.chain([folder.to_owned()]) {
        let Some(found) = path.symlink_metadata().ok().filter(|found| !found.is_symlink()) else { continue };
        let mode = found.permissions().mode();
        if mode & 0o077 != 0 {
            let _ = std::fs::set_permissions(&path, Permissions::from_mode(mode & 0o7700));
        }
    }
}

/// The name of sled's last snapshot, which contains the offset up to which it is valid.
fn snapshot(folder: &Path) -> Option<OsString> {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.file_name());
    names.filter(|name| name.as_encoded_bytes().starts_with(b"snap.")).max()
}

/// Whether another process has the index open. Sled reports a lock that it cannot acquire as an error of kind Other, with this text.
fn is_locked(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.to_string().contains("could not acquire lock")
}

/// Whether the bytes of the file are wrong, in contrast to a system call that failed.
fn is_damage(error: &sled::Error) -> bool {
    match error {
        sled::Error::Io(error) => {
            !is_locked(error) && matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData)
        }
        _ => true,
    }
}

/// Sled starts seven threads at its first use. They spin until all of them run, which on two CPUs takes as long as everything else.
/// On the CPU of the thread that starts them they run once that one waits or has used its time slice.
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
    // A thread that has just slept has its complete time slice.
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_files_of_the_index_are_for_their_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        drop(open(folder.path()).unwrap());
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(folder.path()), 0o700);
        assert_eq!(mode(&folder.path().join("db")), 0o600);
        assert_eq!(mode(&folder.path().join("conf")), 0o600);
    }
}
