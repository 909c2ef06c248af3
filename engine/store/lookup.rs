//! Finding executions by their id, by keys only.

use std::collections::BTreeSet;

use super::{Store, StoreError, keys, records::RECORDS_AT_ONCE};

impl Store {
    /// Whether there is an execution of that id; cheaper than [`Store::summary`], because no record is decoded.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn exists(&self, id: &str) -> Result<bool, StoreError> {
        for key in self.keys_of_every_format(id) {
            if self.records.get(&key)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The ids that begin with `prefix`, in order, at most `limit`. Reads the keys of that prefix only, of every format in the store.
    ///
    /// # Errors
    /// The records cannot be read.
    pub fn ids_with_prefix(&self, prefix: &str, limit: usize) -> Result<Vec<String>, StoreError> {
        let mut ids = BTreeSet::new();
        for prefixed in self.keys_of_every_format(prefix) {
            self.collect_ids(&prefixed, limit, &mut ids)?;
        }
        Ok(ids.into_iter().take(limit).collect())
    }

    /// The keys of the records that have the status of an execution, for an id or a prefix of ids. The keys of format 2 are included
    /// only if the store has records of format 2.
    pub(super) fn keys_of_every_format(&self, id: &str) -> impl Iterator<Item = Vec<u8>> + use<> {
        let earlier = self.has_format_2.then(|| [keys::wake_record(id), keys::ended_in_format_2(id)]);
        std::iter::once(keys::execution_record(id)).chain(earlier.into_iter().flatten())
    }

    /// Adds the first `limit` ids under a prefix of keys.
    fn collect_ids(&self, prefix: &[u8], limit: usize, ids: &mut BTreeSet<String>) -> Result<(), StoreError> {
        let mut from = prefix.to_vec();
        let mut left = limit;
        while left > 0 {
            let found = self.records.scan(prefix, Some(&from), left.min(RECORDS_AT_ONCE))?;
            let Some((last, _)) = found.last() else { break };
            from = [&last[..], b"\0"].concat();
            left -= found.len();
            ids.extend(found.iter().filter_map(|(key, _)| keys::id(key)).map(str::to_owned));
        }
        Ok(())
    }
}
