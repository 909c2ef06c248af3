//! The world of a rehearsal: an AWS API (moto with flow's gateway), DNS, SSH and HTTPS, on loopback only.
//!
//! It runs in a process of its own, as AWS does: `kill -9` of the rehearsed program does not end it.

mod aws;
mod dns;
mod error;
mod fault;
mod gateway;
mod https;
mod python;
mod serve;
mod ssh;
mod world;

pub use error::RehearsalError;
pub use fault::{DATABASE_STATUSES, FAULTS, InjectedFault};
pub use serve::{WorldOptions, serve_world};
pub use world::World;
