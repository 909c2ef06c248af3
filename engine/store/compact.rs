//! Giving disk space back: sled never shrinks its file, so what is kept is copied into a new folder, which takes the old one's
//! place. The caller owns the store, and nobody has it open.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{Batch, LoggedRecords, Records, SledRecords, StoreError, records::FinalPlace};

const AT_ONCE: usize = 1_024;

fn beside(folder: &Path, ending: &str) -> PathBuf {
    folder.with_extension(ending)
}

fn failed(folder: &Path) -> impl Fn(io::Error) -> StoreError + '_ {
    |error| StoreError::Open { folder: folder.display().to_string(), message: error.to_string() }
}

/// Mends what an interrupted [`compact`] left: the old folder is back in its place, or the new one is.
///
/// # Errors
/// The folders cannot be moved.
pub fn mend(folder: &Path) -> Result<(), StoreError> {
    let (new, old) = (beside(folder, "new"), beside(folder, "old"));
    let mend = || -> io::Result<()> {
        if !folder.exists() && old.exists() {
            fs::rename(&old, folder)?;
        }
        for left in [&new, &old] {
            if left.exists() {
                fs::remove_dir_all(left)?;
            }
        }
        Ok(())
    };
    mend().map_err(failed(folder))
}

/// Copies what a store keeps into a new one in its place. A crash leaves the old or the new, never neither.
///
/// # Errors
/// The disk is full, or the folders cannot be read, written or moved; then the store is as it was.
pub fn compact(folder: &Path) -> Result<(), StoreError> {
    mend(folder)?;
    let (new, old) = (beside(folder, "new"), beside(folder, "old"));
    copy(folder, &new).inspect_err(|_| drop(fs::remove_dir_all(&new)))?;
    let swap = || -> io::Result<()> {
        fs::rename(folder, &old)?;
        fs::rename(&new, folder)?;
        if let Some(parent) = folder.parent() {
            File::open(parent)?.sync_all()?;
        }
        fs::remove_dir_all(&old)
    };
    swap().map_err(failed(folder))
}

/// What a folder's files hold, in bytes.
fn bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).filter(fs::Metadata::is_file).map(|data| data.len()).sum()
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let (source, target) = (LoggedRecords::open(from)?, SledRecords::open(to)?);
    target.ensure_room(bytes(from) / 2)?;
    let mut next = Vec::new();
    loop {
        let records = source.scan(&[], Some(&next), AT_ONCE)?;
        let Some((last, _)) = records.last() else { break };
        next = [&last[..], &[0]].concat();
        // The new folder's log begins anew, and so does the count of its commits.
        let kept = records.into_iter().filter(|(key, _)| key != super::logged::CHECKPOINT);
        target.write(Batch { changes: kept.map(|(key, value)| (key, Some(value))).collect() })?;
    }
    target.synchronize()
}
