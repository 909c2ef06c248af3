//! The fear: a crash between mirror and index loses a record, or the mirror depends on one kind of index.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::*;
use crate::store::{
    Batch, LoggedRecords, Record,
    commit_log::{frame, header},
    damage::rebuild_with,
    logged::checkpoint::CHECKPOINT,
    one_file::{self, OneFile},
};

/// Called once, before the next operation.
type Hook = Mutex<Option<Box<dyn FnOnce() -> Result<(), StoreError> + Send>>>;

#[derive(Default)]
struct Hooks {
    scan: Hook,
    write: Hook,
    synchronize: Hook,
    synchronizations: AtomicUsize,
}

fn call(hook: &Hook) -> Result<(), StoreError> {
    let hook = hook.lock().unwrap().take();
    hook.map_or(Ok(()), |hook| hook())
}

/// The process ends before this operation.
fn crash(hook: &Hook) {
    *hook.lock().unwrap() = Some(Box::new(|| Err(StoreError::not_written("the process has ended"))));
}

/// The process ends before the second of the next synchronizations.
fn crash_before_second(hooks: &Arc<Hooks>) {
    let next = hooks.clone();
    let first = move || -> Result<(), StoreError> {
        crash(&next.synchronize);
        Ok(())
    };
    *hooks.synchronize.lock().unwrap() = Some(Box::new(first));
}

/// An index whose operations call hooks.
struct Hooked {
    index: OneFile,
    hooks: Arc<Hooks>,
}

impl Records for Hooked {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.index.get(key)
    }

    fn scan(&self, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        call(&self.hooks.scan)?;
        self.index.scan(prefix, from, limit)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.index.commit(batch)
    }
}

impl Index for Hooked {
    fn write(&self, changes: &[ChangeRef<'_>]) -> Result<(), StoreError> {
        call(&self.hooks.write)?;
        self.index.write(changes)
    }

    fn synchronize(&self, position: Option<&[u8]>) -> Result<(), StoreError> {
        self.hooks.synchronizations.fetch_add(1, Ordering::Relaxed);
        call(&self.hooks.synchronize)?;
        self.index.synchronize(position)
    }

    fn position(&self) -> Result<Option<Vec<u8>>, StoreError> {
        self.index.position()
    }
}

fn open(folder: &Path) -> MirroredIndex {
    MirroredIndex::open(folder, OneFile::open(folder).unwrap()).unwrap()
}

fn open_hooked(folder: &Path) -> (MirroredIndex, Arc<Hooks>) {
    let hooks = Arc::new(Hooks::default());
    let index = Hooked { index: OneFile::open(folder).unwrap(), hooks: hooks.clone() };
    (MirroredIndex::open(folder, index).unwrap(), hooks)
}

fn put(index: &MirroredIndex, key: &str) -> Result<(), StoreError> {
    index.write(&[(key.as_bytes(), Some(&b"value"[..]))])
}

fn keys(index: &MirroredIndex) -> Vec<String> {
    let records = index.records().scan(&[], None, usize::MAX).unwrap();
    records.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
}

fn mirror_file(folder: &Path) -> fs::File {
    fs::OpenOptions::new().read(true).write(true).open(folder.join("mirror.log")).unwrap()
}

fn length_bytes(file: &fs::File) -> u64 {
    file.metadata().unwrap().len()
}

#[test]
fn after_a_crash_at_any_point_the_index_gets_the_changes_that_the_mirror_has() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let index = open(folder);
    put(&index, "a").unwrap();
    index.synchronize().unwrap();
    put(&index, "b").unwrap();
    // What is not synchronized is lost with the index.
    drop(index);
    assert_eq!(OneFile::open(folder).unwrap().scan(&[], None, 10).unwrap().len(), 1);
    let (index, hooks) = open_hooked(folder);
    assert_eq!(keys(&index), ["a", "b"], "after the index was written");
    crash(&hooks.write);
    assert!(put(&index, "c").is_err());
    drop(index);
    let (index, hooks) = open_hooked(folder);
    assert_eq!(keys(&index), ["a", "b", "c"], "before the index was written");
    put(&index, "d").unwrap();
    crash(&hooks.synchronize);
    assert!(index.synchronize().is_err());
    drop(index);
    let index = open(folder);
    assert_eq!(keys(&index), ["a", "b", "c", "d"], "after the mirror was synchronized, before the index was");
    index.synchronize().unwrap();
    put(&index, "e").unwrap();
    drop(index);
    let file = mirror_file(folder);
    file.set_len(length_bytes(&file) - 1).unwrap();
    let index = open(folder);
    assert_eq!(keys(&index), ["a", "b", "c", "d"], "while the mirror was appended to: the commit log has the change");
    put(&index, "f").unwrap();
    index.synchronize().unwrap();
    assert_eq!(index.scrub().unwrap(), []);
    drop(index);
    assert_eq!(keys(&open(folder)), ["a", "b", "c", "d", "f"]);
}

