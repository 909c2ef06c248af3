//! The evaluator of this process: its clock, and the sandbox that was set.

use std::{
    sync::{LazyLock, OnceLock},
    time::Instant,
};

use crate::query::{Evaluator, Sandbox, SandboxAnswer, SandboxRequest};

static SANDBOX: OnceLock<Box<dyn Sandbox>> = OnceLock::new();

/// Sets the sandbox of this process; later calls have no effect. A process without one, such as a test, evaluates every expression in the
/// calling thread without a limit on memory. A process that accepts definitions from others must set one.
pub fn evaluate_in_sandbox(sandbox: Box<dyn Sandbox>) {
    let _ = SANDBOX.set(sandbox);
}

/// The evaluator of this process.
pub fn process_evaluator() -> &'static dyn Evaluator {
    static EVALUATOR: LazyLock<ProcessEvaluator> = LazyLock::new(|| ProcessEvaluator(Instant::now()));
    &*EVALUATOR
}

/// An evaluator that measures time from its creation.
struct ProcessEvaluator(Instant);

impl Evaluator for ProcessEvaluator {
    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn sandboxed(&self, request: &SandboxRequest<'_>) -> Option<SandboxAnswer> {
        SANDBOX.get().map(|sandbox| sandbox.answer(request))
    }
}
