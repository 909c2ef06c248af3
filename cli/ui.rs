//! Displays of an [`api::view::View`]: tree, lines, JSON, JUnit and summaries. No display reads the store.

pub mod after_fail;
pub mod block;
pub mod cells;
pub mod changes;
pub mod display;
pub mod display_status;
pub mod error;
pub mod json;
mod junit;
pub mod lines;
pub mod next;
pub mod output;
pub mod record;
pub mod screen;
#[cfg(test)]
pub mod snapshots;
pub mod status;
pub mod stopped;
#[cfg(test)]
pub mod story;
pub mod summary;
pub mod text;
pub mod tones;
pub mod tree;
