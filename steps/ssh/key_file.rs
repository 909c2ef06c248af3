//! Reads the files of keys, and no more of them than a key has.

use std::{
    fs::File,
    io::{Error, Read, Result},
    path::Path,
};

use russh::keys::{PrivateKey, decode_secret_key};

use crate::regular_file::refuse_other_than_file;

/// The largest file of a key, in bytes.
const KEY_BYTES_MAX: u64 = 64 << 10;

/// Reads a private key without a passphrase.
///
/// # Errors
/// The file cannot be read, is too large, is no regular file, or has no such key.
pub(super) fn read_private_key(file: impl AsRef<Path>) -> std::result::Result<PrivateKey, russh::keys::Error> {
    decode_secret_key(&read_key_file(file.as_ref())?, None)
}

/// Reads the text of a key.
///
/// # Errors
/// The file cannot be read, is too large, or is no regular file.
pub(super) fn read_key_file(file: &Path) -> Result<String> {
    refuse_other_than_file(file)?;
    let mut text = String::new();
    File::open(file)?.take(KEY_BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > KEY_BYTES_MAX {
        return Err(Error::other(format!("it has more than {} KiB, so it is no key", KEY_BYTES_MAX >> 10)));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_device_a_folder_and_a_large_file_are_no_keys() {
        let folder = tempfile::tempdir().unwrap();
        let large = folder.path().join("large");
        File::create(&large).unwrap().set_len(KEY_BYTES_MAX + 1).unwrap();
        for (file, words) in [
            (Path::new("/dev/zero"), "not a regular file"),
            (folder.path(), "not a regular file"),
            (large.as_path(), "more than 64 KiB"),
        ] {
            assert!(read_private_key(file).unwrap_err().to_string().contains(words), "{}", file.display());
        }
        let missing = read_key_file(&folder.path().join("missing")).unwrap_err();
        assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
    }
}
