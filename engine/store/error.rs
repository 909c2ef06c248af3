//! What can go wrong with a store, and what to do then.

/// Trouble with the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened.
    #[error("the store in {folder} cannot be opened: {message}")]
    Open {
        /// The folder.
        folder: String,
        /// The system's words.
        message: String,
    },
    /// The index that its records lie in is damaged: they lie a second time in its mirror.
    #[error("the index of the store in {folder} is damaged: {message}")]
    Index {
        /// The folder.
        folder: String,
        /// What is wrong with it.
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
    /// It cannot be read.
    #[error("the store cannot be read: {message}")]
    Read {
        /// The system's words.
        message: String,
    },
    /// It cannot be written. What was acknowledged before is safe.
    #[error("the store cannot be written: {message}; what was acknowledged before is safe")]
    Write {
        /// The system's words.
        message: String,
    },
    /// It could not be closed within the time that its owner gave it.
    #[error("the store was not closed in time: {message}; what was acknowledged before is safe")]
    NotClosed {
        /// What it still waited for.
        message: String,
    },
    /// A record is damaged.
    #[error("the record {key} is damaged: {message}; keep a copy of the store's folder before anything else")]
    Damaged {
        /// The record's key.
        key: String,
        /// What is wrong with it.
        message: String,
    },
    /// A value cannot be written as JSON.
    #[error("a record cannot be written as JSON: {message}")]
    Encode {
        /// What is wrong with it.
        message: String,
    },
}
