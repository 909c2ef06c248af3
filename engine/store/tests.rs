//! One conformance suite for every kind of records, and tests of the store on disk.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::sync::Arc;

use serde_json::{Value, json};

use super::{one_file::OneFile, *};
use crate::{
    asl,
    journal::{EntryContent, JournalEntry, Note},
    machine::{Execution, Input, advance},
    query::{InThisThread, Moment},
    step::{ChangeAction, ResourceChange},
};

fn begun(id: &str) -> (Execution, Write) {
    let definition = json!({
        "QueryLanguage": "JSONata",
        "StartAt": "W",
        "States": { "W": { "Type": "Wait", "Seconds": 60, "End": true } }
    });
    let input = json!({ "n": 1 });
    let mut execution = Execution::new(id, "test", asl::parse(&definition).unwrap(), input.clone());
    let transition = advance(&mut execution, Input::Start, &Moment { now_ms: 5_000, entropy: 1 }, &InThisThread);
    let start = StartData { definition: Definition::from(&definition), input: Arc::new(input) };
    (
        execution,
        Write { execution: id.to_owned(), start: Some(start), transition, documents: DocumentChanges::default() },
    )
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
    assert_eq!(named("m/", Some("m/a"), 10), ["m/a:1"], "the name `after` is not on the page");
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
    let listed = store.starts_page("test", None, 10).unwrap();
    assert_eq!(listed.iter().map(|listed| listed.id.as_str()).collect::<Vec<_>>(), ["a-1", "a-11"]);
    assert_eq!(store.starts_page("test", Some(&listed[0]), 10).unwrap(), listed[1..], "only those after it");
    assert_eq!(store.starts_page("tes", None, 10).unwrap(), [], "a prefix is no workflow");
    assert_eq!(store.workflows().unwrap(), ["test"]);
    let active = store.active().unwrap();
    assert_eq!(active.iter().map(|active| active.next_wake_ms).collect::<Vec<_>>(), [Some(65_000), Some(65_000)]);
    let rows = store.frames("a-1").unwrap();
    assert_eq!(rows, execution.frames.in_order().map(|frame| frame.row.clone()).collect::<Vec<_>>());
    let kept = store.load("a-1").unwrap().unwrap();
    assert_eq!((kept.header, kept.frames), (execution.header, rows), "what a process loads is complete");
    assert_eq!(store.load("none").unwrap(), None);
    lookups(&store);
    assert_eq!(store.frames("a-11").unwrap().len(), other.frames.len(), "a longer id is another execution");
    let entries = store.entries("a-1", 1, 100).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(store.entries("a-1", 2, 100).unwrap(), entries[1..]);
    assert_eq!(store.entries("a-1", 1, 1).unwrap(), entries[..1]);
    assert_eq!(store.definition("a-1").unwrap().unwrap().1["StartAt"], "W");
    store.delete_execution("a-1").unwrap();
    assert_eq!(store.header("a-1").unwrap(), None);
    assert!(!store.exists("a-1").unwrap());
    assert_eq!(store.entries("a-1", 1, 100).unwrap(), []);
    assert!(store.header("a-11").unwrap().is_some());
    assert_eq!(store.delete_unused_definitions().unwrap(), 0, "another has the same");
    store.delete_execution("a-11").unwrap();
    assert_eq!(store.delete_unused_definitions().unwrap(), 1);
    assert_eq!(store.workflows().unwrap(), Vec::<String>::new());
    store.commit(&[begun("a-2").1]).unwrap();
    assert!(store.definition("a-2").unwrap().is_some(), "what was deleted is written again");
    store.delete_execution("a-2").unwrap();
}

/// The store has `a-1` and `a-11`.
fn lookups(store: &Store) {
    for (id, exists) in [("a-1", true), ("a-11", true), ("a-", false), ("a-111", false), ("", false)] {
        assert_eq!(store.exists(id).unwrap(), exists, "{id}");
    }
    let found = |prefix: &str, limit: usize| store.ids_with_prefix(prefix, limit).unwrap();
    assert_eq!(found("a-1", 10), ["a-1", "a-11"]);
    assert_eq!(found("a-11", 10), ["a-11"]);
    assert_eq!(found("", usize::MAX), ["a-1", "a-11"]);
    assert_eq!(found("a", 1), ["a-1"], "no more than the limit, the first ones");
    assert_eq!(found("a", 0), Vec::<String>::new());
    assert_eq!(found("b", 10), Vec::<String>::new());
}

