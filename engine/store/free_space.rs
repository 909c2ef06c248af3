//! Checks the free space of a disk: sled does not survive a disk that becomes full during a write. Distinguishes a write
//! without room from damage.

use std::{io, path::Path};

use super::StoreError;

/// The bytes that must be free when a store is opened or its log is emptied.
pub(super) const FREE_BYTES_MIN: u64 = 16 * 1024 * 1024;

/// Whether a write failed because it has no room: the disk is full, or the user's quota or the limit of a file's size is reached.
pub fn lacks_room(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge)
}

/// Checks that the disk of a store's folder has space for the store.
///
/// # Errors
/// The disk has less than a store needs, or its free space cannot be read.
pub fn check_free_space(folder: &Path) -> Result<(), StoreError> {
    // A full log, and what its checkpoint writes.
    ensure(folder, 4 * FREE_BYTES_MIN)
}

/// Refuses if a folder's disk has less than `needed` bytes for this user.
pub(super) fn ensure(folder: &Path, needed: u64) -> Result<(), StoreError> {
    let refused = |kind, message: String| StoreError::Write { kind, message };
    let unknown = |error: rustix::io::Errno| refused(error.kind(), format!("{}: {error}", folder.display()));
    let disk = rustix::fs::statvfs(folder).map_err(unknown)?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free >= needed {
        return Ok(());
    }
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let (has, needs) = (megabytes(free), megabytes(needed));
    let disk = folder.display();
    let message = format!("No space left on the disk of {disk}: it has {has:.1} MB, {needs:.1} MB are needed");
    Err(refused(io::ErrorKind::StorageFull, message))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    #[test]
    fn a_write_without_room_is_distinguished_from_damage() {
        use rustix::io::Errno;
        for errno in [Errno::NOSPC, Errno::DQUOT, Errno::FBIG] {
            assert!(lacks_room(errno.kind()), "{errno}");
        }
        assert!(![Errno::IO, Errno::ROFS, Errno::ACCESS].iter().any(|errno| lacks_room(errno.kind())));
    }

    #[test]
    fn a_disk_without_room_is_reported_with_what_it_has_and_what_is_needed() {
        let folder = std::env::temp_dir();
        assert_eq!(ensure(&folder, 0), Ok(()));
        let Err(refused) = ensure(&folder, u64::MAX) else { panic!("no disk is that large") };
        assert_eq!(refused.io_kind(), Some(io::ErrorKind::StorageFull));
        let message = refused.to_string();
        assert!(message.contains("No space left") && message.contains("are needed"), "{message}");
    }
}
