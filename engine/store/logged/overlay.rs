//! What is in the log and not yet in its final place.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use crate::store::{
    Records, StoreError,
    records::{Change, RECORDS_AT_ONCE, Record},
};

/// How many records are read at least when those of a first reading were deleted: a log holds thousands of deletions side by side.
const SCAN_RECORDS_MIN: usize = 64;

pub(super) type Changes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Changes since the last switch of the log, and those that are on their way.
#[derive(Default)]
pub(super) struct Overlay {
    fresh: Changes,
    frozen: Option<Arc<Changes>>,
}

impl Overlay {
    /// Takes changes that are durable in the log.
    pub fn extend(&mut self, changes: impl IntoIterator<Item = Change>) {
        self.fresh.extend(changes);
    }

    /// What a key was changed to: `Some(None)` where it was deleted, `None` where its final place tells.
    pub fn get(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        let frozen = || self.frozen.as_ref()?.get(key);
        self.fresh.get(key).or_else(frozen).cloned()
    }

    /// The changes under a prefix from a key on, in order, until `limit` of them are no deletions: no record behind those can be
    /// among the first `limit`.
    pub fn range(&self, prefix: &[u8], from: &[u8], limit: usize) -> Changes {
        let mut fresh = under(&self.fresh, prefix, from).peekable();
        let mut frozen = self.frozen.as_deref().into_iter().flat_map(|frozen| under(frozen, prefix, from)).peekable();
        let (mut changes, mut left) = (Changes::new(), limit);
        while left > 0 {
            let change = match (fresh.peek(), frozen.peek()) {
                (Some((key, _)), Some((earlier, _))) if earlier < key => frozen.next(),
                (Some((key, _)), Some((earlier, _))) => {
                    if earlier == key {
                        frozen.next();
                    }
                    fresh.next()
                }
                (Some(_), None) => fresh.next(),
                (None, _) => frozen.next(),
            };
            let Some((key, value)) = change else { break };
            left -= usize::from(value.is_some());
            changes.insert(key.clone(), value.clone());
        }
        changes
    }

    /// Sets what there is aside; `false` where something is on its way still.
    pub(crate) fn freeze(&mut self) -> bool {
        if self.frozen.is_some() {
            return false;
        }
        self.frozen = Some(Arc::new(std::mem::take(&mut self.fresh)));
        true
    }

    /// What is on its way.
    pub(crate) fn frozen(&self) -> Option<Arc<Changes>> {
        self.frozen.clone()
    }

    /// Forgets what has arrived.
    pub fn arrived(&mut self) {
        self.frozen = None;
    }
}

/// The records of a final place under a prefix, with changes of [`Overlay::range`] over them.
pub(super) fn scan_under(
    changes: Changes,
    place: &dyn Records,
    prefix: &[u8],
    from: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    if changes.is_empty() {
        return place.scan(prefix, from, limit);
    }
    // Deleted records do not count, so the place is read until there are enough others.
    let (mut merged, mut live) = (Changes::new(), 0);
    let mut next = from.map(<[u8]>::to_vec);
    let mut wanted_min = 0;
    while live < limit {
        let wanted = (limit - live).max(wanted_min);
        wanted_min = (wanted_min * 2).clamp(SCAN_RECORDS_MIN, RECORDS_AT_ONCE);
        let placed = place.scan(prefix, next.as_deref(), wanted)?;
        let is_last = placed.len() < wanted;
        next = placed.last().map(|(key, _)| [&key[..], b"\0"].concat());
        let kept = placed.into_iter().filter(|(key, _)| changes.get(key) != Some(&None));
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
        let place = Counted { records: MemoryRecords::new(), scans: AtomicUsize::new(0) };
        let mut batch = Batch::default();
        (0..10_001).for_each(|number| batch.put(key(number), vec![1]));
        place.records.commit(batch).unwrap();
        let mut overlay = Overlay::default();
        overlay.extend((0..10_000).map(|number| (key(number), None)));
        for limit in [1, 2] {
            place.scans.store(0, Ordering::Relaxed);
            let changes = overlay.range(b"k", b"k", limit);
            let found = scan_under(changes, &place, b"k", None, limit).unwrap();
            assert_eq!(found, [(key(10_000), vec![1])]);
            assert!(place.scans.load(Ordering::Relaxed) < 20, "{:?}", place.scans);
        }
    }
}
