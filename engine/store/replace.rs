//! A store's folder gives way to a new one: because sled never shrinks its file, or because its index is damaged. The caller owns
//! the store, and nobody has it open.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{
    Batch, LoggedRecords, Mirror, Records, SledRecords, StoreError,
    logged::{CHECKPOINT, LOG_NAMES},
    records::{FinalPlace, RECORDS_AT_ONCE, all_in_parts},
};

fn beside(folder: &Path, ending: &str) -> PathBuf {
    folder.with_extension(ending)
}

fn failed(folder: &Path) -> impl Fn(io::Error) -> StoreError + '_ {
    |error| StoreError::open_error(folder, &error)
}

/// Mends what an interrupted [`compact`] or [`rebuild`] left: the old folder is back in its place, or the new one is.
///
/// # Errors
/// The folders cannot be moved.
pub fn mend(folder: &Path) -> Result<(), StoreError> {
    let (new, old, damaged) = (beside(folder, "new"), beside(folder, "old"), beside(folder, "damaged"));
    let mend = || -> io::Result<()> {
        // A damaged one is the last that there was only where the new one has not taken its place: it may lie there for long.
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
    give_way(folder, &old, &new).and_then(|()| fs::remove_dir_all(&old)).map_err(failed(folder))
}

/// Makes a store's index anew from its mirror; answers where the damaged one lies now, in place of an earlier one.
///
/// # Errors
/// There is no mirror, it is damaged too, or the folders cannot be written or moved; then the store is as it was.
pub fn rebuild(folder: &Path) -> Result<PathBuf, StoreError> {
    mend(folder)?;
    let (new, damaged) = (beside(folder, "new"), beside(folder, "damaged"));
    reflect(folder, &new).inspect_err(|_| drop(fs::remove_dir_all(&new)))?;
    let replace = || -> io::Result<()> {
        if damaged.exists() {
            fs::remove_dir_all(&damaged)?;
        }
        give_way(folder, &damaged, &new)
    };
    replace().map_err(failed(folder))?;
    Ok(damaged)
}

fn give_way(folder: &Path, old: &Path, new: &Path) -> io::Result<()> {
    fs::rename(folder, old)?;
    fs::rename(new, folder)?;
    folder.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// What a folder's files hold, in bytes.
fn bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).filter(fs::Metadata::is_file).map(|data| data.len()).sum()
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let (source, target) = (LoggedRecords::open(from)?, SledRecords::open(to)?);
    // What it has lost without a word would be lost for good.
    source.examine()?.into_iter().next().map_or(Ok(()), Err)?;
    target.ensure_room(bytes(from) / 2)?;
    all_in_parts(&source, &[], |records| {
        // The new folder's log begins anew, and so does the count of its commits.
        let kept = records.iter().filter(|(key, _)| key != CHECKPOINT);
        let kept: Vec<_> = kept.map(|(key, value)| (&key[..], Some(&value[..]))).collect();
        target.write(&kept)
    })?;
    target.synchronize()?;
    drop(target);
    synchronize(to).map_err(failed(to))
}

/// Makes an index of what the mirror in `from` has; the log goes on behind it.
fn reflect(from: &Path, to: &Path) -> Result<(), StoreError> {
    let index = |message: &str| StoreError::Index { folder: from.display().to_string(), message: message.to_owned() };
    let mut mirror = Mirror::found(from)?.ok_or_else(|| index("it has no mirror"))?;
    let target = SledRecords::open(to)?;
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
    let take_along = || -> io::Result<()> {
        for name in LOG_NAMES.iter().filter(|name| from.join(name).exists()) {
            fs::copy(from.join(name), to.join(name))?;
        }
        synchronize(to)
    };
    take_along().map_err(failed(to))
}

/// Returns when a folder's files and their names are durable.
fn synchronize(folder: &Path) -> io::Result<()> {
    for file in fs::read_dir(folder)? {
        File::open(file?.path())?.sync_all()?;
    }
    File::open(folder)?.sync_all()
}
