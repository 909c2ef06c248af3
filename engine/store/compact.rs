//! Copies a store into a new folder that replaces it, because sled never shrinks its file. The caller owns the store, and no process has it
//! open.

use std::{fs, path::Path};

use super::{
    DiskIndex, LoggedRecords, Records, StoreError,
    folder::{complete_replacement, open_error, sibling, size_bytes, swap, synchronize},
    logged::checkpoint::CHECKPOINT,
    mirror::MirroredIndex,
    records::scan_pages,
};

/// Copies a store's records into a new folder that replaces it. After a crash the folder is the old one or the new one.
///
/// # Errors
/// The disk is full, or the folders cannot be read, written or moved; then the store is as it was.
pub fn compact(folder: &Path) -> Result<(), StoreError> {
    complete_replacement(folder)?;
    let (new, old) = (sibling(folder, "new"), sibling(folder, "old"));
    copy(folder, &new).inspect_err(|_| drop(fs::remove_dir_all(&new)))?;
    swap(folder, &old, &new).and_then(|()| fs::remove_dir_all(&old)).map_err(open_error(folder))
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let (source, target) = (LoggedRecords::open(from)?, MirroredIndex::open(to, DiskIndex::open(to)?)?);
    copy_records(&source, &target, size_bytes(from) / 2)?;
    drop(target);
    synchronize(to).map_err(open_error(to))
}

/// Copies all records to an empty index and its mirror. `expected_bytes` is the size of the copy.
pub(super) fn copy_records(
    source: &dyn Records,
    target: &MirroredIndex,
    expected_bytes: u64,
) -> Result<(), StoreError> {
    // Records that the store lost without an error would be lost for good.
    source.scrub()?.into_iter().next().map_or(Ok(()), Err)?;
    target.ensure_space(expected_bytes)?;
    scan_pages(source, &[], |records| {
        // The log of the new folder is new, and so is the sequence of its commits.
        let kept = records.iter().filter(|(key, _)| key != CHECKPOINT);
        let kept: Vec<_> = kept.map(|(key, value)| (&key[..], Some(&value[..]))).collect();
        target.write(&kept)
    })?;
    target.synchronize()
}
