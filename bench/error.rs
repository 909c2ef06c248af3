//! Why a workload could not be measured.

use engine::{runner::RunnerError, store::StoreError};

/// Why a workload could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The disk.
    #[error("the folder {folder} cannot be used: {error}")]
    Folder {
        /// The folder.
        folder: String,
        /// The system's words.
        error: std::io::Error,
    },
    /// Another process that takes part.
    #[error("{what}: {error}")]
    Process {
        /// What was started.
        what: String,
        /// What went wrong.
        error: String,
    },
    /// The runner.
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An execution ended otherwise than it should.
    #[error("the execution {0} did not succeed: the figure would say nothing")]
    Failed(String),
}
