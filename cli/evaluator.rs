//! The sandbox for JSONata expressions without a small bound on their cost: a few processes of this program with limits
//! on time and memory. Without the limits, one line of a definition could crash the server, and again after every
//! start.

mod process;
#[cfg(test)]
mod tests;
mod worker;

use std::{
    io,
    process::Command,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use engine::query::{Sandbox, SandboxAnswer, SandboxRequest};
use process::{EvaluatorProcess, Trouble};
pub(crate) use worker::{ARGUMENT, run};

/// The most processes at once.
const PROCESSES_MAX: usize = 4;
/// The most evaluations that wait for a process.
const WAITING_MAX: usize = 64;
/// The time for which an evaluation waits for a process to be free or to start.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// The pause between two attempts to start a process.
const START_AGAIN_AFTER: Duration = Duration::from_millis(250);
/// The time after which a silent process is killed. It ends itself earlier, unless it is stopped or gets no processor
/// time.
const ANSWER_WAIT_MAX: Duration = worker::TIME_MAX.saturating_add(Duration::from_secs(2));

/// The pool of processes. They start on demand.
pub(crate) struct Evaluators {
    pool: Mutex<Pool>,
    changed: Condvar,
    /// Creates the command that starts a process.
    command: fn() -> io::Result<Command>,
    limits: Limits,
}

/// The time limits of an evaluation.
#[derive(Debug, Clone, Copy)]
struct Limits {
    wait_max: Duration,
    answer_wait_max: Duration,
}

#[derive(Default)]
struct Pool {
    idle: Vec<EvaluatorProcess>,
    /// The number of processes, including those that are starting.
    count: usize,
    waiting: usize,
}

impl Default for Evaluators {
    fn default() -> Self {
        let limits = Limits { wait_max: WAIT_MAX, answer_wait_max: ANSWER_WAIT_MAX };
        Evaluators::new(worker::command, limits)
    }
}

impl Sandbox for Evaluators {
    fn answer(&self, request: &SandboxRequest<'_>) -> SandboxAnswer {
        match self.evaluate(request) {
            Ok(answer) => answer,
            Err(message) => SandboxAnswer::Failed(message),
        }
    }
}

impl Evaluators {
    fn new(command: fn() -> io::Result<Command>, limits: Limits) -> Self {
        Evaluators { pool: Mutex::default(), changed: Condvar::new(), command, limits }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn evaluate(&self, request: &SandboxRequest<'_>) -> Result<SandboxAnswer, String> {
        let mut line = serde_json::to_vec(request).map_err(|error| error.to_string())?;
        line.push(b'\n');
        let deadline = Instant::now() + self.limits.wait_max;
        loop {
            let mut process = self.process(deadline)?;
            let was_used = process.was_used();
            let answer = process.ask(line.clone(), self.limits.answer_wait_max);
            match answer {
                Ok(answer) => {
                    self.give_back(Some(process));
                    return Ok(answer);
                }
                Err(trouble) => {
                    drop(process);
                    self.give_back(None);
                    match trouble {
                        // An idle process may have been killed from outside: the expression did not cause it, so it is
                        // evaluated again.
                        Trouble::Gone(_) if was_used && Instant::now() < deadline => {}
                        Trouble::Gone(message) | Trouble::Ended(message) => return Err(message),
                    }
                }
            }
        }
    }

    /// Takes an idle process, or starts one within the limit.
    fn process(&self, deadline: Instant) -> Result<EvaluatorProcess, String> {
        let mut pool = self.pool();
        if pool.waiting >= WAITING_MAX {
            return Err(format!("{WAITING_MAX} evaluations wait for an evaluator process already"));
        }
        let mut failure = None;
        pool.waiting += 1;
        let found = loop {
            if let Some(process) = pool.idle.pop() {
                break Ok(process);
            }
            let mut wait = deadline.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                break Err(failure);
            }
            if pool.count < PROCESSES_MAX {
                pool.count += 1;
                drop(pool);
                let started = (self.command)().and_then(EvaluatorProcess::start);
                pool = self.pool();
                match started {
                    Ok(process) => break Ok(process),
                    Err(error) => failure = Some(error),
                }
                pool.count -= 1;
                wait = wait.min(START_AGAIN_AFTER);
            }
            pool = self.changed.wait_timeout(pool, wait).unwrap_or_else(PoisonError::into_inner).0;
        };
        pool.waiting -= 1;
        found.map_err(|failure| {
            let seconds = self.limits.wait_max.as_secs();
            match failure {
                Some(error) => format!("no evaluator process could be started within {seconds} s: {error}"),
                None => format!("no evaluator process was free within {seconds} s"),
            }
        })
    }

    /// Returns a process to the pool, or frees its slot if it has ended.
    fn give_back(&self, process: Option<EvaluatorProcess>) {
        let mut pool = self.pool();
        match process {
            Some(process) => pool.idle.push(process),
            None => pool.count -= 1,
        }
        self.changed.notify_one();
    }
}
