//! The runtime on which commands run.

use crate::exit::CliError;

/// A runtime with a thread for each processor.
///
/// # Errors
/// The system starts no threads.
pub fn new() -> Result<tokio::runtime::Runtime, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| CliError::refused(format!("the threads of this process cannot be started: {error}")))
}
