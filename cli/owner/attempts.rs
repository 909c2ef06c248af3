//! The attempts of one call: if the owner of the store ends, the next one receives the same call.

use super::{errors::failed, retry_limit::RetryLimit};
use crate::{exit::CliError, home::Home, wire::client::ClientError};

/// The effect of a call. It decides what an error message says after an owner received the call and ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallKind {
    /// It changes nothing.
    Read,
    /// An owner that has ended may have carried it out.
    Change,
    /// As `Change`, and it begins to act in an environment.
    Act,
}

/// The attempts of one call.
pub(super) struct Attempts<'h> {
    home: &'h Home,
    kind: CallKind,
    limit: RetryLimit,
    is_repeated: bool,
}

impl<'h> Attempts<'h> {
    /// Begins a call: its time to find a next owner starts now.
    pub fn begin(home: &'h Home, kind: CallKind) -> Self {
        Attempts { home, kind, limit: RetryLimit::begin(), is_repeated: false }
    }

    /// Whether an earlier owner received the same call, ended without a response, and may have carried it out.
    pub fn is_repeated(&self) -> bool {
        self.is_repeated
    }

    /// Called when an owner has ended after it worked on the call: the time to find the next owner starts now.
    pub fn extend(&mut self) {
        self.limit = RetryLimit::begin();
    }

    /// Whether the next owner receives the call after this error.
    pub fn may_continue(&mut self, error: &ClientError) -> bool {
        let continues = self.limit.allows(self.home, error);
        self.is_repeated |= continues && matches!(error, ClientError::Gone(_));
        continues
    }

    /// Decides whether the next owner, which may be this process, receives the call after the call of one has failed.
    ///
    /// # Errors
    /// The error of the call, if it is not repeated.
    pub fn check(&mut self, error: ClientError) -> Result<(), CliError> {
        match self.may_continue(&error) {
            true => Ok(()),
            false => Err(self.explained(failed(self.home, error))),
        }
    }

    /// The error of the call. If an owner may have carried the call out, the message reports that instead of "nothing was changed".
    pub fn explained(&self, error: CliError) -> CliError {
        explained(self.kind, self.is_repeated, error)
    }
}

fn explained(kind: CallKind, is_repeated: bool, error: CliError) -> CliError {
    if !is_repeated || kind == CallKind::Read {
        return error;
    }
    let message = format!(
        "the owner of the store ended during this call and may have carried it out; the next owner says: {}",
        error.message
    );
    let fault = error.fault.clone().filter(|_| kind != CallKind::Act);
    CliError { message, fault, ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_error_of_a_repeated_call_that_changes_something_says_that_it_may_have_been_carried_out() {
        let error = || CliError::from(api::Fault::new(api::ENVIRONMENT_REFUSED, "why"));
        for kind in [CallKind::Read, CallKind::Change, CallKind::Act] {
            assert_eq!(explained(kind, false, error()).message, "why", "{kind:?}");
        }
        assert_eq!(explained(CallKind::Read, true, error()).message, "why");
        for (kind, keeps_fault) in [(CallKind::Change, true), (CallKind::Act, false)] {
            let error = explained(kind, true, error());
            assert!(error.message.ends_with("may have carried it out; the next owner says: why"), "{kind:?}");
            assert_eq!(error.fault.is_some(), keeps_fault, "{kind:?}: the fault would say that nothing was changed");
        }
    }
}