#[test]
fn a_mirror_that_is_shorter_than_the_position_in_the_index_is_replaced_by_a_complete_one() {
    let folder = tempfile::tempdir().unwrap();
    let index = open(folder.path());
    put(&index, "a").unwrap();
    index.synchronize().unwrap();
    drop(index);
    let file = mirror_file(folder.path());
    file.set_len(length_bytes(&file) - 1).unwrap();
    // The process ends after the new mirror was renamed and before the index has its position.
    let (index, hooks) = open_hooked(folder.path());
    crash(&hooks.synchronize);
    put(&index, "b").unwrap();
    assert!(index.synchronize().is_err());
    drop(index);
    let index = open(folder.path());
    assert_eq!(keys(&index), ["a"], "the commit log has the other change");
    put(&index, "b").unwrap();
    index.synchronize().unwrap();
    assert_eq!(index.scrub().unwrap(), []);
    drop(index);
    let mut mirrored = Vec::new();
    let mut mirror = Mirror::found(folder.path()).unwrap().unwrap();
    let read = mirror.records(|(key, _)| {
        mirrored.push(key);
        Ok(())
    });
    read.unwrap();
    mirrored.sort();
    assert_eq!(mirrored, [b"a".to_vec(), b"b".to_vec()]);
}

#[test]
fn a_checkpoint_during_a_comparison_is_no_difference() {
    let folder = tempfile::tempdir().unwrap();
    let (index, hooks) = open_hooked(folder.path());
    put(&index, "a").unwrap();
    index.synchronize().unwrap();
    let index = Arc::new(index);
    let during = index.clone();
    *hooks.scan.lock().unwrap() = Some(Box::new(move || put(&during, "b")));
    assert_eq!(index.scrub().unwrap(), []);
    assert_eq!(keys(&index), ["a", "b"], "it was written");
}

/// Commits values that depend on `seed`: more than may stay in the log when the store is closed.
fn fill(records: &LoggedRecords, seed: u32) {
    for number in 0..400_u32 {
        let mut batch = Batch::default();
        batch.put(format!("k/{number:03}").into_bytes(), (seed + number).to_le_bytes().repeat(250));
        records.commit(batch).unwrap();
    }
}

/// A store over the other index: most of its records are in the index, the last ones in the log only.
fn filled(folder: &Path) -> Vec<Record> {
    let records = LoggedRecords::open_with(folder, OneFile::open).unwrap();
    fill(&records, 0);
    records.checkpoint(None).unwrap();
    let mut batch = Batch::default();
    batch.put(b"k/100".to_vec(), b"replaced".to_vec());
    batch.delete(b"k/200".to_vec());
    records.commit(batch).unwrap();
    let all = records.scan(b"k/", None, usize::MAX).unwrap();
    assert_eq!(all.len(), 399);
    all
}

/// Once for the changes and once for the record that counts them; commits use the log only.
#[test]
fn a_checkpoint_synchronizes_the_index_twice() {
    let folder = tempfile::tempdir().unwrap();
    let hooks = Arc::new(Hooks::default());
    let index = Hooked { index: OneFile::open(folder.path()).unwrap(), hooks: hooks.clone() };
    let records = LoggedRecords::open_with(folder.path(), |_| Ok(index)).unwrap();
    let before = hooks.synchronizations.load(Ordering::Relaxed);
    fill(&records, 0);
    assert_eq!(hooks.synchronizations.load(Ordering::Relaxed), before);
    records.checkpoint(None).unwrap();
    assert_eq!(hooks.synchronizations.load(Ordering::Relaxed), before + 2);
}

