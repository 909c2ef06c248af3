//! Lanes: threads for turns that may take long, so that the dispatcher, which every execution needs, does not wait for an expression.
//!
//! A lane has a low priority: the dispatcher, the committer and the threads that serve clients come first. Lanes are shared fairly:
//! among the state machines whose turns wait, the one that has used the least time is next, and none may use more than 50% of the
//! lanes at a time. An execution has at most one turn here, so at most as many turns wait as executions run. An input that ends the
//! execution takes back a turn that waits, and interrupts one that runs.

mod queue;

use std::{
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use queue::Queue;

use super::{
    Clock,
    dispatcher::TurnReply,
    evaluation::process_evaluator,
    message::{Message, Messages},
};
use crate::{
    machine::{Execution, Input, Transition, advance},
    priority,
    query::{Evaluator, Moment, SandboxAnswer, SandboxRequest},
    store::StoreError,
};

/// The number of threads. They spend most of their time waiting for an evaluator process.
const LANES: usize = 4;
/// The nice value of a lane and of the processes that it starts.
const NICE: i32 = 10;

/// A turn to be run.
pub(super) struct LaneTurn {
    pub id: Arc<str>,
    pub execution: Box<Execution>,
    pub input: Input,
    /// All randomness of the turn.
    pub entropy: u64,
    pub reply: Option<TurnReply>,
    /// Set while the turn runs if it must end after the current state.
    pub is_interrupted: Arc<AtomicBool>,
}

/// A finished turn.
pub(super) struct FinishedTurn {
    pub id: Arc<str>,
    pub execution: Box<Execution>,
    pub transition: Transition,
    pub reply: Option<TurnReply>,
}

/// The threads. They start with the first turns and end when this is dropped.
pub(super) struct Lanes {
    shared: Arc<Shared>,
    threads: usize,
}

struct Shared {
    queue: Mutex<Queue<LaneTurn>>,
    changed: Condvar,
    messages: Messages,
    clock: Arc<dyn Clock>,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue<LaneTurn>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lanes {
    pub fn new(messages: Messages, clock: Arc<dyn Clock>) -> Self {
        let queue = Mutex::new(Queue::new(LANES / 2));
        let shared = Shared { queue, changed: Condvar::new(), messages, clock };
        Lanes { shared: Arc::new(shared), threads: 0 }
    }

    /// Runs a turn; the result is sent as [`Message::TurnDone`]. Returns the turn if no thread can run it.
    pub fn run(&mut self, job: LaneTurn) -> Result<(), LaneTurn> {
        let mut queue = self.shared.queue();
        if queue.is_busy() && self.threads < LANES || self.threads == 0 {
            let shared = self.shared.clone();
            let started = std::thread::Builder::new().name("lane".to_owned()).spawn(move || serve(&shared));
            self.threads += usize::from(started.is_ok());
        }
        if self.threads == 0 {
            return Err(job);
        }
        let machine = job.execution.header.workflow.clone();
        queue.push(machine, job);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Takes back the turn of an execution that no thread has begun, unless it resumes the execution.
    pub fn take_back(&self, id: &str) -> Option<LaneTurn> {
        self.shared.queue().remove(|job| *job.id == *id && !job.input.resumes_execution())
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.shared.queue().close();
        self.shared.changed.notify_all();
    }
}

/// One lane: runs turns until the lanes are closed.
fn serve(shared: &Shared) {
    priority::lower(NICE);
    let mut queue = shared.queue();
    while !queue.is_closed() {
        let Some((machine, job)) = queue.pop() else {
            queue = shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        drop(queue);
        let began = Instant::now();
        let guard = Guard { id: job.id.clone(), messages: &shared.messages, is_done: false };
        let done = run(job, shared.clock.as_ref());
        guard.send(done);
        queue = shared.queue();
        queue.ended(&machine, began.elapsed());
        // Another turn of the same state machine may have waited for this one.
        shared.changed.notify_one();
    }
}

fn run(job: LaneTurn, clock: &dyn Clock) -> FinishedTurn {
    let LaneTurn { id, mut execution, input, entropy, reply, is_interrupted } = job;
    let evaluator = LaneEvaluator { is_interrupted: &is_interrupted };
    let transition = advance(&mut execution, input, &Moment { now_ms: clock.now_ms(), entropy }, &evaluator);
    FinishedTurn { id, execution, transition, reply }
}

/// The evaluator of this process for a turn that can be interrupted.
struct LaneEvaluator<'l> {
    is_interrupted: &'l AtomicBool,
}

impl Evaluator for LaneEvaluator<'_> {
    fn elapsed_ms(&self) -> u64 {
        process_evaluator().elapsed_ms()
    }

    fn sandboxed(&self, request: &SandboxRequest<'_>) -> Option<SandboxAnswer> {
        process_evaluator().sandboxed(request)
    }

    fn is_interrupted(&self) -> bool {
        self.is_interrupted.load(Ordering::Relaxed)
    }
}

/// Reports a turn that panicked, because its execution is lost to this process.
struct Guard<'m> {
    id: Arc<str>,
    messages: &'m Messages,
    is_done: bool,
}

impl Guard<'_> {
    fn send(mut self, done: FinishedTurn) {
        self.is_done = true;
        let _ = self.messages.send(Message::TurnDone(Box::new(done)));
    }
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if !self.is_done {
            let message = format!("a turn of the execution {} panicked", self.id);
            let _ = self.messages.send(Message::StoreFailed { error: StoreError::not_written(message) });
        }
    }
}
