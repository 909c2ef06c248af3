//! The folder of a store: its size, its durability, and the folders beside it while a new one replaces it. The caller holds the lock of the
//! store, and no process has the store open.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::StoreError;

/// The folder beside a store's with another ending: `new`, `old` or `damaged`.
pub(super) fn sibling(folder: &Path, ending: &str) -> PathBuf {
    folder.with_extension(ending)
}

/// Converts a system error to that of a folder.
pub(super) fn open_error(folder: &Path) -> impl Fn(io::Error) -> StoreError + '_ {
    |error| StoreError::open_error(folder, &error)
}

/// Completes or reverts an interrupted [`super::compact()`] or [`super::rebuild`]: afterwards the folder is the old one or the new one.
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
    repair().map_err(open_error(folder))
}

/// Moves a store's folder to `old`, and `new` to its path.
pub(super) fn swap(folder: &Path, old: &Path, new: &Path) -> io::Result<()> {
    fs::rename(folder, old)?;
    fs::rename(new, folder)?;
    folder.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// The size of a folder's files, in bytes.
pub(super) fn size_bytes(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).filter(fs::Metadata::is_file).map(|data| data.len()).sum()
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
