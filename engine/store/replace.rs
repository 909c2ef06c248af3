//! Replaces a store's folder with a new one: by a compaction, because sled never shrinks its file, or by `damage/rebuild.rs`, because the
//! index is damaged. The caller owns the store, and no process has it open.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{
    DiskIndex, LoggedRecords, Records, StoreError,
    logged::checkpoint::CHECKPOINT,
    records::{Index, all_in_parts},
};

pub(super) fn sibling(folder: &Path, ending: &str) -> PathBuf {
    folder.with_extension(ending)
}

pub(super) fn failed(folder: &Path) -> impl Fn(io::Error) -> StoreError + '_ {
    |error| StoreError::open_error(folder, &error)
}

/// Completes or reverts an interrupted [`compact`] or [`super::rebuild`]: afterwards the folder is the old one or the new one.
///
/// # Errors
/// The folders cannot be moved.
pub fn complete_replacement(folder: &Path) -> Result<(), StoreError> {
    let (new, old, damaged) = (sibling(folder, "new"), sibling(folder, "old"), sibling(folder, "damaged"));
    let repair = || -> io::Result<()> {
        if !folder.exists() && old.exists() {
            fs::rename(&old, folder)?;
        } else if !folder.exists() && new.exists() && damaged.exists() {
            // The rebuild has not moved the new folder. Without a new folder the damaged one is of an earlier rebuild.
            fs::rename(&damaged, folder)?;
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

pub(super) fn swap(folder: &Path, old: &Path, new: &Path) -> io::Result<()> {
    fs::rename(folder, old)?;
    fs::rename(new, folder)?;
    folder.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// The size of a folder's files, in bytes.
pub(super) fn bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).filter(fs::Metadata::is_file).map(|data| data.len()).sum()
}

fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let (source, target) = (LoggedRecords::open(from)?, DiskIndex::open(to)?);
    // Records that the store lost without an error would be lost for good.
    source.scrub()?.into_iter().next().map_or(Ok(()), Err)?;
    target.ensure_space(bytes(from) / 2)?;
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

/// Returns when a folder's files and their names are durable.
pub(super) fn synchronize(folder: &Path) -> io::Result<()> {
    for file in fs::read_dir(folder)? {
        File::open(file?.path())?.sync_all()?;
    }
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The folders after [`complete_replacement`], each with the folder that it was.
    fn completed(existing: &[&str]) -> Vec<(String, String)> {
        let home = tempfile::tempdir().unwrap();
        for name in existing {
            fs::create_dir(home.path().join(name)).unwrap();
            fs::write(home.path().join(name).join("was"), name).unwrap();
        }
        complete_replacement(&home.path().join("store")).unwrap();
        let left = fs::read_dir(home.path()).unwrap().map(|folder| folder.unwrap());
        let mut left: Vec<_> = left
            .map(|folder| {
                let was = fs::read_to_string(folder.path().join("was")).unwrap();
                (folder.file_name().into_string().unwrap(), was)
            })
            .collect();
        left.sort();
        left
    }

    #[test]
    fn an_interrupted_replacement_leaves_the_only_copy_as_the_store() {
        for (existing, left) in [
            (&["store"][..], &[("store", "store")][..]),
            (&["store", "store.new"], &[("store", "store")]),
            (&["store", "store.old"], &[("store", "store")]),
            (&["store.old", "store.new"], &[("store", "store.old")]),
            (&["store.damaged", "store.new"], &[("store", "store.damaged")]),
            (&["store", "store.damaged"], &[("store", "store"), ("store.damaged", "store.damaged")]),
            (&["store.damaged"], &[("store.damaged", "store.damaged")]),
        ] {
            let left: Vec<_> = left.iter().map(|(name, was)| ((*name).to_owned(), (*was).to_owned())).collect();
            assert_eq!(completed(existing), left, "{existing:?}");
        }
    }
}
