//! The engine: interprets the Amazon States Language durably. It contains nothing of AWS and of terminals.
//!
//! The code map of ARCHITECTURE.md draws which room uses which; `tests/tidy.rs` compares it with the sources.

pub mod asl;
pub mod journal;
pub mod machine;
pub mod priority;
pub mod query;
pub mod runner;
pub mod spelling;
pub mod step;
pub mod store;
