//! A map run: the record of one run of a distributed Map, as in AWS's API, and those of its child executions. The iterations themselves are
//! frames of the parent; these records serve DescribeMapRun and ListExecutions. Source: Step Functions API Reference, "DescribeMapRun",
//! "MapRunItemCounts", "MapRunExecutionCounts"; Developer Guide, "Examining Map Run".

use serde::{Deserialize, Serialize};

use crate::{asl::LABEL_CHARACTERS_MAX, machine::Tolerated};

/// The record of a map run. Its size does not depend on the number of child executions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MapRun {
    /// Its number within the top execution. A later run has a higher one.
    pub number: u64,
    /// The end of its ARN: a UUID derived from execution, state path and number.
    pub uuid: String,
    /// The label in its ARN and in those of its child executions.
    pub label: String,
    /// The child execution that contains its Map, if distributed Maps are nested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<ChildId>,
    /// Whether its child executions are EXPRESS ones.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub express: bool,
    /// Whether its items are the key-value pairs of a JSON object.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keyed: bool,
    /// The source from which an ItemReader read its items, such as `S3://bucket/key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Current status.
    pub status: MapRunStatus,
    /// When it began, in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// When it ended, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_ms: Option<u64>,
    /// `MaxConcurrency`; 0 means the service's limit.
    pub max_concurrency: u64,
    /// The number of failures that it tolerates.
    pub tolerated: Tolerated,
    /// The limits that UpdateMapRun has set; a redrive keeps them.
    #[serde(default)]
    pub updated: MapRunLimits,
    /// Counts of its items.
    pub items: Counts,
    /// Counts of its child executions.
    pub executions: Counts,
    /// The number of redrives.
    #[serde(default)]
    pub redrive_count: u32,
    /// When it was last redriven, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redriven_ms: Option<u64>,
    /// Child executions from this index on wait for their redrive.
    #[serde(default)]
    pub(super) redrive_from: u64,
}

/// The status of a map run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MapRunStatus {
    /// Not ended.
    Running,
    /// All child executions have ended, and no more of them failed than was tolerated.
    Succeeded,
    /// Too many child executions failed, or the items or the results could not be read or written.
    Failed,
    /// Its execution was stopped or timed out, or a sibling branch failed.
    Aborted,
}

/// The limits that UpdateMapRun can change; `None` leaves a limit unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MapRunLimits {
    /// `maxConcurrency`; 0 means the service's limit.
    pub max_concurrency: Option<u64>,
    /// `toleratedFailureCount`.
    pub tolerated_failure_count: Option<u64>,
    /// `toleratedFailurePercentage`, 0 to 100.
    pub tolerated_failure_percentage: Option<f64>,
}

/// Counts of items or child executions by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[expect(
    missing_docs,
    reason = "the fields are those of MapRunItemCounts and MapRunExecutionCounts, under their names"
)]
pub struct Counts {
    pub pending: u64,
    pub running: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub timed_out: u64,
    pub aborted: u64,
    pub total: u64,
    pub results_written: u64,
    pub pending_redrive: u64,
}

/// The status of a child execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ChildStatus {
    /// Not ended.
    Running,
    /// Ended successfully.
    Succeeded,
    /// Ended with an error.
    Failed,
    /// Stopped, because its map run failed or its execution was stopped.
    Aborted,
    /// It failed or was stopped, and waits for its redrive.
    PendingRedrive,
}

/// Identifies a child execution within its top execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChildId {
    /// The number of its map run.
    pub run: u64,
    /// The index of its item, or of its batch of items.
    pub index: u64,
}

/// The record of a child execution. Input, output and events are in its journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Child {
    /// Its id.
    pub id: ChildId,
    /// Current status.
    pub status: ChildStatus,
    /// When it began, in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// When it ended, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_ms: Option<u64>,
    /// The number of items that it processes.
    pub items: u64,
    /// Id of the last event of its history.
    pub last_event_id: u64,
    /// The number of redrives.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub redrive_count: u32,
    /// When it was last redriven, in milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redriven_ms: Option<u64>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Counts {
    /// Counts of `total` executions that have not begun.
    pub(super) fn of(total: u64) -> Self {
        Counts { pending: total, total, ..Counts::default() }
    }

    fn of_status(&mut self, status: ChildStatus) -> &mut u64 {
        match status {
            ChildStatus::Running => &mut self.running,
            ChildStatus::Succeeded => &mut self.succeeded,
            ChildStatus::Failed => &mut self.failed,
            ChildStatus::Aborted => &mut self.aborted,
            ChildStatus::PendingRedrive => &mut self.pending_redrive,
        }
    }

    /// Moves `count` from one status to another; `None` means not begun.
    fn moved(&mut self, from: Option<ChildStatus>, to: ChildStatus, count: u64) {
        let left = match from {
            None => &mut self.pending,
            Some(from) => self.of_status(from),
        };
        *left = left.saturating_sub(count);
        *self.of_status(to) += count;
    }
}

