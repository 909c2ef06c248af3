//! Errors of workloads.

use engine::{runner::RunnerError, store::StoreError};

/// The reason why a workload could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The folder cannot be used.
    #[error("the folder {folder} cannot be used: {error}")]
    Folder {
        /// The folder.
        folder: String,
        /// The system's error.
        error: std::io::Error,
    },
    /// Another process of the workload failed.
    #[error("{what}: {error}")]
    Process {
        /// The process.
        what: String,
        /// The error.
        error: String,
    },
    /// The runner failed.
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An execution did not succeed.
    #[error("the execution {0} did not succeed: the figure would be meaningless")]
    Failed(String),
}
