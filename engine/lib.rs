//! The engine: interprets the Amazon States Language durably. It knows neither AWS nor a terminal.
//!
//! Arrows: `runner` -> `store`, `machine`, `step`; `store` -> `machine`, `journal`; `machine` -> `asl`, `query`, `journal`.

pub mod asl;
pub mod journal;
pub mod machine;
pub mod query;
pub mod runner;
pub mod step;
pub mod store;
