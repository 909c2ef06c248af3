//! The two files of a mirror in a store's folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::file::NAME;
use crate::store::{
    StoreError,
    commit_log::{DiskFile, LogFile},
};

const NEW_NAME: &str = "mirror.new";

/// The mirror's file, and the new file that replaces it. A simulation replaces both by files that lose unsynchronized writes.
pub(crate) trait MirrorFiles: Send + Sync + 'static {
    /// The folder, for errors.
    fn folder(&self) -> &Path;

    /// The mirror's file, if it exists.
    ///
    /// # Errors
    /// The disk's.
    fn existing(&self) -> Result<Option<Box<dyn LogFile>>, StoreError>;

    /// The new file, empty.
    ///
    /// # Errors
    /// The disk's.
    fn begin_new(&self) -> Result<Box<dyn LogFile>, StoreError>;

    /// Makes the new file the mirror's. Returns when that is durable.
    ///
    /// # Errors
    /// The disk's.
    fn replace(&self) -> Result<(), StoreError>;
}

/// The files in a folder on disk.
pub(super) struct FolderFiles(pub PathBuf);

impl FolderFiles {
    fn new_path(&self) -> PathBuf {
        self.0.join(NEW_NAME)
    }

    fn failed(&self, error: io::Error) -> StoreError {
        StoreError::Write { message: format!("{}: {error}", self.new_path().display()), kind: error.kind() }
    }
}

impl MirrorFiles for FolderFiles {
    fn folder(&self) -> &Path {
        &self.0
    }

    fn existing(&self) -> Result<Option<Box<dyn LogFile>>, StoreError> {
        let path = self.0.join(NAME);
        if !path.exists() {
            return Ok(None);
        }
        let unreadable =
            |error: io::Error| StoreError::Read { message: format!("{}: {error}", path.display()), kind: error.kind() };
        Ok(Some(Box::new(DiskFile::open(&path).map_err(unreadable)?)))
    }

    fn begin_new(&self) -> Result<Box<dyn LogFile>, StoreError> {
        let mut file = DiskFile::open(&self.new_path()).map_err(|error| self.failed(error))?;
        file.shorten(0).map_err(|error| self.failed(error))?;
        Ok(Box::new(file))
    }

    fn replace(&self) -> Result<(), StoreError> {
        let renamed = fs::rename(self.new_path(), self.0.join(NAME));
        renamed.and_then(|()| fs::File::open(&self.0)?.sync_all()).map_err(|error| self.failed(error))
    }
}
