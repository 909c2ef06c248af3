//! An index in one file, for tests. It shows everything that an index other than sled must implement. It keeps its records in memory and
//! writes all of them when it is synchronized. Dropping it earlier has the effect of a power failure.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{
    Batch, Records, StoreError, batch_codec,
    records::{ChangeRef, Index, Record},
};

/// The file's name.
pub(super) const NAME: &str = "index";
/// The key of the position in the file. No record has it.
const POSITION: &[u8] = b"";

/// Records in memory, and the file in which [`Index::synchronize`] stores them.
pub(super) struct OneFile {
    folder: PathBuf,
    contents: Mutex<Contents>,
}

#[derive(Default)]
struct Contents {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    position: Option<Vec<u8>>,
}

impl OneFile {
    /// Opens or creates the file in a folder.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        let open_error = |error: io::Error| StoreError::open_error(folder, &error);
        fs::create_dir_all(folder).map_err(open_error)?;
        let contents = match fs::read(folder.join(NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Contents::default(),
            Err(error) => return Err(open_error(error)),
            Ok(bytes) => Contents::decode(&bytes)
                .ok_or_else(|| StoreError::index_error(folder, "its checksum is wrong".to_owned()))?,
        };
        Ok(OneFile { folder: folder.to_owned(), contents: Mutex::new(contents) })
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    /// A checksum, the position, the records.
    fn encode(&self) -> Vec<u8> {
        let records = self.records.iter().map(|(key, value)| (&key[..], Some(&value[..])));
        let mut encoded = Vec::new();
        batch_codec::encode(std::iter::once((POSITION, self.position.as_deref())).chain(records), &mut encoded);
        [&crc32fast::hash(&encoded).to_le_bytes()[..], &encoded[..]].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (checksum, encoded) = bytes.split_first_chunk::<4>()?;
        if crc32fast::hash(encoded).to_le_bytes() != *checksum {
            return None;
        }
        let mut contents = Contents::default();
        for (key, value) in batch_codec::decode(encoded, NAME).ok()? {
            match value {
                value if key == POSITION => contents.position = value,
                Some(value) => drop(contents.records.insert(key, value)),
                None => return None,
            }
        }
        Some(contents)
    }
}

impl Records for OneFile {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.contents().records.get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], from: Option<&[u8]>, limit: usize) -> Result<Vec<Record>, StoreError> {
        let contents = self.contents();
        let records = contents.records.range(from.unwrap_or(prefix).to_vec()..);
        let records = records.take_while(|(key, _)| key.starts_with(prefix)).take(limit);
        Ok(records.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.write(&batch.by_reference())?;
        self.synchronize(None)
    }
}

impl Index for OneFile {
    fn write(&self, changes: &[ChangeRef<'_>]) -> Result<(), StoreError> {
        let mut contents = self.contents();
        for (key, value) in changes {
            match value {
                Some(value) => contents.records.insert(key.to_vec(), value.to_vec()),
                None => contents.records.remove(*key),
            };
        }
        Ok(())
    }

    fn synchronize(&self, position: Option<&[u8]>) -> Result<(), StoreError> {
        let mut contents = self.contents();
        if let Some(position) = position {
            contents.position = Some(position.to_vec());
        }
        let new = self.folder.join("index.new");
        let written = fs::write(&new, contents.encode()).and_then(|()| fs::rename(&new, self.folder.join(NAME)));
        written.map_err(|error| StoreError::write_error(&error))
    }

    fn position(&self) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.contents().position.clone())
    }
}
