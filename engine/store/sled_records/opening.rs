//! Opens sled. Sled reports damage to its file as an error or as a panic.

use std::{
    ffi::OsString,
    fs::{File, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};

use super::{LongTree, open_error, panics::caught};
use crate::store::StoreError;

/// The time that an opening waits for the lock of a process that is ending.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(2);
const LOCK_WAIT_STEP: Duration = Duration::from_millis(10);
/// The size of sled's cache. With a quarter of it, starts at full speed spend a fifth of their CPU time on reading nodes again;
/// with twice as much, 100,000 sleeping executions take more than 100 MB.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;
/// The number of threads that sled starts at its first use.
const SLED_THREADS: usize = 7;
/// The interval of the checks whether they run.
const STARTED_POLL: Duration = Duration::from_millis(1);

/// An open database.
pub(super) struct Opened {
    pub tree: LongTree,
    /// The file that it writes.
    pub log: File,
    /// Whether sled recovered the tree from its file. If so, it has skipped unreadable data. Damage to data that its last snapshot refers
    /// to is found by a later read.
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

/// Removes the access of others to the folder and to sled's files, which sled creates with the mode of the umask: others may be able to
/// read the folder that contains a copy of it. A file whose mode cannot be changed stays as it is.
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

/// Runs sled's first call on one CPU until sled's threads run. Sled starts its threads at its first use. They spin until all of them run,
/// which on two CPUs takes as long as everything else. On one CPU they run as soon as the starting thread waits or has used its time slice.
/// The first use is within the opening, which has no callback for it. So another thread waits until they run, and then lets all of them use
/// every CPU again: a long recovery is not limited to one CPU.
fn on_one_processor<T>(act: impl FnOnce() -> T) -> T {
    static STARTED: AtomicBool = AtomicBool::new(false);
    match STARTED.swap(true, Ordering::Relaxed) {
        true => act(),
        false => on_one_processor_until_started(act),
    }
}

fn on_one_processor_until_started<T>(act: impl FnOnce() -> T) -> T {
    let Ok(allowed) = sched_getaffinity(None) else { return act() };
    let pinned = Arc::new(Pinned { allowed, opening: gettid(), before: threads(), is_over: AtomicBool::new(false) });
    let watched = pinned.clone();
    // Before the pinning, which it would inherit. Without this thread, the pinning ends with the opening.
    let watch = std::thread::Builder::new().name("sled-start".to_owned());
    let _ = watch.spawn(move || watched.release_when_started());
    let mut one = CpuSet::new();
    one.set(sched_getcpu());
    let is_pinned = sched_setaffinity(None, &one).is_ok();
    if is_pinned {
        // A thread that has just slept has its complete time slice.
        std::thread::sleep(Duration::from_micros(1));
    }
    let done = act();
    pinned.is_over.store(true, Ordering::Relaxed);
    if is_pinned {
        pinned.release();
    }
    done
}

/// The opening thread and the threads that it starts, on one CPU.
struct Pinned {
    /// The CPUs that they may use afterwards.
    allowed: CpuSet,
    opening: Pid,
    /// The threads of this process before the opening.
    before: Vec<Pid>,
    is_over: AtomicBool,
}

impl Pinned {
    fn begun(&self) -> impl Iterator<Item = Pid> {
        threads().into_iter().filter(move |thread| !self.before.contains(thread))
    }

    fn release(&self) {
        for thread in self.begun().chain([self.opening]) {
            let _ = sched_setaffinity(Some(thread), &self.allowed);
        }
    }

    /// Releases the threads once sled's threads run, unless the opening is over.
    fn release_when_started(&self) {
        while !self.is_over.load(Ordering::Relaxed) {
            if self.begun().filter(|thread| is_thread_of_sled(*thread)).count() >= SLED_THREADS {
                return self.release();
            }
            std::thread::sleep(STARTED_POLL);
        }
    }
}

/// Whether a thread of this process is one that sled starts. It has its name once it runs.
fn is_thread_of_sled(thread: Pid) -> bool {
    let name = std::fs::read_to_string(format!("/proc/self/task/{}/comm", thread.as_raw_nonzero()));
    name.is_ok_and(|name| name.starts_with("sled-io"))
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

    /// The fear: a recovery that takes long waits for one busy CPU.
    #[test]
    fn the_opening_may_use_every_processor_once_the_threads_of_sled_run() {
        let cpus = || sched_getaffinity(None).unwrap().count();
        let allowed = cpus();
        on_one_processor_until_started(|| {
            let (ends, end) = std::sync::mpsc::channel::<()>();
            let end = Arc::new(std::sync::Mutex::new(end));
            let started = (0..SLED_THREADS).map(|number| {
                let (end, named) = (end.clone(), std::thread::Builder::new().name(format!("sled-io-{number}")));
                named.spawn(move || drop(end.lock().map(|end| end.recv()))).unwrap()
            });
            let started: Vec<_> = started.collect();
            let deadline = Instant::now() + Duration::from_secs(60);
            while cpus() < allowed {
                assert!(Instant::now() < deadline, "still on one CPU");
                std::thread::sleep(STARTED_POLL);
            }
            drop(ends);
            started.into_iter().for_each(|thread| thread.join().unwrap());
        });
        assert_eq!(cpus(), allowed);
    }
}
