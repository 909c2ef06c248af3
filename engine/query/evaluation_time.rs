//! The time limit for all evaluations of one state: each has a limit of its own, but a state may have thousands.

use std::{
    cell::OnceCell,
    time::{Duration, Instant},
};

/// The longest the evaluations of one state may take together.
const TIME_MAX: Duration = Duration::from_secs(10);

/// A stopwatch that starts when it is first checked.
#[derive(Debug)]
pub(crate) struct EvaluationTime(OnceCell<Instant>);

impl EvaluationTime {
    pub(crate) fn new() -> Self {
        EvaluationTime(OnceCell::new())
    }

    /// Whether the evaluations have taken longer than the limit.
    pub(crate) fn is_over(&self) -> bool {
        self.0.get_or_init(Instant::now).elapsed() > TIME_MAX
    }
}
