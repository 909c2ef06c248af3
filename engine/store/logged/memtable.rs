//! The memtable: committed changes that are in the log and not in the index yet.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use crate::store::{
    Records, StoreError,
    records::{Change, RECORDS_AT_ONCE, Record},
};

/// The minimum number of records in a read that follows a read of deleted records: a log may have thousands of adjacent deletions.
const SCAN_RECORDS_MIN: usize = 64;

pub(in crate::store) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The active memtable has the changes since the last switch of the log; the immutable one is written by a checkpoint.
#[derive(Default)]
pub(in crate::store) struct Memtable {
    active: Changes,
    immutable: Option<Arc<Changes>>,
}

impl Memtable {
    /// Adds changes that are durable in the log.
    pub fn extend(&mut self, changes: impl IntoIterator<Item = Change>) {
        self.active.extend(changes);
    }

    /// The change of a key: `Some(None)` if the key was deleted, `None` if the memtable has no change of it.
    pub fn get(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let immutable = || self.immutable.as_ref()?.get(key);
        self.active.get(key).or_else(immutable).cloned()
    }

    /// The changes under a prefix from a key on, in order, until `limit` of them are no deletions. No later change can be among the
    /// first `limit` records.
    pub fn range(&self, prefix: &[u8], from: &[u8], limit: usize) -> Changes {
        let mut active = under(&self.active, prefix, from).peekable();
        let mut immutable =
            self.immutable.as_deref().into_iter().flat_map(|immutable| under(immutable, prefix, from)).peekable();
        let (mut changes, mut left) = (Changes::new(), limit);
        while left > 0 {
            let change = match (active.peek(), immutable.peek()) {
                (Some((key, _)), Some((earlier, _))) if earlier < key => immutable.next(),
                (Some((key, _)), Some((earlier, _))) => {
                    if earlier == key {
                        immutable.next();
                    }
                    active.next()
                }
                (Some(_), None) => active.next(),
                (None, _) => immutable.next(),
            };
            let Some((key, value)) = change else { break };
            left -= usize::from(value.is_some());
            changes.insert(key.clone(), value.clone());
        }
        changes
    }

    /// Makes the active memtable immutable; `false` if a checkpoint is in progress.
    pub fn make_immutable(&mut self) -> bool {
        if self.immutable.is_some() {
            return false;
        }
        self.immutable = Some(Arc::new(std::mem::take(&mut self.active)));
        true
    }

    /// The immutable memtable.
    pub fn immutable(&self) -> Option<Arc<Changes>> {
        self.immutable.clone()
    }

    /// Removes the immutable memtable: the index has it. The caller drops it without a lock.
    pub fn take_immutable(&mut self) -> Option<Arc<Changes>> {
        self.immutable.take()
    }
}

/// The records of an index under a prefix, merged with changes of [`Memtable::range`].
pub(in crate::store) fn scan_under(
    changes: Changes,
    index: &dyn Records,
    prefix: &[u8],
    from: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    if changes.is_empty() {
        return index.scan(prefix, from, limit);
    }
    // Deleted records do not count, so the index is read until there are enough others.
    let (mut merged, mut live) = (Changes::new(), 0);
    let mut next = from.map(<[u8]>::to_vec);
    let mut wanted_min = 0;
    while live < limit {
        let wanted = (limit - live).max(wanted_min);
        wanted_min = (wanted_min * 2).clamp(SCAN_RECORDS_MIN, RECORDS_AT_ONCE);
        let indexed = index.scan(prefix, next.as_deref(), wanted)?;
        let is_last = indexed.len() < wanted;
        next = indexed.last().map(|(key, _)| [&key[..], b"\0"].concat());
        let kept = indexed.into_iter().filter(|(key, _)| changes.get(key) != Some(&None));
        let before = merged.len();
        merged.extend(kept.map(|(key, value)| (key, Some(value))));
        live += merged.len() - before;
        if is_last {
            break;
        }
    }
    merged.extend(changes);
    Ok(merged.into_iter().filter_map(|(key, value)| Some((key, value?))).take(limit).collect())
}

fn under<'c>(
    changes: &'c Changes,
    prefix: &'c [u8],
    from: &'c [u8],
) -> impl Iterator<Item = (&'c Vec<u8>, &'c Option<Vec<u8>>)> {
    let range = (Bound::Included(from), Bound::Unbounded);
    changes.range::<[u8], _>(range).take_while(move |(key, _)| key.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::store::{Batch, MemoryRecords};

    /// Counts how often it is read.
    struct Counted {
        records: MemoryRecords,
        scans: AtomicUsize,
    }

    impl Records for Counted {
        fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            self.records.get(key)
        }

        fn scan(&self, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
            self.scans.fetch_add(1, Ordering::Relaxed);
            self.records.scan(prefix, from, limit)
        }

        fn commit(&self, batch: Batch) -> Result<(), StoreError> {
            self.records.commit(batch)
        }
    }

    #[test]
    fn many_deletions_before_the_first_record_cost_few_readings() {
        let key = |number: u32| format!("k{number:05}").into_bytes();
        let index = Counted { records: MemoryRecords::new(), scans: AtomicUsize::new(0) };
        let mut batch = Batch::default();
        (0..10_001).for_each(|number| batch.put(key(number), vec![1]));
        index.records.commit(batch).unwrap();
        let mut memtable = Memtable::default();
        memtable.extend((0..10_000).map(|number| (key(number), None)));
        for limit in [1, 2] {
            index.scans.store(0, Ordering::Relaxed);
            let changes = memtable.range(b"k", b"k", limit);
            let found = scan_under(changes, &index, b"k", None, limit).unwrap();
            assert_eq!(found, [(key(10_000), vec![1])]);
            assert!(index.scans.load(Ordering::Relaxed) < 20, "{:?}", index.scans);
        }
    }
}
