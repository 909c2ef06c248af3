//! The steps that run a program of this machine.

/// Their `Resource`s. Their arguments `Program`, `Arguments`, `Input`, `Environment` and `Folder` are the same.
pub(super) const RUN_PROGRAMS: [&str; 2] = ["flow:process:run", "flow:wait:program"];
