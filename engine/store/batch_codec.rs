//! Encodes a batch: for each change the lengths of key and value, the key, the value.

use super::{
    StoreError,
    records::{Change, ChangeRef},
};

/// The length that marks a deletion.
const DELETED: u32 = u32::MAX;

/// Appends the encoded changes.
pub(super) fn encode<'c>(changes: impl Iterator<Item = ChangeRef<'c>> + Clone, bytes: &mut Vec<u8>) {
    let length = |(key, value): ChangeRef<'_>| 8 + key.len() + value.map_or(0, <[u8]>::len);
    bytes.reserve(changes.clone().map(length).sum());
    for (key, value) in changes {
        bytes.extend_from_slice(&(key.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&value.map_or(DELETED, |value| value.len() as u32).to_le_bytes());
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(value.unwrap_or_default());
    }
}

/// Decodes changes that were read from `file`, which an error names.
pub(super) fn decode(bytes: &[u8], file: &str) -> Result<Vec<Change>, StoreError> {
    let mut rest = bytes;
    let mut changes = Vec::new();
    while !rest.is_empty() {
        let Some((change, next)) = first(rest) else {
            let message = "the changes in a log frame are shorter than their lengths".to_owned();
            return Err(StoreError::Damaged { key: file.to_owned(), message });
        };
        changes.push(change);
        rest = next;
    }
    Ok(changes)
}

fn first(bytes: &[u8]) -> Option<(Change, &[u8])> {
    let (lengths, bytes) = bytes.split_at_checked(8)?;
    let (key_length, value_length) = lengths.split_at(4);
    let key_length = u32::from_le_bytes(key_length.try_into().ok()?);
    let value_length = u32::from_le_bytes(value_length.try_into().ok()?);
    let (key, bytes) = bytes.split_at_checked(key_length as usize)?;
    if value_length == DELETED {
        return Some(((key.to_vec(), None), bytes));
    }
    let (value, bytes) = bytes.split_at_checked(value_length as usize)?;
    Some(((key.to_vec(), Some(value.to_vec())), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_file_that_was_read() {
        let mut bytes = Vec::new();
        encode([(&b"key"[..], Some(&b"value"[..]))].into_iter(), &mut bytes);
        assert_eq!(decode(&bytes, "mirror.log"), Ok(vec![(b"key".to_vec(), Some(b"value".to_vec()))]));
        for file in ["commit log", "mirror.log"] {
            let error = decode(&bytes[1..], file);
            assert!(matches!(&error, Err(StoreError::Damaged { key, .. }) if key == file), "{error:?}");
        }
    }
}
