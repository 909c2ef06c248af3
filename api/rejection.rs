//! The failure of a rejected approval: its error name and the beginning of its cause.

/// The error name of a rejected approval; `Catch` can match it.
pub const REJECTED: &str = "Approval.Rejected";

/// The beginning of the cause of a rejection. The host and the comment follow after a space.
pub(crate) fn rejection_cause(state_path: &str, user: &str) -> String {
    format!("\"{state_path}\" was rejected by {user}")
}
