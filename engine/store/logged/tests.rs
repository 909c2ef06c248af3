//! The fear: a record is not where it is looked for while it moves to its final place, or after a crash.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::store::MemoryRecords;

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

fn open(place: &MemoryRecords, folder: &Path) -> LoggedRecords {
    let file = |name: &str| -> Box<dyn LogFile> { Box::new(DiskFile::open(&folder.join(name)).unwrap()) };
    LoggedRecords::over(place.clone(), [file("0"), file("1")], 2_000).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_record_is_what_it_was_last_set_to_wherever_it_lies(acts in proptest::collection::vec(act(), 1..200)) {
        let (folder, place) = (tempfile::tempdir().unwrap(), MemoryRecords::new());
        let mut records = open(&place, folder.path());
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
                Act::Settle => records.settle().unwrap(),
                Act::Reopen => {
                    drop(records);
                    records = open(&place, folder.path());
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
