//! What people and programs see: a view folded from journal entries, and the ways to show it. Nothing here reads the store.

pub mod display;
pub mod json;
pub mod lines;
pub mod standing;
pub mod summary;
pub mod text;
pub mod tree;