#[test]
fn ids_of_format_2_are_found_by_their_prefix() {
    let records = MemoryRecords::new();
    let store = Store::new(records.clone()).unwrap();
    store.commit(&[begun("b-3").1]).unwrap();
    // Only keys are read: format 2 has running executions under one prefix, ended ones under another.
    let mut batch = Batch::default();
    for key in [keys::wake_record("b-1"), keys::ended_in_format_2("b-2"), keys::ended_in_format_2("c-1")] {
        batch.put(key, b"format 2".to_vec());
    }
    store.records.commit(batch).unwrap();
    assert_eq!(store.ids_with_prefix("b-", 10).unwrap(), ["b-3"], "a store without format 2 has no such keys");
    assert!(!store.exists("b-2").unwrap());
    let mut batch = Batch::default();
    batch.put(keys::start_in_format_2("b-1"), b"format 2".to_vec());
    store.records.commit(batch).unwrap();
    drop(store);
    let store = Store::new(records).unwrap();
    assert_eq!(store.ids_with_prefix("b-", 10).unwrap(), ["b-1", "b-2", "b-3"]);
    assert_eq!(store.ids_with_prefix("", 2).unwrap(), ["b-1", "b-2"]);
    assert!(store.exists("b-2").unwrap() && store.exists("c-1").unwrap() && !store.exists("b-4").unwrap());
}

#[test]
fn records_in_memory_keep_their_promises() {
    let records = MemoryRecords::new();
    conformance(&|| Store::new(records.clone()).unwrap());
    documents(&|| Store::new(records.clone()).unwrap());
}

#[test]
fn records_with_a_log_keep_their_promises() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Store::new(LoggedRecords::open(folder.path()).unwrap()).unwrap();
    conformance(&open);
    documents(&open);
}

/// The evidence that another index is one file: `one_file.rs` implements only [`Index`].
#[test]
fn records_over_another_index_keep_their_promises() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Store::new(LoggedRecords::open_with(folder.path(), OneFile::open).unwrap()).unwrap();
    conformance(&open);
    documents(&open);
    let folder = tempfile::tempdir().unwrap();
    let open = || Store::new(OneFile::open(folder.path()).unwrap()).unwrap();
    conformance(&open);
    documents(&open);
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
fn a_flipped_byte_is_reported_and_its_record_not_used() {
    let records = MemoryRecords::new();
    let store = Store::new(records.clone()).unwrap();
    store.commit(&[begun("a-1").1]).unwrap();
    let key = keys::execution_record("a-1");
    let mut bytes = records.get(&key).unwrap().unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    let mut batch = Batch::default();
    batch.put(key, bytes);
    records.commit(batch).unwrap();
    let error = store.header("a-1").unwrap_err();
    assert!(matches!(&error, StoreError::Damaged { key, .. } if key == "s/a-1"), "{error}");
}

#[test]
fn when_a_thing_was_created_is_kept_and_of_earlier_versions_things_it_was_long_ago() {
    let records = MemoryRecords::new();
    let store = Store::new(records.clone()).unwrap();
    let (_, mut write) = begun("a-1");
    let change = ResourceChange::new(ChangeAction::Created, "AWS::EC2::VPC", "vpc-1");
    let content = EntryContent::Note(Box::new(Note::ResourceChanged { state_path: "W".to_owned(), change }));
    Arc::make_mut(&mut write.transition.entries).push(JournalEntry { sequence: 3, timestamp_ms: 6_000, content });
    store.commit(&[write]).unwrap();
    let (key, mut batch) = (keys::created("a-1", "vpc-0"), Batch::default());
    batch.put(key.clone(), codec::encode(&key, &()).unwrap());
    records.commit(batch).unwrap();
    let created = store.header("a-1").unwrap().unwrap().created;
    assert_eq!(*created, [("vpc-0".to_owned(), 0), ("vpc-1".to_owned(), 6_000)].into());
}

#[test]
fn an_export_that_does_not_say_when_things_were_created_is_taken_in() {
    let (execution, _) = begun("a-1");
    let mut header = serde_json::to_value(&execution.header).unwrap();
    header["created"] = json!(["vpc-1"]);
    let header: crate::machine::ExecutionHeader = serde_json::from_value(header).unwrap();
    assert_eq!(*header.created, [("vpc-1".to_owned(), 0)].into());
}

