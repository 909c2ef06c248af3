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

fn documents(open: &dyn Fn() -> Store) {
    let store = open();
    let mut changes = DocumentChanges::default();
    for name in ["m/a", "m/a:1", "m/b", "n/a"] {
        changes.put(name, &json!({ "name": name })).unwrap();
    }
    store.change_documents(changes).unwrap();
    let mut changes = DocumentChanges::default();
    changes.put("m/a", &json!("replaced")).unwrap();
    changes.delete("m/b");
    changes.delete("m/none");
    store.change_documents(changes).unwrap();
    drop(store);
    let store = open();
    let named = |prefix: &str, after: Option<&str>, limit: usize| -> Vec<String> {
        let found: Vec<(String, Value)> = store.documents(prefix, after, limit).unwrap();
        found.into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(store.document::<Value>("m/a").unwrap(), Some(json!("replaced")));
    assert_eq!(store.document::<Value>("m/b").unwrap(), None, "what was deleted is gone");
    assert_eq!(store.document::<Value>("m").unwrap(), None, "a prefix is no name");
    assert_eq!(named("m/", None, 10), ["m/a", "m/a:1"], "by name, and no other prefix's");
    assert_eq!(named("m/", Some("m/a"), 10), ["m/a:1"], "a name is not behind itself");
    assert_eq!(named("", None, 2), ["m/a", "m/a:1"]);
    assert_eq!(named("m/", Some("m/z"), 10), Vec::<String>::new());
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
    let ids = |prefix: &str| -> Vec<String> {
        store.headers_of(prefix).unwrap().into_iter().map(|header| header.id).collect()
    };
    assert_eq!(ids("a-1"), ["a-1", "a-11"]);
    assert_eq!(ids("a-11"), ["a-11"]);
    assert_eq!(ids("b"), Vec::<String>::new());
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
    documents(&|| Store::new(records.clone()).unwrap());
}

#[test]
fn records_in_sled_keep_their_promises() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Store::new(SledRecords::open(folder.path()).unwrap()).unwrap();
    conformance(&open);
    documents(&open);
}

#[test]
fn an_id_is_one_to_three_names() {
    for id in ["endpoints-7k3f", "m:e", "m:e:uuid", "Ünïcode:ok"] {
        assert!(ExecutionId::new(id).is_ok(), "{id}");
    }
    let long = "n".repeat(81);
    for id in ["", ":", "m:", ":e", "a:b:c:d", "a b", "a/b", "a\0b", &long] {
        assert!(ExecutionId::new(id).is_err(), "{id}");
    }
    let longest = "n".repeat(80);
    assert!(ExecutionId::new(&format!("{longest}:{longest}:{longest}")).is_ok());
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