impl MapRunLimits {
    /// Merges these limits with those of a later request, which take precedence.
    pub(super) fn with(self, later: MapRunLimits) -> Self {
        MapRunLimits {
            max_concurrency: later.max_concurrency.or(self.max_concurrency),
            tolerated_failure_count: later.tolerated_failure_count.or(self.tolerated_failure_count),
            tolerated_failure_percentage: later.tolerated_failure_percentage.or(self.tolerated_failure_percentage),
        }
    }
}

impl MapRun {
    /// Whether it is a run of the Map with this path in an execution.
    pub fn is_of(&self, execution: &str, state_path: &str) -> bool {
        self.uuid == uuid(execution, state_path, self.number)
    }

    /// Applies new limits.
    pub(super) fn apply(&mut self, limits: MapRunLimits) {
        self.max_concurrency = limits.max_concurrency.unwrap_or(self.max_concurrency);
        self.tolerated.count = limits.tolerated_failure_count.or(self.tolerated.count);
        self.tolerated.percentage = limits.tolerated_failure_percentage.or(self.tolerated.percentage);
    }

    /// Counts a child execution under its new status.
    pub(super) fn count(&mut self, from: Option<ChildStatus>, child: &Child) {
        self.executions.moved(from, child.status, 1);
        self.items.moved(from, child.status, child.items);
    }

    /// The UUID at the beginning of the names of its child executions.
    pub(crate) fn uuid_prefix(&self) -> &str {
        uuid_prefix(&self.uuid).unwrap_or_default()
    }

    /// The ARN of a child execution. `prefix` is `arn:aws:states:REGION:ACCOUNT`, `machine` the name of the Map's state machine.
    pub fn child_arn(&self, prefix: &str, machine: &str, index: u64) -> String {
        let kind = if self.express { "express" } else { "execution" };
        format!("{prefix}:{kind}:{machine}/{}:{}", self.label, self.child_name(index))
    }

    /// The name of a child execution: a UUID that ends with the index and shares all other groups with the run's UUID.
    pub fn child_name(&self, index: u64) -> String {
        format!("{}{index:012x}", self.uuid_prefix())
    }
}

/// The length, in characters, of the prefix that a map run's UUID and its child executions' UUIDs share.
const UUID_PREFIX_CHARACTERS: usize = 24;

/// The prefix that a map run's UUID and its child executions' UUIDs share; `None` if the text is no such UUID.
pub(crate) fn uuid_prefix(uuid: &str) -> Option<&str> {
    let (uuid_prefix, rest) = uuid.split_at_checked(UUID_PREFIX_CHARACTERS)?;
    (rest.len() == 12 && rest.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(uuid_prefix)
}

/// The index in the name of a child execution.
pub fn child_index(name: &str) -> Option<u64> {
    uuid_prefix(name)?;
    u64::from_str_radix(&name[UUID_PREFIX_CHARACTERS..], 16).ok()
}

/// The UUID of a map run (RFC 9562, version 8: its bits are a hash of ours).
pub(super) fn uuid(execution: &str, state_path: &str, number: u64) -> String {
    let hex = crate::step::idempotency_token(execution, &format!("map run of {state_path}"), number);
    format!("{}-{}-8{}-a{}-{}", &hex[..8], &hex[8..12], &hex[12..15], &hex[15..18], &hex[18..30])
}

/// The label of a Map: the field `Label`, or a label derived from the state's name. It has only characters that an ARN allows. Different
/// names have different labels.
pub fn label(own: Option<&str>, state: &str) -> String {
    let text = own.unwrap_or(state);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
    if text.chars().all(plain) && text.len() <= LABEL_CHARACTERS_MAX {
        return text.to_owned();
    }
    let kept: String = text.chars().map(|c| if plain(c) { c } else { '-' }).take(LABEL_CHARACTERS_MAX - 9).collect();
    format!("{kept}-{}", &crate::step::idempotency_token(text, "label", 0)[..8])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_label_fits_into_an_arn_and_two_names_do_not_share_one() {
        assert_eq!(label(Some("Rows"), "Any"), "Rows");
        let (one, other) = (label(None, "Each row: a/b"), label(None, "Each row; a/b"));
        assert!(one.starts_with("Each-row--a-b-") && one.len() <= 40, "{one}");
        assert_ne!(one, other);
        assert!(label(None, &"ü".repeat(80)).len() <= 40);
    }

    #[test]
    fn the_name_of_a_child_leads_to_its_run_and_index() {
        let run = uuid("m:e", "A", 7);
        assert_eq!((run.len(), run.as_bytes()[14], run.as_bytes()[19]), (36, b'8', b'a'));
        assert_eq!(run, uuid("m:e", "A", 7), "the same after a crash");
        assert_ne!(run, uuid("m:e", "A", 8));
        let name = format!("{}{:012x}", uuid_prefix(&run).unwrap(), 10_000);
        assert_eq!((uuid_prefix(&name), child_index(&name)), (uuid_prefix(&run), Some(10_000)));
        assert_eq!((child_index("none"), child_index(&"x".repeat(36))), (None, None));
    }
}
