//! Describes the owner of a store: process, host, user and command, never its arguments. Finds out whether it answers, so that the proposed
//! commands work.

use std::{path::Path, time::Duration};

use api::flow;
use engine::store::{LockOwner, OwnerLock};
use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
    system::uname,
};
use tokio::time::Instant;

use crate::{
    exit::{CliError, Exit},
    home::Home,
    shell::quote_word,
    wire::client::{Client, ClientError},
};

/// The time for which the file of the lock may name the previous owner: a process writes its name after it has acquired the lock.
const NAMED_WITHIN: Duration = Duration::from_millis(500);
/// The interval between two reads of the lock file.
const READ_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// Describes the owner of the store in a folder.
pub fn described(folder: &Path) -> String {
    named(OwnerLock::owner(folder).as_ref())
}

fn named(owner: Option<&LockOwner>) -> String {
    match owner {
        None => "another process".to_owned(),
        Some(LockOwner { pid, host, user, command }) => {
            format!("process {pid} on {host} (user {user}, {command})")
        }
    }
}

/// The error of a command that needs exclusive access to the store. It names the signal that ends the owner: SIGTERM, or SIGKILL for an
/// owner that is stopped or does not answer and so would not handle SIGTERM.
pub async fn owned_elsewhere(home: &Home) -> CliError {
    let owner = holder(home.folder()).await;
    let asked = async {
        let client = Client::new(&home.socket());
        client.call::<flow::DescribeOwner>(&flow::DescribeOwnerRequest {}).await.err()
    };
    let is_stopped = owner.as_ref().is_some_and(is_stopped);
    let error = if is_stopped { None } else { asked.await };
    if is_stopped || matches!(error, Some(ClientError::Silent)) {
        let error = not_answering(home, owner.as_ref());
        return CliError { hint: error.hint.map(|hint| format!("{hint}. Then repeat the command")), ..error };
    }
    if let Some(owner) = owner.as_ref().filter(|owner| error.is_some() && has_ended(owner)) {
        return locked_by_child(home, owner);
    }
    let who = named(owner.as_ref());
    let end = match owner {
        None => "end that process".to_owned(),
        Some(owner) => format!("on {}:   kill {}   ends it", owner.host, owner.pid),
    };
    CliError::new(
        Exit::Unreachable,
        format!("the store in {} is owned by {who}: nothing was changed", home.folder().display()),
    )
    .hint(format!("{end}; then repeat the command. What it runs continues in the next owner. Or give another --home"))
}

/// The process that holds the lock. Waits until a process that has just acquired the lock has written its name into the file.
async fn holder(folder: &Path) -> Option<LockOwner> {
    let deadline = Instant::now() + NAMED_WITHIN;
    loop {
        let owner = OwnerLock::owner(folder);
        if owner.as_ref().is_some_and(|owner| !has_ended(owner)) || Instant::now() >= deadline {
            return owner;
        }
        tokio::time::sleep(READ_AGAIN_AFTER).await;
    }
}

fn is_on_this_host(owner: &LockOwner) -> bool {
    uname().nodename().to_string_lossy() == owner.host
}

/// Whether an owner's process is known to have ended: on another host it may exist. A process whose end its parent has not read yet
/// (a zombie) has ended.
pub(super) fn has_ended(owner: &LockOwner) -> bool {
    let pid = i32::try_from(owner.pid).ok().and_then(Pid::from_raw);
    let exists = pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH));
    is_on_this_host(owner) && (!exists || has_state(owner, &['Z', 'X']))
}

/// Whether an owner is known to be stopped, such as by Ctrl-Z: SIGTERM has no effect until it is continued.
fn is_stopped(owner: &LockOwner) -> bool {
    is_on_this_host(owner) && has_state(owner, &['T', 't'])
}

/// Whether an owner's process on this host is in one of these states.
fn has_state(owner: &LockOwner, states: &[char]) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", owner.pid));
    stat.is_ok_and(|stat| is_state_of(&stat, states))
}

/// Whether the state in a status line of a process is one of these (proc_pid_stat(5)). The program's name before it may contain
/// anything.
fn is_state_of(stat: &str, states: &[char]) -> bool {
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(states))
}

