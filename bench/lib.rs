//! The workloads of `flow bench`, which measure the engine on this machine's disk. Each uses the real runner over the real store, with
//! steps that answer about 100 bytes, and reports its figure together with the disk's own rate in the same run.

mod chain;
mod disk;
mod error;
mod fan;
mod growth;
mod pure;
mod report;
mod serve;
mod sleepers;
mod start;
mod world;

pub use chain::chain;
pub use disk::probe_disk;
pub use error::BenchError;
pub use fan::fan;
pub use growth::growth;
pub use pure::pure;
pub use report::Report;
pub use serve::{ServeFigures, ServeWorkload, drive, serve};
pub use sleepers::{sleep, sleepers, wake};
pub use start::start;
