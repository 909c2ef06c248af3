//! The shipped workflows: Amazon States Language files, in a folder for each workflow.
//!
//! A folder contains `main.asl.yaml` (one state for each section of the automated document), `sections/` (the states of
//! each section), `input.schema.json`, `input.example.yaml`, `README.md`, and `input.rs` with the checks that a schema
//! cannot express.
//! [`catalogue`] is the complete list. To add a workflow, add a folder, a `mod` line below and an entry in the
//! catalogue.

mod assemble;
mod catalogue;
mod defaults;
mod input;
mod keys;
mod load;
mod network;
mod plain_words;
mod pointer;
mod prepare;
mod problem;
mod template;
mod text;

#[path = "endpoints-aws/input.rs"]
mod endpoints_aws;
#[path = "endpoints-aws-teardown/input.rs"]
mod endpoints_aws_teardown;

#[cfg(test)]
mod tests;

pub use assemble::WorkflowError;
pub use catalogue::{Workflow, catalogue, find};
pub use input::{InputError, InputFormat, parse_input, set_key};
pub use keys::{LostKind, LostPart};
pub use load::{DEFINITION_ENDINGS, DefinitionText, load_definition};
pub use prepare::{CompiledSchema, prepare_input, schema_error, schema_problems, with_defaults};
pub use problem::InputProblem;
pub use template::{MachineSource, TemplateMachine};
pub use text::{open_text_file, read_text, read_text_file, read_text_up_to};

/// The prices of the resources that the workflows create, by region, as JSON.
pub const PRICES: &str = include_str!("endpoints-aws/prices.json");
