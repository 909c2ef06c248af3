//! Refuses pipes, sockets and devices where a person must name a regular file.

use std::{
    io::{Error, Result},
    path::Path,
};

/// Refuses a device, which may have no end, and a named pipe, whose opening waits for its writer.
///
/// # Errors
/// The file does not exist or is no regular file.
pub(crate) fn refuse_other_than_file(file: &Path) -> Result<()> {
    match std::fs::metadata(file)?.is_file() {
        true => Ok(()),
        false => Err(not_regular()),
    }
}

/// The error of a path that names something other than a regular file.
pub(crate) fn not_regular() -> Error {
    Error::other("it is not a regular file")
}
