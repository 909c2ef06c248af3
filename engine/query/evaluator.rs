//! The interface of evaluations to their process: a stopwatch and a sandbox. The caller passes both, so that `query` and `machine` read no
//! clock and start no process.

use super::{SandboxAnswer, SandboxRequest};

/// The stopwatch and the sandbox of a process.
pub trait Evaluator: Send + Sync {
    /// Milliseconds since a fixed time, on a clock that never goes back. They only limit the time of evaluations.
    fn elapsed_ms(&self) -> u64;

    /// Evaluates in the sandbox an expression whose cost has no small bound; `None` if the process has no sandbox. Blocks until the
    /// sandbox answers or a limit is reached.
    fn sandboxed(&self, request: &SandboxRequest<'_>) -> Option<SandboxAnswer>;

    /// Whether the turn must end after the state that it executes, because an input waits that ends the execution.
    fn is_interrupted(&self) -> bool {
        false
    }
}

/// Evaluates every expression in the calling thread, without a limit on the time that several take together. For tests.
#[derive(Debug, Clone, Copy)]
pub struct InThisThread;

impl Evaluator for InThisThread {
    fn elapsed_ms(&self) -> u64 {
        0
    }

    fn sandboxed(&self, _: &SandboxRequest<'_>) -> Option<SandboxAnswer> {
        None
    }
}
