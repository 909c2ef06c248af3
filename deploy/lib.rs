//! Compiles a definition of flow to one that AWS Step Functions accepts. Pure: it never calls AWS or reads a file.
//!
//! Each `flow:` Task becomes a Task of an activity, and its arguments are wrapped in a [`TaskInput`], from which a
//! worker derives the same idempotency token for every attempt. The worker and the compiler share this crate.

mod activity;
mod added_state;
mod compile;
mod compile_options;
mod heartbeat;
mod literals;
mod permissions;
pub mod plan;
mod run_size;
mod secrets;
mod task_input;
mod template;
mod wrap;

pub use activity::{activity_name, is_of_step};
pub use added_state::is_added_state;
pub use compile::{Activity, Compiled, compile};
pub use compile_options::CompileOptions;
pub use heartbeat::deployed_heartbeat;
pub use permissions::role_statements;
pub use run_size::{EVENTS_MAX, MapSize, RunSize, Size};
pub use secrets::SECRET_IN_DEFINITION;
pub use task_input::{TaskInput, TaskInputError, Visit, WORKER_STOPPED};
pub use template::{activity_placeholder, cloudformation, terraform};
pub use wrap::retried_after;

#[cfg(test)]
mod tests;
