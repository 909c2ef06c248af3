//! Replaces a store's folder with a new one, because sled never shrinks its file or because its index is damaged. The caller owns
//! the store, and no process has it open.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{
    Batch, DiskIndex, LoggedRecords, Mirror, Records, StoreError,
    logged::{CHECKPOINT, LOG_NAMES},
    records::{Index, RECORDS_AT_ONCE, all_in_parts},
};

fn sibling(folder: &Path, ending: &str) -> PathBuf {
    folder.with_extension(ending)
}

fn failed(folder: &Path) -> impl Fn(io::Error) -> StoreError + '_ {
    |error| StoreError::open_error(folder, &error)
}

/// Completes or reverts an interrupted [`compact`] or [`rebuild`]: afterwards the folder is the old one or the new one.
///
/// # Errors
/// The folders cannot be moved.
pub fn complete_replacement(folder: &Path) -> Result<(), StoreError> {
    let (new, old, damaged) = (sibling(folder, "new"), sibling(folder, "old"), sibling(folder, "damaged"));
    let repair = || -> io::Result<()> {
        // A damaged folder may exist for a long time. It is the only copy only as long as the new one has not replaced it.
        let before =
            [(&old, true), (&damaged, new.exists())].into_iter().find(|(before, last)| *last && before.exists());
        let before = before.map(|(before, _)| before);
        if let (false, Some(before)) = (folder.exists(), before) {
            fs::rename(before, folder)?;
        }
        for left in [&new, &old] {
            if left.exists() {
                fs::remove_dir_all(left)?;
            }
        }
        Ok(())
    };
    repair().map_err(failed(folder))
}

/// Copies a store's records into a new folder that replaces it. After a crash the folder is the old one or the new one.
///
/// # Errors
/// The disk is full, or the folders cannot be read, written or moved; then the store is as it was.
pub fn compact(folder: &Path) -> Result<(), StoreError> {
    complete_replacement(folder)?;
    let (new, old) = (sibling(folder, "new"), sibling(folder, "old"));
    copy(folder, &new).inspect_err(|_| drop(fs::remove_dir_all(&new)))?;
    swap(folder, &old, &new).and_then(|()| fs::remove_dir_all(&old)).map_err(failed(folder))
}

/// Rebuilds a store's index from its mirror. Returns the folder that keeps the damaged one; an earlier one is deleted.
///
/// # Errors
/// There is no mirror, it is damaged too, or the folders cannot be written or moved. Then the store is unchanged.
pub fn rebuild(folder: &Path) -> Result<PathBuf, StoreError> {
    complete_replacement(folder)?;
    let (new, damaged) = (sibling(folder, "new"), sibling(folder, "damaged"));
    rebuild_index(folder, &new).inspect_err(|_| drop(fs::remove_dir_all(&new)))?;
    let replace = || -> io::Result<()> {
        if damaged.exists() {
            fs::remove_dir_all(&damaged)?;
        }
        swap(folder, &damaged, &new)
    };
    replace().map_err(failed(folder))?;
    Ok(damaged)
}

fn swap(folder: &Path, old: &Path, new: &Path) -> io::Result<()> {
    fs::rename(folder, old)?;
    fs::rename(new, folder)?;
    folder.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// The size of a folder's files, in bytes.
fn bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).filter(fs::Metadata::is_file).map(|data| data.len()).sum()
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let (source, target) = (LoggedRecords::open(from)?, DiskIndex::open(to)?);
    // Records that the store lost without an error would be lost for good.
    source.scrub()?.into_iter().next().map_or(Ok(()), Err)?;
    target.ensure_room(bytes(from) / 2)?;
    all_in_parts(&source, &[], |records| {
        // The log of the new folder is new, and so is the sequence of its commits.
        let kept = records.iter().filter(|(key, _)| key != CHECKPOINT);
        let kept: Vec<_> = kept.map(|(key, value)| (&key[..], Some(&value[..]))).collect();
        target.write(&kept)
    })?;
    target.synchronize()?;
    drop(target);
    synchronize(to).map_err(failed(to))
}

/// Creates an index from the mirror in `from`, and copies the log, which continues after it.
fn rebuild_index(from: &Path, to: &Path) -> Result<(), StoreError> {
    let index = |message: &str| StoreError::Index { folder: from.display().to_string(), message: message.to_owned() };
    let mut mirror = Mirror::found(from)?.ok_or_else(|| index("it has no mirror"))?;
    let target = DiskIndex::open(to)?;
    target.ensure_room(bytes(from) / 2)?;
    let mut batch = Batch::default();
    mirror.records(|change| {
        batch.changes.push(change);
        match batch.changes.len() < RECORDS_AT_ONCE {
            true => Ok(()),
            false => target.write(&std::mem::take(&mut batch).by_reference()),
        }
    })?;
    target.write(&batch.by_reference())?;
    target.synchronize()?;
    drop(target);
    let copy_log = || -> io::Result<()> {
        for name in LOG_NAMES.iter().filter(|name| from.join(name).exists()) {
            fs::copy(from.join(name), to.join(name))?;
        }
        synchronize(to)
    };
    copy_log().map_err(failed(to))
}

/// Returns when a folder's files and their names are durable.
fn synchronize(folder: &Path) -> io::Result<()> {
    for file in fs::read_dir(folder)? {
        File::open(file?.path())?.sync_all()?;
    }
    File::open(folder)?.sync_all()
}
