//! The tokio side.
