//! Takes the lock of a store, also of one whose owner was killed.

use std::{path::Path, time::Duration};

use engine::store::OwnerLock;
use tokio::time::Instant;

use super::{description::has_ended, retry_limit::RETRY_AFTER};
use crate::{exit::CliError, home::Home, this_process};

/// The time for which a child process that an owner has started may keep the owner's lock after the owner's end. The child has the open
/// lock file from its fork until its exec, which closes it: a few milliseconds, and longer on a busy machine.
const INHERITED_MAX: Duration = Duration::from_secs(5);

/// Takes the lock of the store; `None` if a living process has it, or a child of its last owner has it for longer than
/// [`INHERITED_MAX`].
///
/// # Errors
/// The home cannot be used.
pub(super) async fn acquire(home: &Home) -> Result<Option<OwnerLock>, CliError> {
    acquire_by(home.folder(), || try_acquire(home)).await
}

/// As [`acquire`], with the attempt to take the lock of a folder. Repeats it while the lock file names a process that has ended: its child
/// has the lock, or a new owner has taken it and writes its name next.
async fn acquire_by<L, E>(folder: &Path, attempt: impl Fn() -> Result<Option<L>, E>) -> Result<Option<L>, E> {
    let deadline = Instant::now() + INHERITED_MAX;
    loop {
        if let Some(lock) = attempt()? {
            return Ok(Some(lock));
        }
        let is_inherited = OwnerLock::owner(folder).is_some_and(|owner| has_ended(&owner));
        if !is_inherited || Instant::now() >= deadline {
            return Ok(None);
        }
        tokio::time::sleep(RETRY_AFTER).await;
    }
}

/// Takes the lock of the store; `None` if another process has it at this moment. For a caller that repeats it until an owner answers;
/// others call [`acquire`].
pub(super) fn try_acquire(home: &Home) -> Result<Option<OwnerLock>, CliError> {
    home.make()?;
    OwnerLock::try_acquire(home.folder(), this_process::command())
        .map_err(|error| home.refuse_file().err().unwrap_or_else(|| home.not_locked(error)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{
        fs::File,
        process::{Child, Command},
    };

    use engine::store::LockOwner;

    use super::*;

    /// A process that has the lock of a folder, and ends when it is killed. The lock file names `owner`.
    fn child_with_lock(folder: &Path, owner: &LockOwner) -> Child {
        let path = folder.join("owner.lock");
        std::fs::write(&path, serde_json::to_string(owner).unwrap()).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        file.try_lock().unwrap();
        // The child has the open file as its standard input; this process closes it when the command is dropped.
        Command::new("sleep").arg("60").stdin(file).spawn().unwrap()
    }

    fn attempt(folder: &Path) -> std::io::Result<Option<OwnerLock>> {
        OwnerLock::try_acquire(folder, "flow serve")
    }

    fn end(mut process: Child) {
        process.kill().unwrap();
        process.wait().unwrap();
    }

    fn ended_process() -> LockOwner {
        let ended = Command::new("true").spawn().unwrap();
        let owner = LockOwner { pid: ended.id(), ..LockOwner::this_process("flow serve") };
        end(ended);
        owner
    }

    #[tokio::test]
    async fn the_lock_that_a_child_of_a_killed_owner_has_is_taken_when_the_child_releases_it() {
        let folder = tempfile::tempdir().unwrap();
        let child = child_with_lock(folder.path(), &ended_process());
        let attempts = std::cell::Cell::new(0);
        let counted = || {
            attempts.set(attempts.get() + 1);
            attempt(folder.path())
        };
        // The child ends only after several attempts, which it refuses.
        let release = async {
            while attempts.get() < 3 {
                tokio::task::yield_now().await;
            }
            end(child);
        };
        let (taken, ()) = tokio::join!(acquire_by(folder.path(), counted), release);
        assert!(taken.unwrap().is_some() && attempts.get() > 3);
    }

    #[tokio::test]
    async fn the_lock_of_a_living_owner_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let child = child_with_lock(folder.path(), &LockOwner::this_process("flow serve"));
        let attempts = std::cell::Cell::new(0);
        let counted = || {
            attempts.set(attempts.get() + 1);
            attempt(folder.path())
        };
        assert!(acquire_by(folder.path(), counted).await.unwrap().is_none());
        assert_eq!(attempts.get(), 1);
        end(child);
    }

    #[tokio::test]
    async fn a_new_owner_that_writes_its_name_ends_the_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("owner.lock");
        let child = child_with_lock(folder.path(), &ended_process());
        let attempts = std::cell::Cell::new(0);
        let counted = || {
            attempts.set(attempts.get() + 1);
            if attempts.get() == 3 {
                let this = LockOwner::this_process("flow serve");
                std::fs::write(&path, serde_json::to_string(&this).unwrap()).unwrap();
            }
            attempt(folder.path())
        };
        assert!(acquire_by(folder.path(), counted).await.unwrap().is_none());
        assert_eq!(attempts.get(), 3);
        end(child);
    }
}
