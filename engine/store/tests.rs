//! One suite for every kind of records, and what only a disk can fear.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::json;

use super::*;
use crate::{
    asl,
    machine::{Execution, Input, advance},
    query::Moment,
};

fn begun(id: &str) -> (Execution, Write) {
    let definition = json!({
        "QueryLanguage": "JSONata",
        "StartAt": "W",
        "States": { "W": { "Type": "Wait", "Seconds": 60, "End": true } }
    });
    let input = json!({ "n": 1 });
    let mut execution = Execution::new(id, "test", asl::parse(&definition).unwrap(), input.clone());
    let transition = advance(&mut execution, Input::Start, &Moment { now_ms: 5_000, entropy: 1 });
    let origin = Origin { definition: Arc::new(definition), input: Arc::new(input) };
    (execution, Write { execution: id.to_owned(), origin: Some(origin), transition })
}

fn conformance(open: &dyn Fn() -> Store) {
    let store = open();
    let (execution, write) = begun("a-1");
    let (other, other_write) = begun("a-11");
    store.commit(&[write, other_write]).unwrap();
    drop(store);
    let store = open();
    assert_eq!(store.header("a-1").unwrap().unwrap(), execution.header, "what was committed is read back");
    assert_eq!(store.header("none").unwrap(), None);
    assert_eq!(store.headers().unwrap().len(), 2);
    let rows = store.frames("a-1").unwrap();
    assert_eq!(rows, execution.frames.values().map(|frame| frame.row.clone()).collect::<Vec<_>>());
    assert_eq!(store.frames("a-11").unwrap().len(), other.frames.len(), "a longer id is another execution");
    let entries = store.entries("a-1", 1, 100).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(store.entries("a-1", 2, 100).unwrap(), entries[1..]);
    assert_eq!(store.entries("a-1", 1, 1).unwrap(), entries[..1]);
    assert_eq!(store.definition("a-1").unwrap().unwrap().1["StartAt"], "W");
    store.forget("a-1").unwrap();
    assert_eq!(store.header("a-1").unwrap(), None);
    assert_eq!(store.entries("a-1", 1, 100).unwrap(), []);
    assert!(store.header("a-11").unwrap().is_some());
}

#[test]
fn records_in_memory_keep_their_promises() {
    let records = MemoryRecords::new();
    conformance(&|| Store::new(records.clone()).unwrap());
}

#[test]
fn records_in_sled_keep_their_promises() {
    let folder = tempfile::tempdir().unwrap();
    conformance(&|| Store::new(SledRecords::open(folder.path()).unwrap()).unwrap());
}

#[test]
fn a_flipped_byte_is_told_and_not_believed() {
    let records = MemoryRecords::new();
    let store = Store::new(records.clone()).unwrap();
    store.commit(&[begun("a-1").1]).unwrap();
    let key = keys::header("a-1");
    let mut bytes = records.get(&key).unwrap().unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    let mut batch = Batch::default();
    batch.put(key, bytes);
    records.commit(batch).unwrap();
    let error = store.header("a-1").unwrap_err();
    assert!(matches!(&error, StoreError::Damaged { key, .. } if key == "h/a-1"), "{error}");
}

#[test]
fn a_store_of_a_later_version_is_left_alone() {
    let records = MemoryRecords::new();
    let mut batch = Batch::default();
    batch.put(keys::FORMAT.to_vec(), codec::encode(&99_u32).unwrap());
    records.commit(batch).unwrap();
    assert_eq!(Store::new(records).unwrap_err(), StoreError::Format { found: 99, known: codec::FORMAT });
}

#[test]
fn two_owners_are_impossible() {
    let home = tempfile::tempdir().unwrap();
    let first = OwnerLock::try_acquire(home.path()).unwrap();
    assert!(first.is_some());
    assert!(OwnerLock::try_acquire(home.path()).unwrap().is_none());
    assert_eq!(OwnerLock::holder(home.path()).unwrap().pid, std::process::id());
    drop(first);
    assert!(OwnerLock::try_acquire(home.path()).unwrap().is_some(), "the lock dies with its owner");
}