#[test]
fn a_store_of_a_later_version_is_left_alone() {
    let records = MemoryRecords::new();
    let mut batch = Batch::default();
    batch.put(keys::FORMAT.to_vec(), codec::encode(keys::FORMAT, &99_u32).unwrap());
    records.commit(batch).unwrap();
    assert_eq!(Store::new(records).unwrap_err(), StoreError::Format { found: 99, known: codec::FORMAT });
}

#[test]
fn a_top_frame_without_its_header_is_refused_and_not_deleted() {
    let store = Store::new(MemoryRecords::new()).unwrap();
    let (_, mut write) = begun("a-1");
    (write.start, write.transition.header) = (None, None);
    assert!(matches!(store.commit(&[write]), Err(StoreError::Encode { .. })));
}

#[test]
fn two_owners_are_impossible() {
    let home = tempfile::tempdir().unwrap();
    let first = OwnerLock::try_acquire(home.path(), "flow test").unwrap();
    assert!(first.is_some());
    assert!(OwnerLock::try_acquire(home.path(), "flow test").unwrap().is_none());
    assert_eq!(OwnerLock::owner(home.path()).unwrap().pid, std::process::id());
    drop(first);
    assert!(OwnerLock::try_acquire(home.path(), "flow test").unwrap().is_some(), "the lock dies with its owner");
}

/// Turns of one execution whose data is long.
#[test]
fn a_long_value_is_written_once_and_read_back_completely() {
    let definition = json!({
        "QueryLanguage": "JSONata",
        "StartAt": "W",
        "States": {
            "W": { "Type": "Wait", "Seconds": 60, "Assign": { "long": "{% $states.input.long %}" }, "Next": "M" },
            "M": { "Type": "Map", "Items": "{% $states.input.items %}", "End": true, "ItemProcessor": {
                "StartAt": "T", "States": { "T": { "Type": "Task", "Resource": "flow:test:step", "End": true } } } }
        }
    });
    let items: Vec<_> = (0..200).map(|n| format!("item number {n}")).collect();
    let input = json!({ "long": "x".repeat(5_000), "items": items });
    let mut execution = Execution::new("long", "test", asl::parse(&definition).unwrap(), input.clone());
    let start = StartData { definition: Definition::from(&definition), input: Arc::new(input) };
    let records = MemoryRecords::new();
    let store = Store::new(records.clone()).unwrap();
    let mut start = Some(start);
    let mut written = Vec::new();
    let mut now_ms = 5_000;
    let mut parts = std::collections::BTreeSet::new();
    let mut inputs = std::collections::VecDeque::from([Input::Start]);
    while let Some(input) = inputs.pop_front() {
        let transition = advance(&mut execution, input, &Moment { now_ms, entropy: 1 }, &InThisThread);
        written.push(transition.frames_put.iter().map(|frame| frame.changed.len()).sum::<usize>());
        for command in &transition.commands {
            match command {
                crate::machine::Command::WakeAt { due_ms } => {
                    now_ms = *due_ms;
                    inputs.push_back(Input::TimerFired);
                }
                crate::machine::Command::CallStep(call) => {
                    let output = json!("y".repeat(if call.frame == 3 { 3_000 } else { 3 }));
                    let answer = crate::machine::StepAnswer::Done { output, changes: Vec::new() };
                    let (frame, visit, attempt) = (call.frame, call.visit, call.attempt);
                    inputs.push_back(Input::Answered { frame, visit, attempt, answer });
                }
                _ => {}
            }
        }
        let write = Write { execution: "long".to_owned(), start: start.take(), transition, ..Write::default() };
        store.commit(&[write]).unwrap();
        let rows: Vec<_> = execution.frames.in_order().map(|frame| frame.row.clone()).collect();
        assert_eq!(store.frames("long").unwrap(), rows, "what is read back is what was written");
        assert_eq!(store.header("long").unwrap().unwrap(), execution.header);
        // The key of a part has one byte more than the key of its frame.
        let prefix = keys::frames("long");
        for (key, bytes) in records.scan(&prefix, None, usize::MAX).unwrap() {
            if key.len() == prefix.len() + 9 && parts.insert(key.clone()) {
                records.commit(Batch { changes: vec![(key.clone(), None)] }).unwrap();
                assert!(store.frames("long").is_err(), "a value that is gone is not taken for none");
                records.commit(Batch { changes: vec![(key, Some(bytes))] }).unwrap();
            }
        }
    }
    assert_eq!(parts.len(), 4);
    assert!(written.len() > 200, "{written:?}");
    assert_eq!(written.iter().sum::<usize>(), 4, "input, variables, items, one output: {written:?}");
}

