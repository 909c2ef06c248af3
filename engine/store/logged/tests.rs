//! The fear: a read misses a record during a checkpoint, or after a crash.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::BTreeMap,
    sync::mpsc,
    thread::{self, ThreadId},
};

use proptest::prelude::*;

use super::{checkpoint::CHECKPOINT, *};
use crate::store::{ChangeRef, MemoryRecords};

#[derive(Debug, Clone)]
enum Act {
    Put(u8, u8),
    Delete(u8),
    Settle,
    Reopen,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (0_u8..40, any::<u8>()).prop_map(|(key, value)| Act::Put(key, value)),
        4 => (0_u8..40).prop_map(Act::Delete),
        1 => Just(Act::Settle),
        1 => Just(Act::Reopen),
    ]
}

fn open(index: &MemoryRecords, folder: &Path) -> LoggedRecords {
    let file = |name: &str| -> Box<dyn LogFile> { Box::new(DiskFile::open(&folder.join(name)).unwrap()) };
    LoggedRecords::over(index.clone(), [file("0"), file("1")], 2_000).unwrap()
}

/// An index that keeps only its synchronized changes after a crash.
#[derive(Clone, Default)]
struct Cached {
    live: MemoryRecords,
    durable: MemoryRecords,
}

impl Records for Cached {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.live.get(key)
    }

    fn scan(&self, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.live.scan(prefix, from, limit)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.write(&batch.by_reference())?;
        self.synchronize(None)
    }
}

impl Index for Cached {
    fn write(&self, changes: &[ChangeRef<'_>]) -> Result<(), StoreError> {
        self.live.write(changes)
    }

    fn synchronize(&self, _position: Option<&[u8]>) -> Result<(), StoreError> {
        let all = self.live.scan(&[], None, usize::MAX)?;
        let changes = all.into_iter().map(|(key, value)| (key, Some(value))).collect();
        self.durable.commit(Batch { changes })
    }

    fn position(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }
}

#[test]
fn a_checkpoint_that_only_the_cache_has_counts_only_once_it_is_durable() {
    let (index, folder) = (Cached::default(), tempfile::tempdir().unwrap());
    let file = |name: &str| -> Box<dyn LogFile> { Box::new(DiskFile::open(&folder.path().join(name)).unwrap()) };
    let open = || LoggedRecords::over(index.clone(), [file("0"), file("1")], 2_000).unwrap();
    drop(open());
    let seven = 7_u64.to_le_bytes().to_vec();
    let mut batch = Batch::default();
    batch.put(CHECKPOINT.to_vec(), seven.clone());
    index.write(&batch.by_reference()).unwrap();
    let records = open();
    for number in 0..40 {
        let mut batch = Batch::default();
        batch.put(vec![number], vec![number; 100]);
        records.commit(batch).unwrap();
    }
    assert!(
        index.durable.get(CHECKPOINT).unwrap().is_some_and(|number| number >= seven),
        "the power would take it back"
    );
}

#[test]
fn a_file_is_not_written_over_when_the_process_before_died_during_the_checkpoint_of_it() {
    let (folder, index) = (tempfile::tempdir().unwrap(), Cached::default());
    let file = |name: &str| -> Box<dyn LogFile> { Box::new(DiskFile::open(&folder.path().join(name)).unwrap()) };
    let open = || LoggedRecords::by_hand(index.clone(), [file("0"), file("1")], 300).unwrap();
    for round in 0..2_u8 {
        // The process dies before this checkpoint.
        let (records, _checkpoints) = open();
        for number in 0..4 {
            let mut batch = Batch::default();
            batch.put(vec![round, number], vec![number; 100]);
            records.commit(batch).unwrap();
        }
    }
    let (records, _checkpoints) = open();
    let found = records.scan(&[], None, 100).unwrap().into_iter().filter(|(key, _)| key.len() == 2).count();
    assert_eq!(found, 8, "acknowledged commits are lost");
}

/// An index that records the thread of each write and its nice value, and whose writes call `gate`.
#[derive(Clone)]
struct Observed {
    live: MemoryRecords,
    writes: Arc<Mutex<Vec<(ThreadId, i32)>>>,
    gate: Arc<dyn Fn() + Send + Sync>,
}

impl Observed {
    fn new(gate: impl Fn() + Send + Sync + 'static) -> Self {
        Observed { live: MemoryRecords::new(), writes: Arc::default(), gate: Arc::new(gate) }
    }

    fn take_writes(&self) -> Vec<(ThreadId, i32)> {
        std::mem::take(&mut *self.writes.lock().unwrap())
    }
}

impl Records for Observed {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.live.get(key)
    }

    fn scan(&self, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.live.scan(prefix, from, limit)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.write(&batch.by_reference())
    }
}

