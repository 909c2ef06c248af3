//! The lock of a store. The kernel releases it when its process ends, so a stale lock is impossible.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, io::Errno, process::geteuid, system::uname};
use serde::{Deserialize, Serialize};

/// Write permission of the group and of others.
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// The maximum length of a lock file, in bytes: it contains one [`LockOwner`].
const LOCK_BYTES_MAX: u64 = 4_096;

/// The lock of a home folder. While this value lives, only this process may open the store.
#[derive(Debug)]
pub struct OwnerLock {
    _file: File,
}

/// The process that holds the lock, as it wrote it into the lock file; for messages only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockOwner {
    /// Its process id.
    pub pid: u32,
    /// Its machine; empty if an earlier version wrote the file.
    #[serde(default)]
    pub host: String,
    /// Its user; empty if an earlier version wrote the file.
    #[serde(default)]
    pub user: String,
    /// The program's name and its subcommand. No further arguments, because they may contain a secret.
    pub command: String,
}

impl LockOwner {
    /// This process. `command` is the program's name and its subcommand.
    pub fn this_process(command: &str) -> Self {
        let named =
            ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok().filter(|user| !user.is_empty()));
        LockOwner {
            pid: std::process::id(),
            host: uname().nodename().to_string_lossy().into_owned(),
            user: named
                .or_else(|| user_of(geteuid().as_raw()))
                .unwrap_or_else(|| format!("uid {}", geteuid().as_raw())),
            command: command.to_owned(),
        }
    }
}

/// The name of a user in passwd(5). cron and services set no variable with the name.
fn user_of(uid: u32) -> Option<String> {
    let table = std::fs::read_to_string("/etc/passwd").ok()?;
    let of_uid = |line: &&str| line.split(':').nth(2) == Some(uid.to_string().as_str());
    table.lines().find(of_uid)?.split(':').next().map(str::to_owned)
}

impl OwnerLock {
    /// Creates the home folder (mode 0700) if it is missing, and takes its lock; `None` if another process has it. `command` is the
    /// program's name and its subcommand, for the messages of other processes.
    ///
    /// # Errors
    /// The folder cannot be created or used, it belongs to another user or others may write to it, or its lock file is a symbolic
    /// link.
    pub fn try_acquire(home: &Path, command: &str) -> io::Result<Option<Self>> {
        let in_home = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", home.display()));
        DirBuilder::new().recursive(true).mode(0o700).create(home).map_err(in_home)?;
        refuse_shared(home)?;
        let mut open = OpenOptions::new();
        let open = open.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = open_unlinked(open, home)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let owner = serde_json::to_vec(&LockOwner::this_process(command))?;
        // The length last: a file that is emptied first needs room on a disk that may be full.
        let mut write = || -> io::Result<()> {
            file.rewind()?;
            file.write_all(&owner)?;
            file.set_len(owner.len() as u64)
        };
        write().map_err(in_home)?;
        Ok(Some(OwnerLock { _file: file }))
    }

    /// The process that last took the lock.
    pub fn owner(home: &Path) -> Option<LockOwner> {
        let mut text = String::new();
        let file = open_unlinked(OpenOptions::new().read(true), home).ok()?;
        file.take(LOCK_BYTES_MAX).read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }
}

/// Refuses a home in which another user could replace the store: the store decides for what this user's credentials are used.
///
/// # Errors
/// The folder belongs to another user, others may write to it, or it cannot be read.
pub fn refuse_shared(home: &Path) -> io::Result<()> {
    let refused = |message: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    let found = home.metadata()?;
    let (owner, user) = (found.uid(), geteuid().as_raw());
    let shown = home.display();
    if owner != user {
        return refused(format!(
            "{shown} belongs to another user (uid {owner}, this process is uid {user}): run the command as that user, \
             with sudo -u '#{owner}', or use a folder of your own"
        ));
    }
    if found.mode() & WRITABLE_BY_OTHERS != 0 {
        let mode = found.mode() & 0o777;
        return refused(format!("{shown} may be written by other users (mode {mode:o}): run chmod 700 '{shown}'"));
    }
    Ok(())
}