#[test]
fn what_is_exported_is_imported_as_it_was() {
    let from = Store::new(MemoryRecords::new()).unwrap();
    from.commit(&[begun("a-1").1, begun("a-2").1]).unwrap();
    let to = Store::new(MemoryRecords::new()).unwrap();
    for id in from.ids().unwrap() {
        let line = serde_json::to_string(&ExportLine::Execution(Box::new(from.export(&id).unwrap()))).unwrap();
        let ExportLine::Execution(read) = serde_json::from_str(&line).unwrap() else { panic!("{line}") };
        assert!(to.import((*read).clone()).unwrap());
        assert!(!to.import(*read).unwrap(), "what exists stays as it is");
        assert_eq!(to.export(&id).unwrap(), from.export(&id).unwrap());
    }
    assert_eq!(to.active().unwrap(), from.active().unwrap());
    assert_eq!(to.verify(), from.verify());
}

/// An execution with two early signals, one of them long, that acts in another environment than at its start.
fn with_early_signals(store: &Store) -> Execution {
    let definition = json!({ "StartAt": "T", "States": {
        "T": { "Type": "Task", "Resource": "flow:test:step", "Next": "U" },
        "U": { "Type": "Task", "Resource": "flow:test:step", "End": true } } });
    let mut execution = Execution::new("e-1", "test", asl::parse(&definition).unwrap(), json!({}));
    let start = StartData { definition: Definition::from(&definition), input: Arc::new(json!({})) };
    let mut start = Some(start);
    let answer = |output: Value| crate::machine::SignalAnswer::Output(Arc::new(output));
    for input in [
        Input::Start,
        Input::SignalEarly { state: "T".to_owned(), answer: answer(json!(1)), by: None },
        Input::SignalEarly { state: "U".to_owned(), answer: answer(json!("long".repeat(2_000))), by: None },
        Input::Resume { environment: Some(Arc::new(json!({ "region": "eu-west-1" }))), recover: false },
    ] {
        let transition = advance(&mut execution, input, &Moment { now_ms: 5_000, entropy: 1 }, &InThisThread);
        let documents = DocumentChanges::default();
        let write = Write { execution: "e-1".to_owned(), start: start.take(), transition, documents };
        store.commit(&[write]).unwrap();
    }
    execution
}

#[test]
fn early_signals_and_a_replaced_environment_are_read_back_exported_and_deleted() {
    let records = MemoryRecords::new();
    let store = Store::new(records.clone()).unwrap();
    let execution = with_early_signals(&store);
    drop(store);
    let store = Store::new(records.clone()).unwrap();
    let kept = store.load("e-1").unwrap().unwrap().header;
    assert_eq!(kept, execution.header);
    assert_eq!((kept.early_signals.len(), &kept.environment["region"]), (2, &json!("eu-west-1")));
    assert_eq!(store.verify().problems, []);
    let other = Store::new(MemoryRecords::new()).unwrap();
    let line = serde_json::to_string(&store.export("e-1").unwrap()).unwrap();
    assert!(other.import(serde_json::from_str(&line).unwrap()).unwrap());
    let imported = other.load("e-1").unwrap().unwrap().header;
    assert_eq!((&imported.early_signals, &imported.environment), (&kept.early_signals, &kept.environment));
    // A turn that delivers one of them deletes its record.
    let mut execution = execution;
    let visit = execution.frames[1].row.visit;
    let answer = crate::machine::StepAnswer::Done { output: json!(1), changes: Vec::new() };
    let answered = Input::Answered { frame: 1, visit, attempt: 1, answer };
    let transition = advance(&mut execution, answered, &Moment { now_ms: 6_000, entropy: 1 }, &InThisThread);
    store.commit(&[Write { execution: "e-1".to_owned(), transition, ..Write::default() }]).unwrap();
    assert_eq!(store.load("e-1").unwrap().unwrap().header, execution.header);
    let records_of = |store: &Store| store.records.scan(&keys::early_signals("e-1"), None, 10).unwrap().len();
    assert_eq!((execution.header.early_signals.len(), records_of(&store)), (1, 1));
    store.delete_execution("e-1").unwrap();
    assert_eq!(records_of(&store), 0);
}