impl Index for Observed {
    fn write(&self, changes: &[ChangeRef<'_>]) -> Result<(), StoreError> {
        self.writes.lock().unwrap().push((thread::current().id(), nice()));
        (self.gate)();
        self.live.write(changes)
    }

    fn synchronize(&self, position: Option<&[u8]>) -> Result<(), StoreError> {
        self.live.synchronize(position)
    }

    fn position(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.live.position()
    }
}

fn nice() -> i32 {
    crate::priority::nice().unwrap()
}

fn put_values(records: &LoggedRecords, round: u8) {
    for number in 0..4 {
        let mut batch = Batch::default();
        batch.put(vec![round, number], vec![number; 100]);
        records.commit(batch).unwrap();
    }
}

/// The fear: on a busy machine the opening waits for a thread that does not run.
#[test]
fn the_checkpoint_of_the_opening_has_the_priority_of_the_opening_and_later_ones_a_low_one() {
    let (folder, index) = (tempfile::tempdir().unwrap(), Observed::new(|| ()));
    let file = |name: &str| -> Box<dyn LogFile> { Box::new(DiskFile::open(&folder.path().join(name)).unwrap()) };
    // The process dies before its checkpoint.
    let (records, checkpoints) = LoggedRecords::by_hand(index.clone(), [file("0"), file("1")], 300).unwrap();
    put_values(&records, 0);
    drop((records, checkpoints));
    index.take_writes();
    let of_index = MirroredIndex::without_mirror(index.clone());
    let records = LoggedRecords::with(of_index, [file("0"), file("1")], 300, Checkpointer::start).unwrap();
    // With a limit this thread makes no rest of a checkpoint.
    let settle = || records.shared.wait_for_checkpoint_by(Some(Instant::now() + Duration::from_secs(60))).unwrap();
    settle();
    let during = index.take_writes();
    assert!(!during.is_empty() && during.iter().all(|(_, found)| *found == nice()), "{during:?}");
    records.shared.set_open();
    put_values(&records, 1);
    settle();
    let later = index.take_writes();
    assert!(later.iter().any(|(_, found)| *found == checkpoint::NICE.max(nice())), "{later:?}");
}

#[test]
fn a_thread_that_waits_for_a_checkpoint_makes_the_rest_of_it() {
    let (begins, begun) = mpsc::channel();
    let (proceed, proceeds) = mpsc::channel::<()>();
    let proceeds = Mutex::new(proceeds);
    // Only the first write waits: the sender is dropped after it.
    let index = Observed::new(move || {
        let _ = begins.send(());
        let _ = proceeds.lock().unwrap().recv();
    });
    let mut memtable = Memtable::default();
    memtable.extend((0..5_000_u32).map(|number| (number.to_be_bytes().to_vec(), Some(vec![7]))));
    let shared = Arc::new(Shared::new(MirroredIndex::without_mirror(index.clone()), memtable));
    let checkpointer = Checkpointer::start(shared.clone());
    assert!(shared.make_immutable());
    checkpointer.begin(9);
    begun.recv().unwrap();
    let waiter = thread::spawn({
        let shared = shared.clone();
        move || {
            shared.wait_for_checkpoint().unwrap();
            thread::current().id()
        }
    });
    while !shared.is_awaited() {
        thread::yield_now();
    }
    proceed.send(()).unwrap();
    drop(proceed);
    let waiter = waiter.join().unwrap();
    let writers: Vec<_> = index.take_writes().into_iter().map(|(writer, _)| writer == waiter).collect();
    // Three writes of the changes, and one of the last sequence.
    assert_eq!(writers, [false, true, true, true]);
    assert!(shared.memtable().immutable().is_none());
    assert_eq!(index.scan(&[], None, 10_000).unwrap().len(), 5_001);
    assert_eq!(checkpoint::last(&index).unwrap(), Some(9));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_record_has_its_last_value_at_every_stage(acts in proptest::collection::vec(act(), 1..200)) {
        let (folder, index) = (tempfile::tempdir().unwrap(), MemoryRecords::new());
        let mut records = open(&index, folder.path());
        let mut model: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for act in acts {
            let mut batch = Batch::default();
            match act {
                Act::Put(key, value) => {
                    model.insert(vec![key / 10, key], vec![value; 60]);
                    batch.put(vec![key / 10, key], vec![value; 60]);
                }
                Act::Delete(key) => {
                    model.remove(&vec![key / 10, key]);
                    batch.delete(vec![key / 10, key]);
                }
                Act::Settle => records.checkpoint(None).unwrap(),
                Act::Reopen => {
                    drop(records);
                    records = open(&index, folder.path());
                }
            }
            records.commit(batch).unwrap();
            for (prefix, from, limit) in [(vec![], None, 1_000), (vec![1], None, 3), (vec![2], Some(vec![2, 25]), 4)] {
                let expected: Vec<_> = model
                    .iter()
                    .filter(|(key, _)| key.starts_with(&prefix) && **key >= *from.as_ref().unwrap_or(&prefix))
                    .take(limit)
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                let mut found = records.scan(&prefix, from.as_deref(), limit).unwrap();
                found.retain(|(key, _)| !key.starts_with(b"m/"));
                prop_assert_eq!(found, expected);
            }
            prop_assert_eq!(records.get(&[1, 15]).unwrap(), model.get(&vec![1, 15]).cloned());
        }
    }
}
