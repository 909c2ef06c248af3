//! The waits of a runbook: each polls until a condition holds. The interval is an argument, the deadline is the state's
//! `TimeoutSeconds`, and people see the last result as the reason.

mod dns;
mod file;
mod http;
mod program;
mod tcp;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use engine::step::{Answer, Registry, StepContext, StepResult};

pub use self::http::refused_body_pattern;
use crate::{local_limits::waited_too_long, local_settings::LocalSettings};

/// The longest wait of a state without `TimeoutSeconds`.
const WAIT_TIME_MAX: Duration = Duration::from_secs(24 * 3_600);
/// The default interval between two polls, in seconds.
const INTERVAL_SECONDS: u64 = 10;
/// The longest interval between two polls, in seconds.
const INTERVAL_SECONDS_MAX: u64 = 3_600;
/// The time that one poll of a server may take.
const POLL_TIME_MAX: Duration = Duration::from_secs(10);
/// The minimum time that one poll of a server may take, if the deadline of the state is near.
const POLL_TIME_MIN: Duration = Duration::from_secs(1);

pub(crate) fn register(registry: &mut Registry, settings: &Arc<LocalSettings>) {
    step!(registry, settings, "wait:dns", "Waits until DNS has a record, or one with the wanted value.", [], dns::wait);
    step!(
        registry,
        settings,
        "wait:file",
        "Waits until a file below the folder in FLOW_FILES exists, or is gone.",
        [],
        file::wait
    );
    step!(
        registry,
        settings,
        "wait:http",
        "Waits until a URL answers with a wanted status and a body that matches.",
        [],
        http::wait
    );
    step!(
        registry,
        settings,
        "wait:program",
        "Waits until a program that FLOW_PROGRAMS allows ends with the wanted exit code.",
        [],
        program::wait
    );
    step!(registry, settings, "wait:tcp", "Waits until a host accepts connections on a port.", [], tcp::wait);
}

fn interval_default() -> u64 {
    INTERVAL_SECONDS
}

/// Polls a server. A poll may take half of the time until the deadline: its finding is then recorded before the state times out.
///
/// # Errors
/// The server does not answer in time, or the answer is no longer needed. The error is the reason to continue waiting.
async fn within<T>(context: &StepContext, nothing: &str, poll: impl Future<Output = T>) -> Result<T, String> {
    let time_left = context.deadline_ms.map(|due| Duration::from_millis(due.saturating_sub(context.now_ms)));
    let limit = time_left.map_or(POLL_TIME_MAX, |left| (left / 2).clamp(POLL_TIME_MIN, POLL_TIME_MAX));
    tokio::select! {
        found = tokio::time::timeout(limit, poll) => {
            found.map_err(|_| format!("{nothing} within {} s", limit.as_secs()))
        }
        // A failed execution does not wait for the server.
        () = context.abandonment.abandoned() => Err("the attempt is over".to_owned()),
    }
}

/// The answer of a poll whose condition does not hold.
fn not_yet<T>(context: &StepContext, reason: String, interval_seconds: u64) -> StepResult<T> {
    let waited_ms = context.now_ms.saturating_sub(context.first_poll_ms);
    if context.deadline_ms.is_none() && u128::from(waited_ms) >= WAIT_TIME_MAX.as_millis() {
        return Err(waited_too_long(format!("not ready after 24 h: {reason}")));
    }
    let interval = Duration::from_secs(interval_seconds.clamp(1, INTERVAL_SECONDS_MAX));
    Ok(Answer::pending(reason, interval))
}
