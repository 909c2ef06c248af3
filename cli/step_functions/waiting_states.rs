//! Marks in a view the states that wait: the events of Step Functions do not contain what an execution and its child executions wait for.

use api::view::View;

use super::{CachedExecution, children, questions, waits};

/// Marks the states of a complete view that wait, and adds those in which the child executions of distributed Maps are. Returns whether
/// any waits for a worker.
pub(super) fn mark(known: &CachedExecution, view: &mut View) -> bool {
    let waits_for_worker = waits::mark(&known.definition, &known.history, view);
    let child_waits_for_worker = children::show(&known.history, view);
    questions::mark(known, view);
    waits_for_worker || child_waits_for_worker
}
