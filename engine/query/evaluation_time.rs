//! The time limit for all evaluations of one state. Each evaluation has a limit too, but a state may have thousands of them.

use std::cell::OnceCell;

use super::Evaluator;

/// The longest time that the evaluations of one state may take together, in milliseconds of real time. It exceeds the longest waits of one
/// evaluation for an evaluator and its answer on a busy machine (52 s). Both are also limited in processor time.
const TIME_MS_MAX: u64 = 60_000;

/// A measurement that starts when it is first checked.
#[derive(Debug)]
pub(crate) struct EvaluationTime(OnceCell<u64>);

impl EvaluationTime {
    pub(crate) fn new() -> Self {
        EvaluationTime(OnceCell::new())
    }

    /// Whether the evaluations have taken longer than the limit of a state.
    pub(crate) fn is_over(&self, evaluator: &dyn Evaluator) -> bool {
        self.exceeds(TIME_MS_MAX, evaluator)
    }

    /// Whether the evaluations have taken longer than this.
    pub(crate) fn exceeds(&self, ms_max: u64, evaluator: &dyn Evaluator) -> bool {
        let now_ms = evaluator.elapsed_ms();
        now_ms.saturating_sub(*self.0.get_or_init(|| now_ms)) > ms_max
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::query::{SandboxAnswer, SandboxRequest};

    /// Real time that a test sets, in milliseconds.
    pub(crate) struct Stopwatch(pub(crate) AtomicU64);

    impl Evaluator for Stopwatch {
        fn elapsed_ms(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }

        fn sandboxed(&self, _: &SandboxRequest<'_>) -> Option<SandboxAnswer> {
            None
        }
    }

    #[test]
    fn the_time_counts_from_the_first_check() {
        let (stopwatch, time) = (Stopwatch(AtomicU64::new(50_000)), EvaluationTime::new());
        assert!(!time.is_over(&stopwatch));
        stopwatch.0.store(110_000, Ordering::Relaxed);
        assert!(!time.is_over(&stopwatch));
        stopwatch.0.store(110_001, Ordering::Relaxed);
        assert!(time.is_over(&stopwatch));
    }
}
