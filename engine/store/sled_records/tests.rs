//! The fear: one damaged byte loses all executions, or some of them without an error.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use proptest::prelude::*;

use super::*;
use crate::store::{LoggedRecords, damage::SalvagedRecords, rebuild};

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// A store after a kill: most records are in sled, some are changed and deleted again, the last ones are in the log only.
fn killed() -> (tempfile::TempDir, Model) {
    let (folder, lived) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let records = LoggedRecords::open(&lived.path().join("store")).unwrap();
    let mut model = Model::new();
    for turn in 0..60_u32 {
        let mut batch = Batch::default();
        for number in 0..60_u32 {
            let key = format!("k/{}", (turn * 7 + number * 31) % 900).into_bytes();
            if number % 9 == 0 {
                model.remove(&key);
                batch.delete(key);
            } else {
                let value = format!("{turn} {number} ").repeat(20 + number as usize * 4).into_bytes();
                model.insert(key.clone(), value.clone());
                batch.put(key, value);
            }
        }
        records.commit(batch).unwrap();
    }
    assert_eq!(records.scrub().unwrap(), [], "no checkpoint is in progress");
    copy(&lived.path().join("store"), &folder.path().join("store"));
    (folder, model)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        match entry.metadata().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// Opens a store as the command line does, and reads all records.
fn reopened(folder: &Path) -> Model {
    let read = || {
        let records = LoggedRecords::open(folder)?;
        let all = records.scan(b"k/", None, usize::MAX)?;
        Ok((records.scrub()?, all))
    };
    let (problems, all) = match read() {
        Err(StoreError::Index { .. }) => {
            rebuild(folder).unwrap();
            read().unwrap()
        }
        read => read.unwrap(),
    };
    assert_eq!(problems, [], "the rebuilt index is complete");
    all.into_iter().collect()
}

fn flip(path: &Path, at: prop::sample::Index, bits: u8) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let at = at.index(file.metadata().unwrap().len() as usize) as u64;
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ bits], at).unwrap();
}

fn damaged_files(folder: &Path) -> Vec<PathBuf> {
    ["db", "conf", "mirror.log"].iter().map(|name| folder.join(name)).collect()
}

#[test]
fn a_store_without_its_index_or_without_its_mirror_has_lost_nothing() {
    let (folder, model) = killed();
    let store = folder.path().join("store");
    let intact = folder.path().join("intact");
    copy(&store, &intact);
    for path in damaged_files(&store) {
        let length = fs::metadata(&path).unwrap().len();
        for quarters in [None, Some(0), Some(1), Some(2), Some(3)] {
            fs::remove_dir_all(&store).unwrap();
            copy(&intact, &store);
            let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
            match quarters {
                None => fs::remove_file(&path).unwrap(),
                Some(quarters) => file.set_len(length * quarters / 4).unwrap(),
            }
            assert!(reopened(&store) == model, "{} cut to {quarters:?} quarters", path.display());
        }
    }
}

fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    paths.map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

#[test]
fn a_store_that_has_no_room_is_read_completely_or_not_at_all() {
    let (folder, model) = killed();
    let store = folder.path().join("store");
    let read = || -> Result<Model, StoreError> {
        Ok(SalvagedRecords::complete(&store)?.scan(b"k/", None, usize::MAX)?.into_iter().collect())
    };
    let before = contents(&store);
    assert!(read().unwrap() == model);
    assert!(contents(&store) == before, "nothing was written");
    let mirror = store.join("mirror.log");
    let length = fs::metadata(&mirror).unwrap().len();
    for quarters in (0..4).rev() {
        fs::OpenOptions::new().write(true).open(&mirror).unwrap().set_len(length * quarters / 4).unwrap();
        assert!(read().map_or(true, |records| records == model), "cut to {quarters} quarters");
    }
    fs::remove_file(&mirror).unwrap();
    assert!(read().is_err());
}

#[test]
fn a_damaged_mirror_is_reported_and_replaced() {
    let (folder, model) = killed();
    let store = folder.path().join("store");
    let mirror = store.join("mirror.log");
    let file = fs::OpenOptions::new().write(true).open(&mirror).unwrap();
    file.write_all_at(&[0x41; 9], file.metadata().unwrap().len() / 2).unwrap();
    let records = LoggedRecords::open(&store).unwrap();
    records.checkpoint(None).unwrap();
    drop(records);
    assert!(reopened(&store) == model);
    fs::remove_file(store.join("db")).unwrap();
    assert!(reopened(&store) == model, "the new mirror has all of it");
}

/// A write finds a page of sled that is unreadable. The next opening must not treat that as a lost mirror.
#[test]
fn a_page_that_cannot_be_read_does_not_take_the_mirror_with_it() {
    let (folder, model) = killed();
    let store = folder.path().join("store");
    // Now a snapshot refers to everything: damage is found by a read.
    assert!(reopened(&store) == model);
    let intact = folder.path().join("intact");
    copy(&store, &intact);
    let length = fs::metadata(store.join("db")).unwrap().len();
    for part in 0..10_u64 {
        fs::remove_dir_all(&store).unwrap();
        copy(&intact, &store);
        let file = fs::OpenOptions::new().write(true).open(store.join("db")).unwrap();
        file.write_all_at(&[0x41; 3], length * part / 10).unwrap();
        let mut model = model.clone();
        for opening in 0..3_u32 {
            let Ok(records) = LoggedRecords::open(&store) else { break };
            for turn in 0..8_u32 {
                let mut batch = Batch::default();
                for number in 0..200_u32 {
                    let value = format!("{opening} {turn} ").repeat(200).into_bytes();
                    batch.put(format!("k/{number}").into_bytes(), value);
                }
                let made = batch.changes.clone();
                if records.commit(batch).is_err() {
                    break;
                }
                model.extend(made.into_iter().filter_map(|(key, value)| Some((key, value?))));
            }
            let _ = records.checkpoint(None);
        }
        let problems = LoggedRecords::open(&store).and_then(|records| records.scrub());
        if problems.is_ok_and(|problems| !problems.is_empty()) {
            rebuild(&store).unwrap();
        }
        assert!(reopened(&store) == model, "part {part}");
    }
}

#[test]
fn a_mirror_without_a_complete_frame_makes_no_index() {
    let (folder, _) = killed();
    let store = folder.path().join("store");
    fs::write(store.join("mirror.log"), vec![7; 50_000]).unwrap();
    fs::write(store.join("db"), vec![7; 50_000]).unwrap();
    let error = LoggedRecords::open(&store).err();
    assert!(error.is_some());
    let error = rebuild(&store).err();
    assert!(matches!(&error, Some(StoreError::Damaged { key, .. }) if key == "mirror.log"), "{error:?}");
    assert!(store.join("db").exists() && !folder.path().join("store.new").exists(), "it is as it was");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_flipped_byte_in_sled_or_its_mirror_loses_nothing(
        file in 0_usize..4, at in any::<prop::sample::Index>(), bits in 1_u8..,
    ) {
        let (folder, model) = killed();
        let store = folder.path().join("store");
        // In most cases sled's own file.
        let files = damaged_files(&store);
        flip(files.get(file).unwrap_or(&files[0]), at, bits);
        prop_assert!(reopened(&store) == model);
    }
}
