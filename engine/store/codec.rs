//! Encodes a record: one byte of version, four of checksum over key and body (CRC-32, little endian), then JSON. Long JSON is
//! compressed (LZ4 block after its length), because journals are repetitive.

use std::{borrow::Cow, cell::RefCell};

use serde::{Serialize, de::DeserializeOwned};

use super::StoreError;

/// The format of the store. Each version reads the formats of all released versions.
pub(super) const FORMAT: u32 = 5;
/// Earlier formats that this version reads. What it adds to such a store has the current format. In format 2 each journal entry is
/// complete and an execution has more records. Format 3 has no early signals and no replaced environments. Format 4 has no index
/// for lists.
pub(super) const EARLIER_FORMATS: [u32; 3] = [2, 3, 4];

/// Uncompressed JSON.
const PLAIN: u8 = 2;
/// Compressed JSON.
const PACKED: u8 = 3;
/// Records of more bytes than this are compressed.
const PACKED_BYTES_MIN: usize = 2_048;
const HEAD_BYTES: usize = 5;
/// The largest buffer that a thread keeps for encoding records.
const SCRATCH_BYTES_MAX: usize = 64 * 1024;

pub(super) fn encode<T: Serialize + ?Sized>(key: &[u8], value: &T) -> Result<Vec<u8>, StoreError> {
    encode_written(key, |json| serde_json::to_writer(json, value))
}

/// A record of the JSON that `write` writes.
pub(super) fn encode_written(
    key: &[u8],
    write: impl FnOnce(&mut Vec<u8>) -> serde_json::Result<()>,
) -> Result<Vec<u8>, StoreError> {
    thread_local!(static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) });
    // The memtable holds records until the next checkpoint, so they take no more memory than their length.
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.clear();
        write(scratch).map_err(|error| StoreError::Encode { message: error.to_string() })?;
        let bytes = encode_json(key, scratch);
        scratch.shrink_to(SCRATCH_BYTES_MAX);
        Ok(bytes)
    })
}

/// A record of JSON that is serialized already.
pub(super) fn encode_json(key: &[u8], json: &[u8]) -> Vec<u8> {
    let packed = (json.len() > PACKED_BYTES_MIN).then(|| lz4_flex::compress_prepend_size(json));
    let (version, body) = packed.as_deref().map_or((PLAIN, json), |packed| (PACKED, packed));
    let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
    bytes.push(version);
    bytes.extend_from_slice(&checksum(key, body).to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// The checksum covers the key: a record under another record's key is an error.
fn checksum(key: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(body);
    hasher.finalize()
}

pub(super) fn decode<T: DeserializeOwned>(key: &[u8], bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(&json(key, bytes)?).map_err(|error| damaged(key, error.to_string()))
}

/// The JSON of a record with the correct version and checksum.
pub(super) fn json<'b>(key: &[u8], bytes: &'b [u8]) -> Result<Cow<'b, [u8]>, StoreError> {
    let too_short = || damaged(key, "it is too short".to_owned());
    let (head, body) = bytes.split_at_checked(HEAD_BYTES).ok_or_else(too_short)?;
    if checksum(key, body).to_le_bytes() != head[1..] {
        return Err(damaged(key, "its checksum does not match".to_owned()));
    }
    match head[0] {
        PLAIN => Ok(Cow::Borrowed(body)),
        PACKED => {
            let unpacked = lz4_flex::decompress_size_prepended(body);
            unpacked.map(Cow::Owned).map_err(|error| damaged(key, error.to_string()))
        }
        version => Err(damaged(key, format!("its version is {version}, this program knows {PLAIN} and {PACKED}"))),
    }
}

pub(super) fn damaged(key: &[u8], message: String) -> StoreError {
    StoreError::Damaged { key: String::from_utf8_lossy(key).replace('\0', "#"), message }
}

#[cfg(test)]
mod tests {
    use super::{EARLIER_FORMATS, FORMAT};

    #[test]
    fn a_store_of_each_earlier_format_is_kept() {
        let kept = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/stores");
        for format in EARLIER_FORMATS {
            assert!(kept.join(format!("format-{format}.tgz")).exists(), "format {format}");
        }
        assert_eq!(EARLIER_FORMATS.last(), Some(&(FORMAT - 1)));
    }
}
