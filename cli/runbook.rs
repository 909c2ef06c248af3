//! Converts a written runbook to a workflow: every section of the document becomes a section of the workflow, and every
//! step an approval that shows the step's text and its commands.

mod attributes;
mod blocks;
mod code;
mod conditions;
mod decisions;
mod document;
mod front_matter;
mod headings;
mod html;
mod item;
mod literal;
mod markdown;
mod names;
mod numbers;
mod prose;
mod section;
mod sessions;
mod step;
mod table;
mod text;
mod waits;
mod yaml;

pub use document::Document;
pub use yaml::{contingencies, scalar, workflow};
