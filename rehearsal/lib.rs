//! The world a rehearsal runs against: an AWS API (moto behind a gateway of ours), DNS, SSH and HTTPS, on loopback only.
//!
//! It is a process of its own, as AWS is: `kill -9` of the program under rehearsal does not take it away.

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
pub use fault::{FAULTS, Fault};
pub use serve::{WorldOptions, serve_world};
pub use world::World;
