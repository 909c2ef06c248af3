//! The time that the evaluations of one state may take together: each has its own limit, but a state may have thousands.

use std::{
    cell::OnceCell,
    time::{Duration, Instant},
};

/// The longest they may take.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Starts when it is first checked.
#[derive(Debug)]
pub(crate) struct EvaluationTime(OnceCell<Instant>);

impl EvaluationTime {
    pub(crate) fn new() -> Self {
        EvaluationTime(OnceCell::new())
    }

    /// Whether the evaluations have taken longer.
    pub(crate) fn is_over(&self) -> bool {
        self.0.get_or_init(Instant::now).elapsed() > TIME_MAX
    }
}
