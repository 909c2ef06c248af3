//! The key of each record. Ids contain no NUL, so a prefix of an id and NUL selects one execution.
//!
//! | prefix | what |
//! |---|---|
//! | `s/` | the execution record: its status, with the top frame |
//! | `a/` | the wake record of an execution that has not ended |
//! | `t/` | the start record, by workflow and start, the latest first; `i/` a long input |
//! | `d/` | definitions by their hash |
//! | `f/` | the frames below the top, and the parts of each frame |
//! | `j/` | the journal, a record for each turn or each 128 entries of a longer one, by the last sequence in it |
//! | `c/` | the resources that it created, and when |
//! | `e/` | early signals, since format 4 |
//! | `l/` | the list of each workflow's executions by status, redriven or not, and time, the latest first; since format 5 |
//! | `n/` | documents |
//! | `r/` | map runs, by their number; `u/` execution and number of one, by the UUID prefix that it shares with its child executions |
//! | `x/` | child executions of map runs, the latest first; `y/` their histories, in records as those of the journal |
//! | `m/` | the format, and the checkpoint of the commit log, which is a number and not an encoded record |
//!
//! In format 2 the execution record of an execution that has not continued in a later format is under `a/`, or under `h/` once it
//! has ended. Its top frame is under `f/`, its start record under `o/`, and `t/` has the hash of its definition.

use crate::machine::ChildId;

const OF_STORE: &[u8] = b"m/";
pub(super) const FORMAT: &[u8] = b"m/format";
pub(super) const WAKE_RECORDS: &[u8] = b"a/";
const EXECUTION_RECORD: &[u8] = b"s/";
const ENDED_IN_FORMAT_2: &[u8] = b"h/";
const INPUTS: &[u8] = b"i/";
pub(super) const DEFINITIONS: &[u8] = b"d/";
pub(super) const BY_START: &[u8] = b"t/";
/// The prefix of start records in format 2.
pub(super) const STARTS_IN_FORMAT_2: &[u8] = b"o/";
pub(super) const LIST_RECORDS: &[u8] = b"l/";
const FRAMES: &[u8] = b"f/";
const ENTRIES: &[u8] = b"j/";
const CREATED: &[u8] = b"c/";
const EARLY_SIGNALS: &[u8] = b"e/";
const MAP_RUNS: &[u8] = b"r/";
const MAP_RUNS_BY_UUID: &[u8] = b"u/";
const CHILDREN: &[u8] = b"x/";
const CHILD_ENTRIES: &[u8] = b"y/";
const DOCUMENTS: &[u8] = b"n/";

/// The kind of a record, which its key determines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RecordKind {
    Format,
    /// Of the commit log; not encoded as the other records.
    Checkpoint,
    Execution,
    Wake,
    Start,
    /// In format 2.
    StartInFormat2,
    Input,
    Definition,
    ListRecord,
    Frame,
    Part,
    Entries,
    Created,
    EarlySignal,
    MapRun,
    MapRunByUuid,
    Child,
    ChildEntries,
    Document,
    /// No function of this module makes such a key.
    Unknown,
}

/// The kind of the record with this key.
pub(super) fn kind(key: &[u8]) -> RecordKind {
    match key.get(..OF_STORE.len()).unwrap_or_default() {
        OF_STORE if key == FORMAT => RecordKind::Format,
        OF_STORE => RecordKind::Checkpoint,
        EXECUTION_RECORD | ENDED_IN_FORMAT_2 => RecordKind::Execution,
        WAKE_RECORDS => RecordKind::Wake,
        BY_START => RecordKind::Start,
        STARTS_IN_FORMAT_2 => RecordKind::StartInFormat2,
        INPUTS => RecordKind::Input,
        DEFINITIONS => RecordKind::Definition,
        LIST_RECORDS => RecordKind::ListRecord,
        FRAMES if is_frame(key) => RecordKind::Frame,
        FRAMES => RecordKind::Part,
        ENTRIES => RecordKind::Entries,
        CREATED => RecordKind::Created,
        EARLY_SIGNALS => RecordKind::EarlySignal,
        MAP_RUNS => RecordKind::MapRun,
        MAP_RUNS_BY_UUID => RecordKind::MapRunByUuid,
        CHILDREN => RecordKind::Child,
        CHILD_ENTRIES => RecordKind::ChildEntries,
        DOCUMENTS => RecordKind::Document,
        _ => RecordKind::Unknown,
    }
}

/// The key of a part has one byte more than the key of its frame.
fn is_frame(key: &[u8]) -> bool {
    let id_ends = key.iter().position(|byte| *byte == 0);
    id_ends.is_some_and(|end| key.len() == end + 1 + 8)
}

