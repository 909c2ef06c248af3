//! Which execution a command is about: an id on the command line, its input, and the state at which it is entered again.

pub mod input;
pub mod locate;
pub mod reentry;