#[test]
fn another_index_is_rebuilt_from_the_mirror() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("store");
    let expected = filled(&store);
    let file = store.join(one_file::NAME);
    for is_removed in [true, false] {
        if is_removed {
            fs::remove_file(&file).unwrap();
        } else {
            let mut bytes = fs::read(&file).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&file, bytes).unwrap();
        }
        let error = LoggedRecords::open_with(&store, OneFile::open).err();
        assert!(matches!(error, Some(StoreError::Index { .. })), "{error:?}");
        let damaged = rebuild_with(&store, OneFile::open).unwrap();
        assert!(damaged.join("mirror.log").exists(), "the damaged index is kept");
        let records = LoggedRecords::open_with(&store, OneFile::open).unwrap();
        assert_eq!(records.scrub().unwrap(), []);
        assert!(records.scan(b"k/", None, usize::MAX).unwrap() == expected);
    }
}

/// The power fails while the record of a checkpoint is written: the index keeps it, the mirror loses it. Later the index is damaged.
#[test]
fn a_checkpoint_that_only_the_index_has_is_in_the_mirror_before_the_log_is_overwritten() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("store");
    let hooks = Arc::new(Hooks::default());
    let open_index = |folder: &Path| -> Result<Hooked, StoreError> {
        Ok(Hooked { index: OneFile::open(folder)?, hooks: hooks.clone() })
    };
    let records = LoggedRecords::open_with(&store, open_index).unwrap();
    fill(&records, 0);
    crash_before_second(&hooks);
    assert!(records.checkpoint(None).is_err(), "its changes are durable, its record is not");
    drop(records);
    let file = mirror_file(&store);
    file.set_len(length_bytes(&file) - 1).unwrap();
    let mut batch = Batch::default();
    batch.put(CHECKPOINT.to_vec(), 400_u64.to_le_bytes().to_vec());
    OneFile::open(&store).unwrap().commit(batch).unwrap();
    let records = LoggedRecords::open_with(&store, open_index).unwrap();
    fill(&records, 1_000);
    crash_before_second(&hooks);
    assert!(records.checkpoint(None).is_err(), "the log of the first checkpoint is overwritten");
    drop(records);
    fs::remove_file(store.join(one_file::NAME)).unwrap();
    rebuild_with(&store, OneFile::open).unwrap();
    let records = LoggedRecords::open_with(&store, OneFile::open).unwrap();
    let found = records.scan(b"k/", None, usize::MAX).unwrap();
    assert_eq!(found.len(), 400);
    assert!(found.into_iter().zip(1_000_u32..).all(|((_, value), number)| value == number.to_le_bytes().repeat(250)));
}

#[test]
fn a_record_that_another_index_has_lost_without_an_error_is_found() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("store");
    filled(&store);
    let mut batch = Batch::default();
    batch.put(b"k/001".to_vec(), b"an old value".to_vec());
    batch.delete(b"k/002".to_vec());
    OneFile::open(&store).unwrap().commit(batch).unwrap();
    let records = LoggedRecords::open_with(&store, OneFile::open).unwrap();
    let problems = records.scrub().unwrap();
    let expected = ["the record k/001 differs from the mirror", "1 records are missing"];
    let folder = || store.display().to_string();
    let expected = expected.map(|message| StoreError::Index { folder: folder(), message: message.to_owned() });
    assert_eq!(problems, expected);
}

/// A rebuild that stopped at the damaged frame would lose the later records without an error.
#[test]
fn a_mirror_with_a_damaged_frame_makes_no_index() {
    let home = tempfile::tempdir().unwrap();
    let store = home.path().join("store");
    let index = open(&store);
    for key in ["a", "b"] {
        put(&index, key).unwrap();
        index.synchronize().unwrap();
    }
    drop(index);
    fs::remove_file(store.join(one_file::NAME)).unwrap();
    let file = store.join("mirror.log");
    let mut bytes = fs::read(&file).unwrap();
    let in_first_frame = (header::BYTES as usize) + frame::HEAD_BYTES + 1;
    bytes[in_first_frame] ^= 1;
    fs::write(&file, bytes).unwrap();
    let error = rebuild_with(&store, OneFile::open).err();
    assert!(matches!(&error, Some(StoreError::Damaged { key, .. }) if key == "mirror.log"), "{error:?}");
}
