//! A written runbook becomes a workflow: every section of the document a section of the workflow, every step an approval that shows the
//! step's text and its commands.

mod blocks;
mod document;
mod html;
mod markdown;
mod text;
mod waits;
mod yaml;

pub use document::{Document, Section, Step};
pub use yaml::{scalar, workflow};
