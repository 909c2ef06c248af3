//! A sorted map in sled that splits long values into chunks. Sled writes long values into files of their own without synchronizing
//! them, and a node has up to sixteen values: only short values are as durable as its log.

use std::path::Path;

use sled::{Db, IVec, Tree};

use super::{panics::guarded, read_error, write_error};
use crate::store::StoreError;

/// The longest value without chunks, and the longest chunk, in bytes: a full node is far below the length that sled treats as long.
const CHUNK_BYTES_MAX: usize = 4_096;
/// The value of a record in chunks: this prefix, then the length. No record begins with this prefix.
const IN_CHUNKS: [u8; 8] = *b"\xF5parts\0\0";

/// A sorted map in sled. Every call is guarded, because sled panics if a node is damaged.
pub(super) struct LongTree {
    /// The folder of the database, for errors.
    folder: String,
    values: Db,
    chunks: Tree,
    notes: Tree,
}

impl LongTree {
    pub fn new(folder: &Path, values: Db) -> Result<Self, sled::Error> {
        let (chunks, notes) = (values.open_tree("parts")?, values.open_tree("notes")?);
        Ok(LongTree { folder: folder.display().to_string(), values, chunks, notes })
    }

    /// A value of the tree of notes.
    pub fn note(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        guarded(&self.folder, || Ok(self.notes.get(name).map_err(read_error)?.map(|bytes| bytes.to_vec())))
    }

    /// Sets a value of the tree of notes; as durable as the records.
    pub(crate) fn set_note(&self, name: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        guarded(&self.folder, || self.notes.insert(name, bytes).map(drop).map_err(write_error))
    }

    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        guarded(&self.folder, || {
            self.values.get(key).map_err(read_error)?.map(|value| self.joined(key, &value)).transpose()
        })
    }

    pub fn range(&self, from: &[u8]) -> impl Iterator<Item = Result<(IVec, Vec<u8>), StoreError>> + '_ {
        let mut records = Some(self.values.range(from.to_vec()..));
        std::iter::from_fn(move || {
            let next = guarded(&self.folder, || {
                let Some(record) = records.as_mut().and_then(Iterator::next) else { return Ok(None) };
                let (key, value) = record.map_err(read_error)?;
                let value = self.joined(&key, &value)?;
                Ok(Some((key, value)))
            });
            // The iterator is unusable after a panic.
            if matches!(next, Err(StoreError::Index { .. })) {
                records = None;
            }
            next.transpose()
        })
    }

    pub fn insert(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        guarded(&self.folder, || self.insert_unguarded(key, value))
    }

    fn insert_unguarded(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let count = match value.len() <= CHUNK_BYTES_MAX {
            true => 0,
            false => self.insert_chunks(key, value)?,
        };
        let before = match count {
            0 => self.values.insert(key, value),
            _ => self.values.insert(key, [&IN_CHUNKS[..], &(value.len() as u32).to_le_bytes()].concat()),
        };
        self.remove_chunks(key, before, count)
    }

    pub fn remove(&self, key: &[u8]) -> Result<(), StoreError> {
        guarded(&self.folder, || self.remove_chunks(key, self.values.remove(key), 0))
    }

    /// Writes all changes to the operating system. The caller synchronizes the file.
    pub fn flush(&self) -> Result<(), StoreError> {
        guarded(&self.folder, || {
            self.values.flush().map_err(write_error)?;
            self.chunks.flush().map(drop).map_err(write_error)
        })
    }

    fn insert_chunks(&self, key: &[u8], value: &[u8]) -> Result<usize, StoreError> {
        let chunks = value.chunks(CHUNK_BYTES_MAX);
        let count = chunks.len();
        for (number, chunk) in chunks.enumerate() {
            self.chunks.insert(chunk_key(key, number), chunk).map_err(write_error)?;
        }
        Ok(count)
    }

    /// Removes the chunks of an earlier value, from a number on.
    fn remove_chunks(&self, key: &[u8], before: sled::Result<Option<IVec>>, from: usize) -> Result<(), StoreError> {
        let before = before.map_err(write_error)?;
        let count =
            before.and_then(|value| length_in_chunks(&value)).map_or(0, |length| length.div_ceil(CHUNK_BYTES_MAX));
        for number in from..count {
            self.chunks.remove(chunk_key(key, number)).map_err(write_error)?;
        }
        Ok(())
    }

    fn joined(&self, key: &[u8], value: &[u8]) -> Result<Vec<u8>, StoreError> {
        let Some(length) = length_in_chunks(value) else { return Ok(value.to_vec()) };
        let mut joined = Vec::with_capacity(length);
        for number in 0..length.div_ceil(CHUNK_BYTES_MAX) {
            let chunk = self.chunks.get(chunk_key(key, number)).map_err(read_error)?;
            let missing = || StoreError::Damaged {
                key: String::from_utf8_lossy(key).into_owned(),
                message: "a chunk of its value is missing".to_owned(),
            };
            joined.extend_from_slice(&chunk.ok_or_else(missing)?);
        }
        Ok(joined)
    }
}

fn length_in_chunks(value: &[u8]) -> Option<usize> {
    let length: [u8; 4] = value.strip_prefix(&IN_CHUNKS)?.try_into().ok()?;
    Some(u32::from_le_bytes(length) as usize)
}

/// The length is first, so that the chunks of different keys do not mix.
fn chunk_key(key: &[u8], number: usize) -> Vec<u8> {
    [&(key.len() as u32).to_be_bytes()[..], key, &(number as u32).to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_long_value_is_read_back_completely_leaves_no_chunk_and_makes_no_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let tree = LongTree::new(folder.path(), sled::open(folder.path()).unwrap()).unwrap();
        for length in [0, 4_096, 4_097, 300_000, 9_000, 5, 1_000_000] {
            let value: Vec<u8> = (0..length).map(|at: u32| (at % 251) as u8).collect();
            tree.insert(b"a", &value).unwrap();
            tree.insert(b"a\0", &value).unwrap();
            assert_eq!(tree.get(b"a").unwrap(), Some(value.clone()), "{length}");
            assert_eq!(
                tree.range(b"").map(Result::unwrap).map(|(_, found)| found).collect::<Vec<_>>(),
                [value.clone(), value]
            );
        }
        tree.flush().unwrap();
        assert_eq!(std::fs::read_dir(folder.path().join("blobs")).unwrap().count(), 0);
        tree.remove(b"a").unwrap();
        tree.insert(b"a\0", &[1]).unwrap();
        assert_eq!((tree.get(b"a").unwrap(), tree.chunks.len(), tree.values.len()), (None, 0, 1));
    }
}
