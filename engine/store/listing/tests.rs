//! The fear: a list that leaves an execution out, shows it twice, or costs more the more executions there are.
#![allow(clippy::unwrap_used)]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::json;

use super::*;
use crate::{
    asl,
    machine::{Execution, Transition},
    store::{Definition, DocumentChanges, MemoryRecords, Record, Records, StartData, codec},
};

/// Records that count the reads.
#[derive(Clone, Default)]
struct Counted {
    records: MemoryRecords,
    reads: Arc<AtomicUsize>,
}

impl Counted {
    fn reads_of(&self, read: impl FnOnce()) -> usize {
        let before = self.reads.load(Ordering::Relaxed);
        read();
        self.reads.load(Ordering::Relaxed) - before
    }
}

impl Records for Counted {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.records.get(key)
    }

    fn scan(&self, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        let found = self.records.scan(prefix, from, limit)?;
        self.reads.fetch_add(found.len() + 1, Ordering::Relaxed);
        Ok(found)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.records.commit(batch)
    }
}

fn header(id: &str, started_ms: u64) -> ExecutionHeader {
    let definition = json!({ "StartAt": "A", "States": { "A": { "Type": "Pass", "End": true } } });
    let mut header = Execution::new(id, "w", asl::parse(&definition).unwrap(), json!({})).header;
    header.started_ms = started_ms;
    header
}

fn ended(header: &ExecutionHeader, status: ExecutionStatus, stopped_ms: u64) -> ExecutionHeader {
    ExecutionHeader { status, stopped_ms: Some(stopped_ms), ..header.clone() }
}

fn redriven(header: &ExecutionHeader, redriven_ms: u64) -> ExecutionHeader {
    ExecutionHeader {
        status: ExecutionStatus::Running,
        stopped_ms: None,
        redrive_count: header.redrive_count + 1,
        redriven_ms: Some(redriven_ms),
        ..header.clone()
    }
}

fn write(header: &ExecutionHeader, is_new: bool) -> Write {
    let start = StartData { definition: Definition::from(&json!({})), input: Arc::default() };
    let transition =
        Transition { header: Some(Arc::new(header.clone())), wake_fields_changed: true, ..Transition::default() };
    Write {
        execution: header.id.clone(),
        start: is_new.then_some(start),
        transition,
        documents: DocumentChanges::default(),
    }
}

fn of(status: Option<ExecutionStatus>, redriven: Option<bool>) -> ListFilter {
    ListFilter { status, redriven }
}

fn ids(store: &Store, filter: ListFilter) -> Vec<String> {
    let (mut ids, mut after) = (Vec::new(), None);
    loop {
        let page = store.list_page("w", filter, after.as_ref(), 2).unwrap();
        let Some(last) = page.last() else { return ids };
        after = Some(last.clone());
        ids.extend(page.into_iter().map(|position| position.id));
    }
}

/// Four executions: one that runs, one that succeeded, one that failed, one that was redriven and succeeded.
fn fill(store: &Store) {
    let headers: Vec<_> = (1..=4).map(|n| header(&format!("e{n}"), n * 10)).collect();
    store.commit(&headers.iter().map(|header| write(header, true)).collect::<Vec<_>>()).unwrap();
    let failed = ended(&headers[0], ExecutionStatus::Failed, 50);
    let again = redriven(&failed, 60);
    store.commit(&[write(&ended(&headers[1], ExecutionStatus::Succeeded, 45), false), write(&failed, false)]).unwrap();
    // The redrive and the end of the execution are one batch.
    let end = ended(&again, ExecutionStatus::Succeeded, 70);
    store.commit(&[write(&again, false), write(&end, false)]).unwrap();
    store.commit(&[write(&ended(&headers[2], ExecutionStatus::Failed, 45), false)]).unwrap();
}

fn assert_filled(store: &Store) {
    assert_eq!(ids(store, ListFilter::default()), ["e1", "e2", "e3", "e4"], "the latest first, by id at one time");
    for (filter, expected) in [
        (of(Some(ExecutionStatus::Running), None), vec!["e4"]),
        (of(Some(ExecutionStatus::Succeeded), None), vec!["e1", "e2"]),
        (of(Some(ExecutionStatus::Succeeded), Some(false)), vec!["e2"]),
        (of(Some(ExecutionStatus::Failed), None), vec!["e3"]),
        (of(Some(ExecutionStatus::Aborted), None), vec![]),
        (of(None, Some(true)), vec!["e1"]),
        (of(None, Some(false)), vec!["e2", "e3", "e4"]),
    ] {
        assert_eq!(ids(store, filter), expected, "{filter:?}");
    }
}

#[test]
fn every_filter_shows_each_execution_once_where_it_belongs() {
    let records = MemoryRecords::new();
    let store = Store::new(records.clone()).unwrap();
    fill(&store);
    assert_filled(&store);
    assert_eq!(records.scan(b"l/", None, 10).unwrap().len(), 4, "a position that was left is deleted");
    assert_eq!(store.list_page("v", ListFilter::default(), None, 10).unwrap(), []);
    let one = ["e1", "e2", "e3", "e4"];
    store.delete_executions(&one).unwrap();
    assert_eq!(records.scan(b"l/", None, 10).unwrap(), []);
}

#[test]
fn a_redrive_that_fails_at_once_moves_the_execution() {
    let records = MemoryRecords::new();
    let store = Store::new(records.clone()).unwrap();
    let failed = ended(&header("e", 10), ExecutionStatus::Failed, 20);
    store.commit(&[write(&failed, true)]).unwrap();
    let again = ended(&redriven(&failed, 30), ExecutionStatus::Failed, 30);
    let mut unchanged = write(&again, false);
    unchanged.transition.wake_fields_changed = false;
    store.commit(&[unchanged]).unwrap();
    let page = store.list_page("w", of(Some(ExecutionStatus::Failed), Some(true)), None, 10).unwrap();
    assert_eq!(page, [ListPosition { at_ms: 30, id: "e".to_owned() }]);
    assert_eq!(records.scan(b"l/", None, 10).unwrap().len(), 1);
}

