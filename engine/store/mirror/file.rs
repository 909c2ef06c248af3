//! The file of the mirror: the changes in log frames with checksums, in the order in which the index received them.

use std::{
    collections::HashSet,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::Path,
};

use super::log_frame_file::LogFrameFile;
use crate::store::{
    Batch, StoreError, batch_codec,
    commit_log::{DiskFile, LogFile, frame},
    records::{Change, ChangeRef},
};

const NAME: &str = "mirror.log";
const NEW_NAME: &str = "mirror.new";
/// The encoding of a log frame's changes: uncompressed, or compressed (LZ4 block after its length).
const PLAIN: u8 = 0;
const PACKED: u8 = 1;
/// From this length on values are compressed already.
const LONG_BYTES_MIN: usize = 1_024;

/// The position that the index stores: the end of the mirror when the index was last synchronized, and the salt of the mirror's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    salt: u64,
    length_bytes: u64,
    sequence: u64,
}

impl Position {
    pub fn encode(self) -> Vec<u8> {
        [self.salt, self.length_bytes, self.sequence].iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let number = |index: usize| {
            let bytes = bytes.get(index * 8..index * 8 + 8)?;
            bytes.try_into().ok().map(u64::from_le_bytes)
        };
        Some(Position { salt: number(0)?, length_bytes: number(1)?, sequence: number(2)? })
    }
}

/// The file, and the end of its last log frame.
pub struct Mirror {
    file: LogFrameFile,
    length_bytes: u64,
    sequence: u64,
}

impl Mirror {
    /// A new mirror, filled by `fill`. It replaces an existing one once it is complete and durable.
    pub fn create(folder: &Path, fill: impl FnOnce(&mut Self) -> Result<(), StoreError>) -> Result<Self, StoreError> {
        let (path, new) = (folder.join(NAME), folder.join(NEW_NAME));
        let failed =
            |error: io::Error| StoreError::Write { message: format!("{}: {error}", new.display()), kind: error.kind() };
        let mut file = DiskFile::open(&new).map_err(failed)?;
        file.shorten(0).map_err(failed)?;
        let file = LogFrameFile::begin(Box::new(file))?;
        let mut mirror = Mirror { length_bytes: file.begins_bytes(), file, sequence: 0 };
        fill(&mut mirror)?;
        mirror.synchronize()?;
        fs::rename(&new, &path).and_then(|()| fs::File::open(folder)?.sync_all()).map_err(failed)?;
        Ok(mirror)
    }

