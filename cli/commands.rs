//! A file for each command, with an arguments struct whose doc comments are the help and a function `run`; `approve` has `flow reject` too.
//! `watch`, `answered`, `outage` and `not_allowed` are no commands: several commands share them.

pub mod answered;
pub mod approvals;
pub mod approve;
pub mod bench;
pub mod cancel;
pub mod check;
pub mod completions;
pub mod config;
pub mod deploy;
pub mod dev;
pub mod doctor;
pub mod events;
pub mod explain;
pub mod export;
pub mod import;
pub mod init;
pub mod man;
pub mod new;
pub mod not_allowed;
mod outage;
pub mod policy;
pub mod prune;
pub mod rehearsal_world;
pub mod resume;
pub mod run;
pub mod schema;
pub mod serve;
pub mod signal;
pub mod status;
pub mod steps;
pub mod test;
pub mod watch;
pub mod worker;
pub mod workflows;
