//! The error names of the steps of this machine. Those of the steps of services are in `engine::step::error_names`.

/// A file below FLOW_FILES cannot be read.
pub const FILE_CANNOT_READ: &str = "File.CannotRead";
/// A program cannot be started, or its working folder cannot be used: this machine lacks something.
pub const PROCESS_CANNOT_START: &str = "Process.CannotStart";
/// A program ended with an exit code that is not 0, or by a signal.
pub const PROCESS_FAILED: &str = "Process.Failed";
/// The connection or the login did not succeed. Nothing was started.
pub const SSH_CANNOT_CONNECT: &str = "Ssh.CannotConnect";
/// The connection was lost after the program was started.
pub const SSH_CONNECTION_LOST: &str = "Ssh.ConnectionLost";
/// A program on another machine ended with an exit code that is not 0, or by a signal.
pub const SSH_FAILED: &str = "Ssh.Failed";
/// The host has another key than the one that is known, or none is known.
pub const SSH_HOST_KEY_REFUSED: &str = "Ssh.HostKeyRefused";
/// The program was started, and how it ended is not known.
pub const SSH_OUTCOME_UNKNOWN: &str = "Ssh.OutcomeUnknown";
