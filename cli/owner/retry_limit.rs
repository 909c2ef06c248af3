//! The time that a process waits for the next owner of the store.

use std::time::Duration;

use tokio::time::Instant;

use super::description;
use crate::{
    home::Home,
    wire::client::{ClientError, SILENCE_MAX},
};

/// The interval between attempts while waiting.
pub(super) const RETRY_AFTER: Duration = Duration::from_millis(20);
/// The time that a process waits for an owner that starts or ends.
pub(super) const OWNER_WAIT_MAX: Duration = SILENCE_MAX;
/// The time that calls in flight may take when an owner stops.
pub(super) const DRAIN_MAX: Duration = Duration::from_secs(30);
/// The time that a process waits for an owner that drains its calls in flight.
const OWNER_END_MAX: Duration = Duration::from_secs(DRAIN_MAX.as_secs() + 5);

/// Limits how long a call waits for the next owner.
pub(super) struct RetryLimit {
    began: Instant,
    is_announced: bool,
}

impl RetryLimit {
    pub fn begin() -> Self {
        RetryLimit { began: Instant::now(), is_announced: false }
    }

    /// Whether to keep waiting for an owner that only reads.
    pub fn allows_for_reader(&mut self, home: &Home) -> bool {
        if self.began.elapsed() > SILENCE_MAX && !std::mem::replace(&mut self.is_announced, true) {
            report!("flow: waiting for {}, which reads the store", description::described(home.folder()));
        }
        self.began.elapsed() < OWNER_END_MAX
    }

    /// Whether to repeat the call at the next owner. An owner that is ending may take as long as its calls in flight.
    pub fn allows(&mut self, home: &Home, error: &ClientError) -> bool {
        let limit = match error {
            ClientError::Absent(_) | ClientError::Gone(_) => OWNER_WAIT_MAX,
            ClientError::Ending(_) => OWNER_END_MAX,
            _ => return false,
        };
        if matches!(error, ClientError::Ending(_)) && !std::mem::replace(&mut self.is_announced, true) {
            let (who, seconds) = (description::described(home.folder()), DRAIN_MAX.as_secs());
            report!("flow: waiting until {who} has ended, which may take {seconds} s");
        }
        self.began.elapsed() < limit
    }
}
