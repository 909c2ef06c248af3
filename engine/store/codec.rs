//! A record: one byte of version, four of checksum over key and body (CRC-32, little endian), then JSON.

use serde::{Serialize, de::DeserializeOwned};

use super::StoreError;

/// The format of the whole store. A later version must read all earlier ones, from the first released on.
pub(super) const FORMAT: u32 = 2;

const RECORD_VERSION: u8 = 2;
const HEAD_BYTES: usize = 5;

pub(super) fn encode<T: Serialize + ?Sized>(key: &[u8], value: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::with_capacity(256);
    bytes.extend_from_slice(&[RECORD_VERSION, 0, 0, 0, 0]);
    serde_json::to_writer(&mut bytes, value).map_err(|error| StoreError::Encode { message: error.to_string() })?;
    sign(key, &mut bytes);
    Ok(bytes)
}

/// A record of what is JSON already.
pub(super) fn encode_json(key: &[u8], json: &[u8]) -> Vec<u8> {
    let mut bytes = vec![RECORD_VERSION, 0, 0, 0, 0];
    bytes.extend_from_slice(json);
    sign(key, &mut bytes);
    bytes
}

fn sign(key: &[u8], bytes: &mut [u8]) {
    let checksum = checksum(key, &bytes[HEAD_BYTES..]);
    bytes[1..HEAD_BYTES].copy_from_slice(&checksum.to_le_bytes());
}

/// A record under another's key is not believed either.
fn checksum(key: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(body);
    hasher.finalize()
}

pub(super) fn decode<T: DeserializeOwned>(key: &[u8], bytes: &[u8]) -> Result<T, StoreError> {
    let body = body(key, bytes)?;
    serde_json::from_slice(body).map_err(|error| damaged(key, error.to_string()))
}

/// The body of a record whose version and checksum are right.
pub(super) fn body<'b>(key: &[u8], bytes: &'b [u8]) -> Result<&'b [u8], StoreError> {
    let too_short = || damaged(key, "it is too short".to_owned());
    let (head, body) = bytes.split_at_checked(HEAD_BYTES).ok_or_else(too_short)?;
    if head[0] != RECORD_VERSION {
        return Err(damaged(key, format!("its version is {}, this program knows {RECORD_VERSION}", head[0])));
    }
    if checksum(key, body).to_le_bytes() != head[1..] {
        return Err(damaged(key, "its checksum does not match".to_owned()));
    }
    Ok(body)
}

pub(super) fn damaged(key: &[u8], message: String) -> StoreError {
    StoreError::Damaged { key: String::from_utf8_lossy(key).replace('\0', "#"), message }
}
