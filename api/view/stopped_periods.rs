//! The periods between an end of an execution and the redrive that follows it, and its active time, which excludes them.

use serde::{Deserialize, Serialize};

use super::View;

/// The time between an end and the redrive that followed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoppedPeriod {
    /// When the execution ended, in milliseconds since the Unix epoch.
    pub from_ms: u64,
    /// When it was redriven, in milliseconds since the Unix epoch.
    pub until_ms: u64,
}

impl View {
    /// For how long the execution was active between two times.
    pub fn active_ms(&self, from_ms: u64, until_ms: u64) -> u64 {
        let overlap =
            |stopped: &StoppedPeriod| stopped.until_ms.min(until_ms).saturating_sub(stopped.from_ms.max(from_ms));
        let stopped_total_ms: u64 = self.stopped_periods.iter().map(overlap).sum();
        until_ms.saturating_sub(from_ms).saturating_sub(stopped_total_ms)
    }

    /// For how long it has been active since its start.
    pub fn took_ms(&self, now_ms: u64) -> u64 {
        self.active_ms(self.started_ms, self.stopped_ms.unwrap_or(now_ms))
    }
}