#[test]
fn a_store_of_an_earlier_format_is_listed_once_it_was_opened() {
    let records = MemoryRecords::new();
    fill(&Store::new(records.clone()).unwrap());
    let mut batch = Batch::default();
    records.scan(b"l/", None, 10).unwrap().into_iter().for_each(|(key, _)| batch.delete(key));
    batch.put(keys::FORMAT.to_vec(), codec::encode(keys::FORMAT, &4_u32).unwrap());
    records.commit(batch).unwrap();
    assert_filled(&Store::new(records).unwrap());
}

#[test]
fn a_page_reads_no_more_of_many_executions_than_of_few() {
    let reads = |count: u64| {
        let counted = Counted::default();
        let store = Store::new(counted.clone()).unwrap();
        for n in 0..count {
            let new = header(&format!("e{n:05}"), n);
            store.commit(&[write(&new, true)]).unwrap();
            if n % 2 == 0 {
                store.commit(&[write(&ended(&new, ExecutionStatus::Succeeded, n + 1), false)]).unwrap();
            }
        }
        let last = ListPosition { at_ms: 12, id: String::new() };
        let filters = [ListFilter::default(), of(Some(ExecutionStatus::Succeeded), None), of(None, Some(false))];
        let pages = filters.into_iter().flat_map(|filter| [(filter, None), (filter, Some(&last))]);
        pages
            .map(|(filter, after)| {
                counted.reads_of(|| {
                    let page = store.list_page("w", filter, after, 10).unwrap();
                    assert!(!page.is_empty());
                })
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(reads(100), reads(1_000));
}

#[test]
fn a_page_of_a_history_reads_no_more_of_a_long_one() {
    let reads = |count: u64, from: u64| {
        let counted = Counted::default();
        let store = Store::new(counted.clone()).unwrap();
        let new = header("e", 1);
        let entry = |sequence| crate::journal::JournalEntry {
            sequence,
            timestamp_ms: 1,
            content: crate::journal::EntryContent::Note(Box::new(crate::journal::Note::Continued {
                state_path: "A".to_owned(),
            })),
        };
        let mut first = write(&new, true);
        // All of them in one turn.
        first.transition.entries = Arc::new((1..=count).map(entry).collect());
        store.commit(&[first]).unwrap();
        counted.reads_of(|| {
            let page = store.entries("e", from, 50).unwrap();
            assert_eq!(
                page.iter().map(|entry| entry.sequence).collect::<Vec<_>>(),
                (from..from + 50).collect::<Vec<_>>()
            );
        })
    };
    let few = reads(400, 1);
    assert!(reads(20_000, 1) <= 5 * few && reads(20_000, 19_900) <= 5 * few);
}

#[test]
fn a_list_record_that_is_left_over_is_found() {
    let records = MemoryRecords::new();
    let store = Store::new(records.clone()).unwrap();
    fill(&store);
    store.verify_listings().unwrap();
    let key = keys::list_record("w", group(ExecutionStatus::Running, false), 10, "e1");
    let mut batch = Batch::default();
    put(&mut batch, key.clone(), &()).unwrap();
    records.commit(batch).unwrap();
    assert!(store.verify_listings().is_err());
    let problems: Vec<String> = store.verify().problems.iter().map(ToString::to_string).collect();
    assert!(problems.iter().any(|problem| problem.contains("the execution has changed since")), "{problems:?}");
    store.delete_executions(&["e1"]).unwrap();
    let problems: Vec<String> = store.verify().problems.iter().map(ToString::to_string).collect();
    assert!(problems.iter().any(|problem| problem.contains("there is no such execution")), "{problems:?}");
}

#[test]
fn the_latest_of_all_workflows_come_in_order_and_cost_what_is_shown() {
    let reads = |count: u64| {
        let counted = Counted::default();
        let store = Store::new(counted.clone()).unwrap();
        for n in 0..count {
            let workflow = format!("w{}", n % 3);
            let new = ExecutionHeader { workflow, ..header(&format!("e{n:05}"), n) };
            store.commit(&[write(&new, true)]).unwrap();
        }
        let expected: Vec<String> = (0..count).rev().take(40).map(|n| format!("e{n:05}")).collect();
        let reads = counted.reads_of(|| {
            let latest = store.recent(40).unwrap();
            assert_eq!(latest.into_iter().map(|header| header.id).collect::<Vec<_>>(), expected);
        });
        assert_eq!(store.headers().unwrap().len(), count as usize);
        reads
    };
    assert_eq!(reads(200), reads(2_000));
}

#[test]
fn the_next_page_begins_at_a_time() {
    let store = Store::new(Counted::default()).unwrap();
    for n in 0..40_u64 {
        let workflow = format!("w{}", n % 3);
        // Two begin at each time.
        let new = ExecutionHeader { workflow, ..header(&format!("e{n:02}"), n / 2) };
        store.commit(&[write(&new, true)]).unwrap();
    }
    let ids = |until_ms: Option<u64>, limit: usize| {
        store.recent_until(until_ms, limit).unwrap().into_iter().map(|header| header.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(Some(18), 3), ["e37", "e36", "e35"]);
    assert_eq!(ids(Some(0), 9), ["e01", "e00"]);
    assert_eq!(ids(Some(1_000), 40), ids(None, 40));
}