/// The execution record.
pub(super) fn execution_record(id: &str) -> Vec<u8> {
    [EXECUTION_RECORD, id.as_bytes()].concat()
}

/// The wake record.
pub(super) fn wake_record(id: &str) -> Vec<u8> {
    [WAKE_RECORDS, id.as_bytes()].concat()
}

/// The execution record of an ended execution in format 2.
pub(super) fn ended_in_format_2(id: &str) -> Vec<u8> {
    [ENDED_IN_FORMAT_2, id.as_bytes()].concat()
}

/// The id in a key of [`execution_record`], [`wake_record`] or [`ended_in_format_2`].
pub(super) fn id(key: &[u8]) -> Option<&str> {
    let id =
        [EXECUTION_RECORD, WAKE_RECORDS, ENDED_IN_FORMAT_2].into_iter().find_map(|prefix| key.strip_prefix(prefix))?;
    std::str::from_utf8(id).ok()
}

/// The execution of an execution record or a start record.
pub(super) fn execution(key: &[u8]) -> Option<&str> {
    match key.strip_prefix(EXECUTION_RECORD).or_else(|| key.strip_prefix(WAKE_RECORDS)) {
        Some(id) => std::str::from_utf8(id).ok(),
        None => start_of(key).map(|(.., id)| id),
    }
}

/// The start record in format 2.
pub(super) fn start_in_format_2(id: &str) -> Vec<u8> {
    [STARTS_IN_FORMAT_2, id.as_bytes()].concat()
}

pub(super) fn input(id: &str) -> Vec<u8> {
    [INPUTS, id.as_bytes()].concat()
}

pub(super) fn definition(hash: &str) -> Vec<u8> {
    [DEFINITIONS, hash.as_bytes()].concat()
}

/// The prefix of a workflow's start records.
pub(super) fn of_workflow(workflow: &str) -> Vec<u8> {
    [BY_START, workflow.as_bytes(), b"\0"].concat()
}

/// The start record: the latest start is first.
pub(super) fn by_start(workflow: &str, started_ms: u64, id: &str) -> Vec<u8> {
    [&of_workflow(workflow)[..], &(!started_ms).to_be_bytes(), id.as_bytes()].concat()
}

/// Workflow, start and id in a key of [`by_start`].
pub(super) fn start_of(key: &[u8]) -> Option<(&str, u64, &str)> {
    let rest = key.strip_prefix(BY_START)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let (workflow, rest) = (&rest[..end], &rest[end + 1..]);
    let (time, id) = rest.split_at_checked(8)?;
    let started_ms = !u64::from_be_bytes(time.try_into().ok()?);
    Some((std::str::from_utf8(workflow).ok()?, started_ms, std::str::from_utf8(id).ok()?))
}

/// The list of a workflow's executions in a group: of one status, redriven or not.
pub(super) fn list_group(workflow: &str, group: [u8; 2]) -> Vec<u8> {
    [LIST_RECORDS, workflow.as_bytes(), b"\0", &group].concat()
}

/// An execution in its group; the latest is first.
pub(super) fn list_record(workflow: &str, group: [u8; 2], at_ms: u64, id: &str) -> Vec<u8> {
    [&list_group(workflow, group)[..], &(!at_ms).to_be_bytes(), id.as_bytes()].concat()
}

/// Time and id in a key of [`list_record`] below the prefix of its group.
pub(super) fn list_position<'k>(key: &'k [u8], prefix: &[u8]) -> Option<(u64, &'k str)> {
    let (time, id) = key.strip_prefix(prefix)?.split_at_checked(8)?;
    Some((!u64::from_be_bytes(time.try_into().ok()?), std::str::from_utf8(id).ok()?))
}

/// The id in a key of [`list_record`].
pub(super) fn list_id(key: &[u8]) -> Option<&str> {
    let rest = key.strip_prefix(LIST_RECORDS)?;
    let workflow_ends = rest.iter().position(|byte| *byte == 0)?;
    // A group has two bytes, a time eight.
    std::str::from_utf8(rest.get(workflow_ends + 1 + 2 + 8..)?).ok()
}

pub(super) fn frames(id: &str) -> Vec<u8> {
    [FRAMES, id.as_bytes(), b"\0"].concat()
}

pub(super) fn frame(id: &str, frame: u64) -> Vec<u8> {
    [&frames(id)[..], &frame.to_be_bytes()].concat()
}

/// A part of a frame; it follows the frame.
pub(super) fn part(id: &str, frame_number: u64, part: u8) -> Vec<u8> {
    let mut key = frame(id, frame_number);
    key.push(part);
    key
}

pub(super) fn entries(id: &str) -> Vec<u8> {
    [ENTRIES, id.as_bytes(), b"\0"].concat()
}

