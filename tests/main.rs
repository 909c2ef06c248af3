//! Is it true end to end? One binary; each module is named after the fear it holds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod checked;
mod crashed;
mod failures;
mod faults;
mod hostile;
mod interrupted;
mod kept;
mod kill;
mod local;
mod one_path;
mod paced;
mod pins;
mod refused;
mod rehearsed;
mod secrets;
mod serve;
mod signed;
mod support;
mod tidy;
mod trouble;
mod whole;