    /// Opens the mirror at the position that the index has stored; `None` if no mirror has that position. Passes the changes after that
    /// position to `repeat` in order, because the index may not have them.
    ///
    /// # Errors
    /// It is damaged after that position, it cannot be read, or `repeat` failed.
    pub(crate) fn open_and_replay(
        folder: &Path,
        position: Position,
        mut repeat: impl FnMut(&[ChangeRef<'_>]) -> Result<(), StoreError>,
    ) -> Result<Option<Self>, StoreError> {
        let Some(mut file) = existing(&folder.join(NAME))? else { return Ok(None) };
        if file.salt() != position.salt || file.length_bytes()? < position.length_bytes {
            return Ok(None);
        }
        let mut mirror = Mirror { file, length_bytes: position.length_bytes, sequence: position.sequence };
        while let Some((end_bytes, packed)) = mirror.next()? {
            let changes = unpacked(&packed, mirror.sequence + 1)?;
            repeat(&Batch { changes }.by_reference())?;
            (mirror.length_bytes, mirror.sequence) = (end_bytes, mirror.sequence + 1);
        }
        mirror.file.shorten(mirror.length_bytes)?;
        Ok(Some(mirror))
    }

    /// The mirror in a folder up to its last complete log frame, for an index that cannot be opened.
    ///
    /// # Errors
    /// It is damaged, or cannot be read.
    pub fn found(folder: &Path) -> Result<Option<Self>, StoreError> {
        let Some(file) = existing(&folder.join(NAME))? else { return Ok(None) };
        let mut mirror = Mirror { length_bytes: file.begins_bytes(), file, sequence: 0 };
        while let Some((end_bytes, _)) = mirror.next()? {
            (mirror.length_bytes, mirror.sequence) = (end_bytes, mirror.sequence + 1);
        }
        Ok(Some(mirror))
    }

    /// The end of the next log frame, and its payload.
    ///
    /// # Errors
    /// It is unreadable, and a later one is readable.
    fn next(&mut self) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        let next = self.sequence + 1;
        let read = self.file.read(self.length_bytes)?.filter(|(sequence, ..)| *sequence == next);
        if let Some((_, end_bytes, packed)) = read {
            return Ok(Some((end_bytes, packed)));
        }
        match self.file.later_than(self.length_bytes, next)? {
            None => Ok(None),
            Some(later) => Err(damaged(format!("log frame {next} cannot be read, log frame {later} can"))),
        }
    }

    /// Whether the mirror is empty: nothing was ever written to it.
    pub fn is_empty(&self) -> bool {
        self.sequence == 0
    }

    pub(crate) fn length_bytes(&self) -> u64 {
        self.length_bytes
    }

    pub fn position(&self) -> Position {
        Position { salt: self.file.salt(), length_bytes: self.length_bytes, sequence: self.sequence }
    }

    /// Appends changes before the index makes them; durable after [`Mirror::synchronize`].
    pub fn append(&mut self, changes: &[ChangeRef<'_>]) -> Result<(), StoreError> {
        let packed = packed(changes);
        self.length_bytes = self.file.write(self.length_bytes, self.sequence + 1, &packed)?;
        self.sequence += 1;
        Ok(())
    }

    pub(crate) fn synchronize(&mut self) -> Result<(), StoreError> {
        self.file.synchronize()
    }

    /// Passes the last value of every record to `each`, in no order.
    ///
    /// # Errors
    /// A log frame is damaged or cannot be read, or `each` failed.
    pub fn records(&mut self, mut each: impl FnMut(Change) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let mut offsets_bytes = Vec::new();
        let mut at_bytes = self.file.begins_bytes();
        while at_bytes < self.length_bytes {
            let end_bytes = self.file.end_of(at_bytes)?.filter(|end_bytes| *end_bytes <= self.length_bytes);
            offsets_bytes.push(at_bytes);
            at_bytes = end_bytes.ok_or_else(|| damaged(format!("log frame {} has no end", offsets_bytes.len())))?;
        }
        // The last change of a key is read first; earlier ones are ignored.
        let mut seen = HashSet::new();
        for (index, offset_bytes) in offsets_bytes.into_iter().enumerate().rev() {
            let number = index as u64 + 1;
            let found = self.file.read(offset_bytes)?.filter(|(sequence, ..)| *sequence == number);
            let (.., packed) = found.ok_or_else(|| damaged(format!("log frame {number} cannot be read")))?;
            for change in unpacked(&packed, number)?.into_iter().rev() {
                if seen.insert(fingerprint(&change.0)) && change.1.is_some() {
                    each(change)?;
                }
            }
        }
        Ok(())
    }
}

/// Encodes changes, with a first byte for the encoding: long values are compressed already.
fn packed(changes: &[ChangeRef<'_>]) -> Vec<u8> {
    let is_long = |(_, value): &&ChangeRef<'_>| value.is_some_and(|value| value.len() > LONG_BYTES_MIN);
    let mut bytes = vec![PLAIN];
    batch_codec::encode(changes.iter().copied(), &mut bytes);
    match changes.iter().filter(is_long).count() * 4 > changes.len() {
        true => bytes,
        false => [&[PACKED], &lz4_flex::compress_prepend_size(&bytes[1..])[..]].concat(),
    }
}

fn unpacked(packed: &[u8], number: u64) -> Result<Vec<Change>, StoreError> {
    let wrong = |message: String| damaged(format!("log frame {number}: {message}"));
    match packed.split_first() {
        Some((&PLAIN, bytes)) => batch_codec::decode(bytes, NAME),
        Some((&PACKED, bytes)) => {
            let bytes = lz4_flex::decompress_size_prepended(bytes).map_err(|error| wrong(error.to_string()))?;
            batch_codec::decode(&bytes, NAME)
        }
        _ => Err(wrong("it is written in a way that this program does not know".to_owned())),
    }
}

fn existing(path: &Path) -> Result<Option<LogFrameFile>, StoreError> {
    if !path.exists() {
        return Ok(None);
    }
    let unreadable =
        |error: io::Error| StoreError::Read { message: format!("{}: {error}", path.display()), kind: error.kind() };
    let file = DiskFile::open(path).map_err(unreadable)?;
    LogFrameFile::open(Box::new(file), NAME)
}

fn damaged(message: String) -> StoreError {
    frame::damaged(NAME, message)
}

/// A number that is different for different bytes of a store.
pub(in crate::store) fn fingerprint(bytes: &[u8]) -> u128 {
    let half = |number: u8| {
        let mut hasher = DefaultHasher::new();
        (number, bytes).hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}