pub(super) fn entry(id: &str, last_sequence: u64) -> Vec<u8> {
    [&entries(id)[..], &last_sequence.to_be_bytes()].concat()
}

pub(super) fn all_created(id: &str) -> Vec<u8> {
    [CREATED, id.as_bytes(), b"\0"].concat()
}

pub(super) fn created(id: &str, resource: &str) -> Vec<u8> {
    [&all_created(id)[..], resource.as_bytes()].concat()
}

/// The early signals of an execution.
pub(super) fn early_signals(id: &str) -> Vec<u8> {
    [EARLY_SIGNALS, id.as_bytes(), b"\0"].concat()
}

pub(super) fn early_signal(id: &str, number: u64) -> Vec<u8> {
    [&early_signals(id)[..], &number.to_be_bytes()].concat()
}

/// The map runs of an execution.
pub(super) fn map_runs(id: &str) -> Vec<u8> {
    [MAP_RUNS, id.as_bytes(), b"\0"].concat()
}

pub(super) fn map_run(id: &str, number: u64) -> Vec<u8> {
    [&map_runs(id)[..], &number.to_be_bytes()].concat()
}

/// The prefix of the map runs whose numbers differ from `number` only in the last `bits`, a multiple of 8.
pub(super) fn map_runs_sharing(id: &str, number: u64, bits: u32) -> Vec<u8> {
    let mut key = map_run(id, number);
    key.truncate(key.len() - bits as usize / 8);
    key
}

/// The execution and number of a map run, by its UUID prefix.
pub(super) fn map_run_by_uuid(uuid_prefix: &str) -> Vec<u8> {
    [MAP_RUNS_BY_UUID, uuid_prefix.as_bytes()].concat()
}

/// The child executions of all map runs of an execution.
pub(super) fn all_children(id: &str) -> Vec<u8> {
    [CHILDREN, id.as_bytes(), b"\0"].concat()
}

/// The child executions of a map run.
pub(super) fn children(id: &str, run: u64) -> Vec<u8> {
    [&all_children(id)[..], &run.to_be_bytes()].concat()
}

/// A child execution: the highest index is first.
pub(super) fn child(id: &str, child: ChildId) -> Vec<u8> {
    [&children(id, child.run)[..], &(!child.index).to_be_bytes()].concat()
}

/// The histories of all child executions of an execution.
pub(super) fn all_child_entries(id: &str) -> Vec<u8> {
    [CHILD_ENTRIES, id.as_bytes(), b"\0"].concat()
}

pub(super) fn child_entries(id: &str, child: ChildId) -> Vec<u8> {
    [&all_child_entries(id)[..], &child.run.to_be_bytes(), &child.index.to_be_bytes()].concat()
}

pub(super) fn child_entry(id: &str, child: ChildId, last_sequence: u64) -> Vec<u8> {
    [&child_entries(id, child)[..], &last_sequence.to_be_bytes()].concat()
}

pub(super) fn document(name: &str) -> Vec<u8> {
    [DOCUMENTS, name.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_the_kind_of_its_record() {
        let of_child = ChildId { run: 7, index: 3 };
        for (key, expected) in [
            (FORMAT.to_vec(), RecordKind::Format),
            (crate::store::logged::checkpoint::CHECKPOINT.to_vec(), RecordKind::Checkpoint),
            (execution_record("a-1"), RecordKind::Execution),
            (ended_in_format_2("a-1"), RecordKind::Execution),
            (wake_record("a-1"), RecordKind::Wake),
            (by_start("w", 1, "a-1"), RecordKind::Start),
            (start_in_format_2("a-1"), RecordKind::StartInFormat2),
            (input("a-1"), RecordKind::Input),
            (definition("hash"), RecordKind::Definition),
            (list_record("w", *b"rn", 1, "a-1"), RecordKind::ListRecord),
            (frame("a-1", 0), RecordKind::Frame),
            (frame("a-1", u64::MAX), RecordKind::Frame),
            (part("a-1", 0, 0), RecordKind::Part),
            (entry("a-1", 1), RecordKind::Entries),
            (created("a-1", "vpc-1"), RecordKind::Created),
            (early_signal("a-1", 1), RecordKind::EarlySignal),
            (map_run("a-1", 1), RecordKind::MapRun),
            (map_run_by_uuid("0011"), RecordKind::MapRunByUuid),
            (child("a-1", of_child), RecordKind::Child),
            (child_entry("a-1", of_child, 1), RecordKind::ChildEntries),
            (document("name"), RecordKind::Document),
            (b"z/".to_vec(), RecordKind::Unknown),
            (Vec::new(), RecordKind::Unknown),
        ] {
            assert_eq!(kind(&key), expected, "{}", String::from_utf8_lossy(&key));
        }
    }
}