/// Opens the lock file without following a link, which could point to any file.
fn open_unlinked(open: &mut OpenOptions, home: &Path) -> io::Result<File> {
    let path = path(home);
    let shown = path.display();
    // The platform's `int` has the bits.
    let file = open.custom_flags(OFlags::NOFOLLOW.bits() as i32).open(&path);
    file.map_err(|error| match error.raw_os_error() {
        Some(code) if code == Errno::LOOP.raw_os_error() => {
            io::Error::other(format!("{shown} is a symbolic link, which is not followed: remove it"))
        }
        _ => io::Error::new(error.kind(), format!("{shown}: {error}")),
    })
}

fn path(home: &Path) -> PathBuf {
    home.join("owner.lock")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn set_mode(home: &Path, mode: u32) {
        std::fs::set_permissions(home, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_owner_says_who_it_is_without_its_arguments() {
        let home = tempfile::tempdir().unwrap();
        let _lock = OwnerLock::try_acquire(home.path(), "flow run").unwrap().unwrap();
        assert!(OwnerLock::try_acquire(home.path(), "flow run").unwrap().is_none());
        let owner = OwnerLock::owner(home.path()).unwrap();
        assert_eq!(owner, LockOwner::this_process("flow run"));
        assert!(!owner.host.is_empty() && !owner.user.is_empty() && owner.pid == std::process::id());
        assert_eq!(owner.command, "flow run");
    }

    #[test]
    fn a_shorter_owner_replaces_a_longer_one() {
        let home = tempfile::tempdir().unwrap();
        for command in ["flow with a long name", "flow"] {
            let _lock = OwnerLock::try_acquire(home.path(), command).unwrap().unwrap();
            assert_eq!(OwnerLock::owner(home.path()), Some(LockOwner::this_process(command)));
        }
    }

    #[test]
    fn a_lock_file_of_an_earlier_version_is_read() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(path(home.path()), r#"{"pid":7,"command":"flow serve --port 80"}"#).unwrap();
        let owner = OwnerLock::owner(home.path()).unwrap();
        assert_eq!((owner.pid, owner.host.as_str(), owner.user.as_str()), (7, "", ""));
    }

    /// The danger: a link in a shared folder makes this process overwrite a file that its user may write.
    #[test]
    fn a_link_in_place_of_the_lock_file_is_refused_and_its_target_untouched() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("precious");
        std::fs::write(&target, "precious").unwrap();
        symlink(&target, path(home.path())).unwrap();
        let refused = OwnerLock::try_acquire(home.path(), "flow").unwrap_err().to_string();
        assert!(refused.contains("owner.lock is a symbolic link"), "{refused}");
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "precious");
        assert!(OwnerLock::owner(home.path()).is_none());
        // A link to nothing creates nothing.
        std::fs::remove_file(&target).unwrap();
        assert!(OwnerLock::try_acquire(home.path(), "flow").is_err());
        assert!(!target.exists());
    }

    #[test]
    fn a_home_that_others_may_write_is_refused_with_the_command_that_repairs_it() {
        let home = tempfile::tempdir().unwrap();
        for mode in [0o770, 0o702, 0o777] {
            set_mode(home.path(), mode);
            let refused = OwnerLock::try_acquire(home.path(), "flow").unwrap_err().to_string();
            assert!(refused.contains(&format!("chmod 700 '{}'", home.path().display())), "{refused}");
            assert!(!path(home.path()).exists(), "nothing was written");
        }
        set_mode(home.path(), 0o755);
        assert!(
            OwnerLock::try_acquire(home.path(), "flow").unwrap().is_some(),
            "what others may only read is not refused"
        );
    }

    #[test]
    fn a_home_of_another_user_is_refused() {
        let home = tempfile::tempdir().unwrap();
        // Only a privileged user can give a folder away.
        if !geteuid().is_root() {
            return;
        }
        std::os::unix::fs::chown(home.path(), Some(4_711), None).unwrap();
        let refused = OwnerLock::try_acquire(home.path(), "flow").unwrap_err().to_string();
        assert!(refused.contains("belongs to another user (uid 4711"), "{refused}");
    }
}