#[test]
fn an_import_of_what_this_version_does_not_know_is_refused() {
    let from = Store::new(MemoryRecords::new()).unwrap();
    from.commit(&[begun("a-1").1]).unwrap();
    let mut exported = from.export("a-1").unwrap();
    exported.entries[1].content = EntryContent::Note(Box::new(Note::Unknown));
    let to = Store::new(MemoryRecords::new()).unwrap();
    let refused = to.import(exported).unwrap_err().to_string();
    assert!(refused.contains("entry 2 of a-1 is of a kind that this version does not know"), "{refused}");
    assert!(!to.exists("a-1").unwrap());
}

#[test]
fn a_store_of_format_3_opens_and_becomes_one_of_this_format() {
    let records = MemoryRecords::new();
    let store = Store::new(records.clone()).unwrap();
    let mut batch = Batch::default();
    batch.put(keys::FORMAT.to_vec(), codec::encode(keys::FORMAT, &3_u32).unwrap());
    store.records.commit(batch).unwrap();
    let store = Store::new(records).unwrap();
    assert_eq!(store.read::<u32>(keys::FORMAT).unwrap(), Some(codec::FORMAT));
}

#[test]
fn a_verification_finds_damaged_and_missing_records() {
    let records = MemoryRecords::new();
    let store = Store::new(records.clone()).unwrap();
    store.commit(&[begun("a-1").1, begun("a-2").1, begun("a-3").1]).unwrap();
    let findings = store.verify();
    assert_eq!((findings.executions, findings.active, findings.problems.len()), (3, 3, 0), "{findings:?}");
    for (key, _) in records.scan(&[], None, usize::MAX).unwrap() {
        let bytes = records.get(&key).unwrap().unwrap();
        for at in (0..bytes.len()).step_by(5) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 4;
            records.commit(Batch { changes: vec![(key.clone(), Some(flipped))] }).unwrap();
            assert!(!store.verify().problems.is_empty(), "byte {at} of {}", String::from_utf8_lossy(&key));
        }
        let optional = key == keys::FORMAT;
        records.commit(Batch { changes: vec![(key.clone(), None)] }).unwrap();
        assert!(optional || !store.verify().problems.is_empty(), "{} is missing", String::from_utf8_lossy(&key));
        records.commit(Batch { changes: vec![(key, Some(bytes))] }).unwrap();
    }
}

#[test]
fn a_compacted_store_is_smaller_and_has_lost_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let open = || Store::new(LoggedRecords::open(&path).unwrap()).unwrap();
    let bytes =
        || -> u64 { std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum() };
    let store = open();
    for round in 0..100 {
        let writes: Vec<_> = (0..100).map(|n| begun(&format!("e-{round}-{n}")).1).collect();
        store.commit(&writes).unwrap();
    }
    let ids = store.ids().unwrap();
    let (kept, gone) = ids.split_at(10);
    gone.chunks(1_000)
        .for_each(|ids| store.delete_executions(&ids.iter().map(String::as_str).collect::<Vec<_>>()).unwrap());
    let exported: Vec<_> = kept.iter().map(|id| store.export(id).unwrap()).collect();
    store.checkpoint().unwrap();
    drop(store);
    let before = bytes();
    compact(&path).unwrap();
    assert!(bytes() * 4 < before, "{before} bytes before, {} after", bytes());
    let store = open();
    assert_eq!(kept.iter().map(|id| store.export(id).unwrap()).collect::<Vec<_>>(), exported);
    assert_eq!(store.ids().unwrap().len(), 10);
    store.commit(&[begun("later").1]).unwrap();
    drop(store);
    assert!(open().header("later").unwrap().is_some(), "commits after it are kept");
    // The process died between the two moves.
    std::fs::rename(&path, path.with_extension("old")).unwrap();
    complete_replacement(&path).unwrap();
    assert_eq!(open().ids().unwrap().len(), 11);
}
