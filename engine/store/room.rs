//! Whether a disk has room: sled does not survive a disk that is full in the middle of its writing, so it never begins there.

use std::path::Path;

use super::StoreError;

/// What must be free when a store is opened or its log is emptied, in bytes.
pub(super) const ROOM_BYTES_MIN: u64 = 16 * 1024 * 1024;

/// Refuses where the disk of a store's folder has no room for what comes.
///
/// # Errors
/// There is less than a store needs, or the folder cannot be looked at.
pub fn has_room(folder: &Path) -> Result<(), StoreError> {
    // A log that is as full as it gets, and what comes of it.
    ensure(folder, 4 * ROOM_BYTES_MIN)
}

/// Refuses where a folder's disk has less than `needed` bytes for us.
pub(super) fn ensure(folder: &Path, needed: u64) -> Result<(), StoreError> {
    let told = |message: String| StoreError::Write { message };
    let disk = rustix::fs::statvfs(folder).map_err(|error| told(format!("{}: {error}", folder.display())))?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free >= needed {
        return Ok(());
    }
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    let (has, needs) = (megabytes(free), megabytes(needed));
    Err(told(format!(
        "No space left on the disk of {}: it has {has:.1} MB, {needs:.1} MB are needed",
        folder.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_room_is_told_with_what_it_has_and_what_is_needed() {
        let folder = std::env::temp_dir();
        assert_eq!(ensure(&folder, 0), Ok(()));
        let refused = ensure(&folder, u64::MAX).map_err(|error| error.to_string());
        assert!(refused.is_err_and(|told| told.contains("No space left") && told.contains("are needed")));
    }
}
