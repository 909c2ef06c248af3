//! Marks in a view the states that wait: the events of Step Functions do not contain what an execution and its child executions wait for.

use api::view::View;

use super::{CachedExecution, children, questions, waits};

/// Marks the states of a complete view that wait, and adds those in which the child executions of distributed Maps are. Returns whether
/// any waits for a worker.
pub(super) fn mark(cached: &CachedExecution, view: &mut View) -> bool {
    let waits_for_worker = waits::mark(&cached.definition, &cached.history, view);
    let child_waits_for_worker = children::show(&cached.history, view);
    questions::mark(cached, view);
    waits_for_worker || child_waits_for_worker
}
