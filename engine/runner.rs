//! The runner drives executions: a dispatcher thread that owns them, a committer thread, timers, and calls of steps on the tokio runtime.
//!
//! An input is folded into its execution at once. Its commands are carried out, and its entries are shown, only after the commit is
//! durable.

mod clock;
mod committer;
mod dispatcher;
mod error;
mod evaluation;
mod event;
mod fast_steps;
mod follow;
mod handle;
mod in_flight;
mod inbox;
mod lanes;
mod message;
mod offers;
mod step_call;
#[cfg(test)]
mod tests;
mod threads;
mod timers;
mod without_runner;

use std::sync::Arc;

pub use clock::{Clock, ManualClock, ScaledClock, SystemClock};
pub use error::RunnerError;
pub use evaluation::{evaluate_in_sandbox, process_evaluator};
pub use event::{Asleep, RunnerEvent};
pub use follow::Follow;
pub use handle::{Drained, RunnerHandle};
pub use message::NewExecution;
pub use offers::Offer;

use crate::{step::Registries, store::Store};

/// Options of a runner.
#[derive(Debug, Clone, Copy)]
pub struct RunnerOptions {
    /// For crash tests: the process aborts right before its n-th commit, counted from 1.
    pub crash_before_commit: Option<u64>,
    /// For crash tests: the process aborts right after its n-th commit is durable, before anything else is done.
    pub crash_after_commit: Option<u64>,
    /// Records answers from outside and calls no steps: the next runner calls those that are due.
    pub makes_no_calls: bool,
    /// The number of executions that may end or pause before a slow receiver of [`RunnerHandle::settled`] misses some.
    pub settled_kept: usize,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        RunnerOptions {
            crash_before_commit: None,
            crash_after_commit: None,
            makes_no_calls: false,
            settled_kept: event::SETTLED_KEPT,
        }
    }
}

/// Starts a runner over a store that this process owns. Must be called within the tokio runtime on which the steps run. No execution is
/// driven until the handle requests it.
pub fn start(
    store: Arc<Store>,
    registries: Arc<dyn Registries>,
    clock: Arc<dyn Clock>,
    options: RunnerOptions,
) -> RunnerHandle {
    let (messages, received) = std::sync::mpsc::channel();
    let (events, _) = tokio::sync::broadcast::channel(event::EVENTS_KEPT);
    let (settled, _) = tokio::sync::broadcast::channel(options.settled_kept);
    let (weak_events, weak_settled) = (events.downgrade(), settled.downgrade());
    let (committer, commits) = committer::new(store.clone(), messages.clone(), options);
    let (count, failure) = (committer.batches.count.clone(), committer.failure.clone());
    let offers = Arc::new(offers::Offers::default());
    let calls = step_call::StepCalls {
        runtime: tokio::runtime::Handle::current(),
        registries,
        clock: clock.clone(),
        permits: Arc::new(tokio::sync::Semaphore::new(step_call::CALLS_MAX)),
        messages: messages.clone(),
        fast_steps: Arc::default(),
        in_flight: Arc::default(),
    };
    let dispatcher = dispatcher::Dispatcher::new(dispatcher::Surroundings {
        store: store.clone(),
        clock: clock.clone(),
        committer,
        calls: Box::new(calls),
        rng: Box::new(rand::random::<u64>),
        events,
        settled,
        offers: offers.clone(),
    });
    let dispatcher = if options.makes_no_calls { dispatcher.without_calls() } else { dispatcher };
    let dispatcher = dispatcher.with_lanes(lanes::Lanes::new(messages.clone(), clock.clone()));
    let dispatch = move || dispatcher.run(inbox::Inbox::new(received));
    let threads =
        threads::Threads::start(messages, [("committer", Box::new(commits)), ("dispatcher", Box::new(dispatch))]);
    RunnerHandle {
        threads: Arc::new(threads),
        store,
        events: weak_events,
        settled: weak_settled,
        clock,
        commits: count,
        failure,
        offers,
    }
}
