//! Exit codes, and errors that carry one.

use std::io;

use crate::{
    proposed::{OPTIONS, quote_id},
    wire::client::ClientError,
};

/// The exit codes; docs/reference/exit-codes.md lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Succeeded, or nothing to do.
    Success = 0,
    /// The execution FAILED, TIMED_OUT or was ABORTED.
    Failed = 1,
    /// The command line is wrong. The parser reports most such errors itself.
    Usage = 2,
    /// Refused before anything was changed.
    Refused = 3,
    /// Not found.
    NotFound = 4,
    /// Owned by another process that cannot be reached.
    Unreachable = 5,
    /// A plan has changes (`--plan --detailed-exitcode`).
    Changes = 10,
    /// Stopped at a wait or paused; resume later.
    Waiting = 75,
    /// Ended by SIGHUP, such as when its terminal closed, before the execution ended; nothing is lost.
    HungUp = 129,
    /// Ended by SIGINT before the execution ended; nothing is lost.
    Interrupted = 130,
    /// Ended by SIGQUIT (Ctrl-\), as by a second SIGINT; nothing is lost.
    Quit = 131,
    /// Ended by SIGTERM before the execution ended; nothing is lost.
    Terminated = 143,
}

impl Exit {
    /// The severity of a code. Of several executions, the most severe code is returned.
    fn weight(self) -> u8 {
        match self {
            Exit::Success => 0,
            Exit::Waiting | Exit::Changes => 1,
            Exit::NotFound => 2,
            Exit::Refused | Exit::Usage => 3,
            Exit::Failed => 4,
            Exit::Unreachable => 5,
            Exit::Interrupted => 6,
            Exit::HungUp => 7,
            Exit::Terminated => 8,
            Exit::Quit => 9,
        }
    }

    /// Whether it is the code of a command that a signal ended.
    pub fn is_of_signal(self) -> bool {
        matches!(self, Exit::Interrupted | Exit::HungUp | Exit::Terminated | Exit::Quit)
    }

    /// The more severe of two codes.
    pub fn worse(self, other: Exit) -> Exit {
        if other.weight() > self.weight() { other } else { self }
    }
}

/// An error that ends a command.
#[derive(Debug, Clone)]
pub struct CliError {
    /// The exit code.
    pub exit: Exit,
    /// The message; one line for each problem.
    pub message: String,
    /// The next action of the person.
    pub hint: Option<String>,
    /// The kind of the fault that caused it, if an operation failed.
    pub fault: Option<String>,
}

impl CliError {
    /// An error with an exit code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        CliError { exit, message: message.into(), hint: None, fault: None }
    }

    /// Refused before anything was changed.
    pub fn refused(message: impl Into<String>) -> Self {
        CliError::new(Exit::Refused, message)
    }

    /// The command line is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        CliError::new(Exit::Usage, message)
    }

    /// Not found.
    pub fn not_found(message: impl Into<String>) -> Self {
        CliError::new(Exit::NotFound, message)
    }

    /// Adds a hint what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<api::Fault> for CliError {
    fn from(fault: api::Fault) -> Self {
        of_fault(fault.kind, fault.message, fault.execution)
    }
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Fault(fault) => of_fault(&fault.kind, fault.message, fault.execution),
            ClientError::Absent(_)
            | ClientError::Gone(_)
            | ClientError::Ending(_)
            | ClientError::Silent
            | ClientError::Malformed(_)
            | ClientError::Incompatible { .. } => CliError::new(Exit::Unreachable, error.to_string()),
        }
    }
}

