//! What is shipped: workflows as Amazon States Language files, a folder each.
//!
//! A folder holds `main.asl.yaml` (one state per section of the document it automates), `sections/` (the states of each
//! section), `input.schema.json`, `input.example.yaml`, `README.md`, and `input.rs` with the checks that a schema cannot
//! make. [`catalogue`] is the complete list. Adding one: a folder, a `mod` line below and an entry in the catalogue.

mod assemble;
mod catalogue;
mod defaults;
mod input;
mod keys;
mod load;
mod network;
mod prepare;
mod problem;
mod template;

#[path = "endpoints-aws/input.rs"]
mod endpoints_aws;
#[path = "endpoints-aws-teardown/input.rs"]
mod endpoints_aws_teardown;

#[cfg(test)]
mod tests;

pub use assemble::WorkflowError;
pub use catalogue::{Workflow, catalogue, find};
pub use input::{InputError, InputFormat, parse_input, set_key};
pub use keys::RepeatedKey;
pub use load::{DefinitionText, load_definition};
pub use prepare::{prepare_input, schema_problems};
pub use problem::InputProblem;

/// The prices of what the workflows create, by region, as JSON.
pub const PRICES: &str = include_str!("endpoints-aws/prices.json");
