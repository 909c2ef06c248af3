//! Is it true end to end? One binary; each module is named after the fear it holds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod accounts;
mod answers;
mod approvals;
mod bad_days;
mod beside;
mod checked;
mod crashed;
mod cron;
mod doors;
mod explained;
mod failures;
mod faults;
mod hostile;
mod interrupted;
mod kept;
mod kill;
mod local;
mod one_path;
mod own;
mod paced;
mod pins;
mod refused;
mod rehearsed;
mod screens;
mod secrets;
mod serve;
mod signed;
mod stopping;
mod sts_stub;
mod supply;
mod support;
mod tidy;
mod trouble;
mod whole;
mod workers;
