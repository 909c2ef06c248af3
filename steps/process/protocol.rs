//! The messages between the owner and its supervisor: a JSON value per line over a socket.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The longest request, in bytes: an input of 256 KiB with every byte escaped, and the arguments and variables.
pub(super) const REQUEST_BYTES_MAX: u64 = 8 << 20;
/// The longest report, in bytes.
pub(super) const REPORT_BYTES_MAX: u64 = 64 << 10;
/// The owner's message to end the program.
pub(super) const END: &[u8] = b"\"End\"\n";

/// The owner's first line: the program to run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Request {
    pub program: String,
    pub arguments: Vec<String>,
    /// The content of the program's standard input.
    pub input: String,
    /// The definition's variables. The supervisor sets them in the program's environment, not in its own.
    pub environment: BTreeMap<String, String>,
    /// The working folder; `None` for the owner's.
    pub folder: Option<String>,
}

/// The supervisor's line before it ends.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Report {
    /// The program could not be started.
    CannotStart(String),
    /// The program and all its descendants have ended; the program with this wait status (wait(2)).
    Ended(i32),
}
