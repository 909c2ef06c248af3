//! A record: one byte of version, four of checksum (CRC-32, little endian), then JSON.

use serde::{Serialize, de::DeserializeOwned};

use super::StoreError;

/// The format of the whole store. A later version must read all earlier ones.
pub(super) const FORMAT: u32 = 1;

const RECORD_VERSION: u8 = 1;
const HEAD_BYTES: usize = 5;

pub(super) fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![RECORD_VERSION, 0, 0, 0, 0];
    serde_json::to_writer(&mut bytes, value).map_err(|error| StoreError::Encode { message: error.to_string() })?;
    let checksum = crc32fast::hash(&bytes[HEAD_BYTES..]);
    bytes[1..HEAD_BYTES].copy_from_slice(&checksum.to_le_bytes());
    Ok(bytes)
}

pub(super) fn decode<T: DeserializeOwned>(key: &[u8], bytes: &[u8]) -> Result<T, StoreError> {
    let damaged =
        |message: String| StoreError::Damaged { key: String::from_utf8_lossy(key).replace('\0', "#"), message };
    let (head, body) = bytes.split_at_checked(HEAD_BYTES).ok_or_else(|| damaged("it is too short".to_owned()))?;
    if head[0] != RECORD_VERSION {
        return Err(damaged(format!("its version is {}, this program knows {RECORD_VERSION}", head[0])));
    }
    if crc32fast::hash(body).to_le_bytes() != head[1..] {
        return Err(damaged("its checksum does not match".to_owned()));
    }
    serde_json::from_slice(body).map_err(|error| damaged(error.to_string()))
}
