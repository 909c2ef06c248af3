//! Errors of the store. Each keeps the kind of the system's error, so that a caller can match it, such as
//! [`io::ErrorKind::StorageFull`].

use std::{io, path::Path};

use super::free_space::lacks_room;

/// An error of the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened.
    #[error("the store in {folder} cannot be opened: {message}")]
    Open {
        /// The folder or file.
        folder: String,
        /// The system's message.
        message: String,
        /// The system's kind of error.
        kind: io::ErrorKind,
    },
    /// The index is damaged. The mirror has a second copy of its records.
    #[error("the index of the store in {folder} is damaged: {message}")]
    Index {
        /// The folder.
        folder: String,
        /// The problem.
        message: String,
    },
    /// It is of another version.
    #[error("the store has format {found}, this program knows {known}: use the version of flow that wrote it")]
    Format {
        /// The format found.
        found: u32,
        /// The format this program writes.
        known: u32,
    },
    /// The store cannot be read.
    #[error("the store cannot be read: {message}")]
    Read {
        /// The system's message.
        message: String,
        /// The system's kind of error.
        kind: io::ErrorKind,
    },
    /// The store cannot be written. What was acknowledged is safe.
    #[error("the store cannot be written: {message}; what was acknowledged earlier is safe")]
    Write {
        /// The system's message.
        message: String,
        /// The system's kind of error.
        kind: io::ErrorKind,
    },
    /// The store could not be closed within the time that its owner set.
    #[error("the store was not closed in time: {message}; what was acknowledged earlier is safe")]
    NotClosed {
        /// The work that the store still waited for.
        message: String,
    },
    /// A record, the commit log or the mirror is damaged.
    #[error("the store is damaged in {key}: {message}; copy the store's folder before you do anything else")]
    Damaged {
        /// The record's key, or the name of the file.
        key: String,
        /// The problem.
        message: String,
    },
    /// A value cannot be written as JSON.
    #[error("a record cannot be written as JSON: {message}")]
    Encode {
        /// The problem.
        message: String,
    },
}

impl StoreError {
    /// The error of a folder or file that cannot be opened.
    pub(crate) fn open_error(path: &Path, error: &io::Error) -> Self {
        StoreError::Open { folder: path.display().to_string(), message: error.to_string(), kind: error.kind() }
    }

    /// The error of a damaged index.
    pub(crate) fn index_error(folder: &Path, message: String) -> Self {
        StoreError::Index { folder: folder.display().to_string(), message }
    }

    /// The error of a read that failed.
    pub(crate) fn read_error(error: &io::Error) -> Self {
        StoreError::Read { message: error.to_string(), kind: error.kind() }
    }

    /// The error of a write that failed.
    pub(crate) fn write_error(error: &io::Error) -> Self {
        StoreError::Write { message: error.to_string(), kind: error.kind() }
    }

    /// The error of a write that fails without a system error, such as a stopped committer.
    pub(crate) fn not_written(message: impl Into<String>) -> Self {
        StoreError::Write { message: message.into(), kind: io::ErrorKind::Other }
    }

    /// The kind of an open, read or write error; `Other` if no system call failed.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match self {
            StoreError::Open { kind, .. } | StoreError::Read { kind, .. } | StoreError::Write { kind, .. } => {
                Some(*kind)
            }
            StoreError::Index { .. }
            | StoreError::Format { .. }
            | StoreError::NotClosed { .. }
            | StoreError::Damaged { .. }
            | StoreError::Encode { .. } => None,
        }
    }

    /// Whether a write has no room: nothing is damaged.
    pub fn lacks_room(&self) -> bool {
        self.io_kind().is_some_and(lacks_room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_can_be_matched() {
        let no_space = io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error());
        let errors = [
            StoreError::write_error(&no_space),
            StoreError::read_error(&no_space),
            StoreError::open_error(Path::new("store"), &no_space),
        ];
        assert!(errors.iter().all(|error| error.io_kind() == Some(io::ErrorKind::StorageFull)), "{errors:?}");
        assert!(errors.iter().all(StoreError::lacks_room) && !StoreError::not_written("stopped").lacks_room());
        assert_eq!(StoreError::not_written("stopped").io_kind(), Some(io::ErrorKind::Other));
    }
}