/// The exit code and the hint of a fault, by its name. `existing` is the execution because of which a start or a resume is refused.
fn of_fault(kind: &str, message: String, existing: Option<String>) -> CliError {
    let existing = existing.map_or_else(|| "ID".to_owned(), |id| quote_id(&id));
    let error = match kind {
        api::STATE_DOES_NOT_EXIST => CliError::not_found(message),
        "ExecutionDoesNotExist" => CliError::not_found(message).hint(format!("flow status --all{OPTIONS} lists all")),
        api::INTERNAL_FAILURE => store_failed(message),
        api::HAS_ENDED | api::ALREADY_ANSWERED | api::CALL_RUNS | api::TASK_TIMED_OUT => {
            CliError::new(Exit::Failed, message)
        }
        api::CREDENTIALS_UNUSABLE => CliError::new(Exit::Waiting, message).hint(
            "get new credentials (such as `aws sso login`, or --profile with another profile), then repeat the command",
        ),
        api::ENVIRONMENT_REFUSED => CliError::refused(message).hint(
            "give credentials of the pinned account, such as --profile with another profile, then repeat the command",
        ),
        api::ENVIRONMENT_UNREACHABLE => CliError::new(Exit::Waiting, message).hint(then_repeat(REACH_STS)),
        api::UNAVAILABLE => CliError::new(Exit::Unreachable, message),
        api::SUBJECT_BUSY => {
            CliError::refused(message).hint(format!(
                "flow resume {existing}{OPTIONS}   continues it, and   flow cancel {existing}{OPTIONS}   ends it"
            ))
        }
        "ExecutionAlreadyExists" => CliError::refused(message).hint(format!(
            "flow status {existing}{OPTIONS} shows that execution; flow run with another --id starts a new one; nothing was run"
        )),
        _ => CliError::refused(message),
    };
    CliError { fault: Some(kind.to_owned()), ..error }
}

/// The hint for an AWS STS that does not answer.
pub const REACH_STS: &str = "check that AWS STS can be reached from here (network, proxy, AWS_ENDPOINT_URL)";

/// The last step of a repair.
const REPEAT: &str = "repeat the command";

/// The hint of an error of a call that the command made itself. A step's hint names the repair only.
pub fn then_repeat(repair: &str) -> String {
    let repair = repair.trim_end_matches('.');
    match repair.contains(REPEAT) {
        true => repair.to_owned(),
        false => format!("{repair}, then {REPEAT}"),
    }
}

/// The error of a store that failed while it was in use.
pub fn store_failed(message: impl Into<String>) -> CliError {
    CliError::new(Exit::Failed, message).hint(format!(
        "nothing new was begun. See   flow doctor{OPTIONS}   , make room or repair the disk, then   \
         flow resume --all{OPTIONS}"
    ))
}

/// The kind of the fault of a store that has no room to be written.
pub const NO_ROOM: &str = "NoRoom";

/// The error of a home or a store that has no room to be written. `kind` is the system's, for which [`engine::store::lacks_room`] is true.
pub fn no_room(message: impl Into<String>, kind: io::ErrorKind) -> CliError {
    let repair = match kind {
        io::ErrorKind::QuotaExceeded => "make room within the user's quota",
        io::ErrorKind::FileTooLarge => "raise the limit of a file's size (ulimit -f)",
        _ => "make room",
    };
    let error = CliError::new(Exit::Failed, message).hint(format!("nothing was changed: {}", then_repeat(repair)));
    CliError { fault: Some(NO_ROOM.to_owned()), ..error }
}

impl From<deploy::plan::Conflict> for CliError {
    fn from(conflict: deploy::plan::Conflict) -> Self {
        CliError::refused(conflict.to_string())
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> Self {
        CliError::refused(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::{Exit, of_fault, then_repeat};

    #[test]
    fn a_state_that_does_not_exist_is_not_found() {
        let error =
            of_fault(api::STATE_DOES_NOT_EXIST, "the definition of r-1 has no state named 'Tow'".to_owned(), None);
        assert_eq!((error.exit, error.fault.as_deref()), (Exit::NotFound, Some("StateDoesNotExist")));
    }

    #[test]
    fn after_a_repair_the_command_is_repeated() {
        assert_eq!(then_repeat("Allow it in IAM."), "Allow it in IAM, then repeat the command");
        assert_eq!(then_repeat("allow it"), "allow it, then repeat the command");
        assert_eq!(then_repeat("stop it and repeat the command"), "stop it and repeat the command", "once");
    }

    #[test]
    fn a_busy_subject_is_refused_with_the_commands_for_its_execution() {
        let error = of_fault(api::SUBJECT_BUSY, "the subject is busy".to_owned(), Some("shop-1".to_owned()));
        assert_eq!((error.exit, error.fault.as_deref()), (Exit::Refused, Some(api::SUBJECT_BUSY)));
        let hint = error.hint.unwrap_or_default();
        assert!(hint.contains("flow resume shop-1 ") && hint.contains("flow cancel shop-1 "), "{hint}");
    }
}
