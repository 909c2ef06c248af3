//! The execution that a command is about: an id on the command line, its input, and the state that it enters again.

pub mod input;
pub mod locate;
pub mod reentry;
