//! Displays of an [`api::view::View`]: tree, lines, JSON and summaries. No display reads the store.

pub mod display;
pub mod json;
pub mod lines;
pub mod standing;
pub mod summary;
pub mod text;
pub mod tree;
