//! Who owns a store. The kernel's lock dies with its process, so a stale lock is impossible.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// The one process that may open the store of a home folder, for as long as this value lives.
#[derive(Debug)]
pub struct OwnerLock {
    _file: File,
}

/// Who holds the lock, in its own words; for messages only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub pid: u32,
    /// Its command line.
    pub command: String,
}

impl OwnerLock {
    /// Makes the home folder (mode 0700) where it is missing and takes its lock; `None` where another process has it.
    ///
    /// # Errors
    /// The folder cannot be made or used.
    pub fn try_acquire(home: &Path) -> io::Result<Option<Self>> {
        let in_home = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", home.display()));
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(home).map_err(in_home)?;
        let mut open = OpenOptions::new();
        let open = open.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = open.open(path(home)).map_err(in_home)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let command = std::env::args().collect::<Vec<_>>().join(" ");
        let holder = Holder { pid: std::process::id(), command };
        let words = serde_json::to_vec(&holder)?;
        let mut write = || file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&words));
        write().map_err(in_home)?;
        Ok(Some(OwnerLock { _file: file }))
    }

    /// Who wrote itself into the lock file last.
    pub fn holder(home: &Path) -> Option<Holder> {
        let mut text = String::new();
        File::open(path(home)).ok()?.read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }
}

fn path(home: &Path) -> PathBuf {
    home.join("owner.lock")
}
