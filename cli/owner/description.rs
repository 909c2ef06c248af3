//! Describes the owner of a store: process, host, user and command, never its arguments.

use std::path::Path;

use engine::store::OwnerLock;

use crate::{
    exit::{CliError, Exit},
    home::Home,
};

/// Describes the owner of the store in a folder.
pub fn described(folder: &Path) -> String {
    match OwnerLock::owner(folder) {
        None => "another process".to_owned(),
        Some(owner) => {
            let (pid, host, user, command) = (owner.pid, owner.host, owner.user, owner.command);
            format!("process {pid} on {host} (user {user}, {command})")
        }
    }
}

/// The error of a command that needs exclusive access to the store.
pub fn owned_elsewhere(home: &Home) -> CliError {
    let who = described(home.folder());
    let end = match OwnerLock::owner(home.folder()) {
        None => "end that process".to_owned(),
        Some(owner) => format!("on {}:   kill {}   ends it", owner.host, owner.pid),
    };
    CliError::new(
        Exit::Unreachable,
        format!("the store in {} is owned by {who}: nothing was changed", home.folder().display()),
    )
    .hint(format!("{end}; then repeat the command. What it runs continues in the next owner. Or give another --home"))
}

/// The error of a command that needs the next owner while the current one waits for its calls in flight.
pub fn ending(home: &Home) -> CliError {
    let who = described(home.folder());
    let message = format!("the store in {} is owned by {who}, which is ending", home.folder().display());
    CliError::new(Exit::Unreachable, message)
        .hint("nothing was changed. Repeat the command when that process has ended")
}

/// The error of a command whose owner does not answer.
pub fn unreachable(home: &Home) -> CliError {
    let who = described(home.folder());
    let message = format!("the store in {} is owned by {who}, which does not answer", home.folder().display());
    let hint = match OwnerLock::owner(home.folder()) {
        None => "end that process, then repeat the command".to_owned(),
        Some(owner) => {
            let (pid, host) = (owner.pid, owner.host);
            format!(
                "on {host}:   kill -CONT {pid}   continues it if it is stopped,   kill -9 {pid}   ends it. \
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
