//! Rebuilds an index from its mirror.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::store::{
    Batch, DiskIndex, StoreError,
    folder::{complete_replacement, open_error, sibling, size_bytes, swap, synchronize},
    logged::LOG_NAMES,
    mirror::{Mirror, MirroredIndex},
    records::{Index, RECORDS_AT_ONCE},
};

/// Rebuilds a store's index from its mirror. Returns the folder with the damaged index. The folder of an earlier rebuild is deleted.
///
/// # Errors
/// There is no mirror, it is damaged too, or the folders cannot be written or moved. Then the store is unchanged.
pub fn rebuild(folder: &Path) -> Result<PathBuf, StoreError> {
    rebuild_with(folder, DiskIndex::open)
}

/// As [`rebuild`], with the index that `open_index` creates.
pub(in crate::store) fn rebuild_with<I: Index>(
    folder: &Path,
    open_index: impl FnOnce(&Path) -> Result<I, StoreError>,
) -> Result<PathBuf, StoreError> {
    complete_replacement(folder)?;
    let (new, damaged) = (sibling(folder, "new"), sibling(folder, "damaged"));
    rebuild_index(folder, &new, open_index).inspect_err(|_| drop(fs::remove_dir_all(&new)))?;
    let replace = || -> io::Result<()> {
        if damaged.exists() {
            fs::remove_dir_all(&damaged)?;
        }
        swap(folder, &damaged, &new)
    };
    replace().map_err(open_error(folder))?;
    Ok(damaged)
}

/// Creates an index from the mirror in `from`, and copies the log, which continues after it.
fn rebuild_index<I: Index>(
    from: &Path,
    to: &Path,
    open_index: impl FnOnce(&Path) -> Result<I, StoreError>,
) -> Result<(), StoreError> {
    let missing = || StoreError::index_error(from, "it has no mirror".to_owned());
    let mut mirror = Mirror::found(from)?.ok_or_else(missing)?;
    let target = MirroredIndex::open(to, open_index(to)?)?;
    target.ensure_space(size_bytes(from) / 2)?;
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
    copy_log().map_err(open_error(to))
}