/// The error of a command that needs the lock of an owner that has ended, if another process has the lock file open.
fn locked_by_child(home: &Home, owner: &LockOwner) -> CliError {
    let folder = home.folder();
    let message = format!(
        "the store in {} is locked, and {}, which locked it last, has ended: a process that it started has the lock file open. \
         Nothing was changed",
        folder.display(),
        named(Some(owner))
    );
    let file = quote_word(&folder.join("owner.lock").display().to_string());
    CliError::new(Exit::Unreachable, message).hint(format!(
        "fuser {file}   prints the id of that process: end it, then repeat the command. Or give another --home"
    ))
}

/// The error of a command that needs the next owner while the current one waits for its calls in flight.
pub fn ending(home: &Home) -> CliError {
    let who = described(home.folder());
    let message = format!("the store in {} is owned by {who}, which is ending", home.folder().display());
    CliError::new(Exit::Unreachable, message)
        .hint("nothing was changed. Repeat the command when that process has ended")
}

/// The error of a command whose owner does not answer.
pub fn not_reachable(home: &Home) -> CliError {
    not_answering(home, OwnerLock::owner(home.folder()).as_ref())
}

fn not_answering(home: &Home, owner: Option<&LockOwner>) -> CliError {
    let is_stopped = owner.is_some_and(is_stopped);
    let (who, why) = (named(owner), if is_stopped { "is stopped and does not answer" } else { "does not answer" });
    let message = format!("the store in {} is owned by {who}, which {why}", home.folder().display());
    let hint = match owner {
        None => "end that process".to_owned(),
        Some(LockOwner { pid, host, .. }) => {
            let condition = if is_stopped { "" } else { " if it is stopped" };
            format!(
                "on {host}:   kill -CONT {pid}   continues it{condition},   kill -9 {pid}   ends it. \
                 Nothing is lost either way"
            )
        }
    };
    CliError::new(Exit::Unreachable, message).hint(hint)
}

/// The error if an owner reads the store for longer than a process waits.
pub(super) fn only_reads(home: &Home) -> CliError {
    let message = format!(
        "the store in {} is read by {}, so that no execution can be driven. Nothing was changed",
        home.folder().display(),
        described(home.folder())
    );
    CliError::new(Exit::Unreachable, message).hint(
        "its output may be blocked: resume or close its terminal or pipe, or end the process; then repeat the command",
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_stopped_process_is_known_by_its_status_line() {
        for (stat, stopped) in [
            ("12 (flow) T 1 12 12", true),
            ("12 (flow) t 1 12 12", true),
            ("12 (flow) S 1 12 12", false),
            ("12 (a) T b) S 1 12 12", false),
            ("12 (a) S b) T 1 12 12", true),
            ("", false),
        ] {
            assert_eq!(is_state_of(stat, &['T', 't']), stopped, "{stat}");
        }
    }

    #[test]
    fn a_process_that_has_ended_is_not_the_owner() {
        let this = LockOwner::this_process("flow serve");
        assert!(!has_ended(&this) && !is_stopped(&this));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let ended = LockOwner { pid: child.id(), ..this };
        while !has_state(&ended, &['Z']) {
            std::thread::yield_now();
        }
        assert!(has_ended(&ended), "its end is not read yet");
        child.wait().unwrap();
        assert!(has_ended(&ended));
        assert!(!has_ended(&LockOwner { host: "elsewhere".to_owned(), ..ended }), "it is not known");
    }

    #[tokio::test]
    async fn an_owner_that_has_not_written_itself_yet_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("owner.lock");
        let this = serde_json::to_string(&LockOwner::this_process("flow serve")).unwrap();
        std::fs::write(&file, "").unwrap();
        let writes = async {
            tokio::time::sleep(READ_AGAIN_AFTER * 2).await;
            std::fs::write(&file, &this).unwrap();
        };
        let (owner, ()) = tokio::join!(holder(folder.path()), writes);
        assert_eq!(owner.map(|owner| owner.pid), Some(std::process::id()));
    }
}
