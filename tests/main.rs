//! Is it true end to end? One binary; each module is named after the fear it holds.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod pins;
mod tidy;
