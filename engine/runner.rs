//! The tokio side: one dispatcher that owns the executions, one thread that commits, timers, looks.
//!
//! An input is folded into its execution at once; what came of it is carried out and shown only when it is durable.

mod clock;
mod committer;
mod dispatcher;
mod error;
mod event;
mod handle;
mod look;
mod message;
mod offers;
mod prompt;
#[cfg(test)]
mod tests;
mod timers;

use std::sync::Arc;

pub use clock::{Clock, ManualClock, ScaledClock, SystemClock};
pub use error::RunnerError;
pub use event::{Follow, RunnerEvent};
pub use handle::RunnerHandle;
pub use message::NewExecution;
pub use offers::Offer;

use crate::{step::Registries, store::Store};

/// How a runner behaves beside its work.
#[derive(Debug, Clone, Copy, Default)]
pub struct RunnerOptions {
    /// For crash tests: the process ends itself, without a word, right before its n-th commit, counted from 1.
    pub crash_before_commit: Option<u64>,
    /// The same, right after the n-th commit is durable and before anything is done about it.
    pub crash_after_commit: Option<u64>,
}

/// Starts a runner over a store that this process owns. Nothing runs until the handle asks for it.
pub fn start(
    store: Arc<Store>,
    registries: Arc<dyn Registries>,
    clock: Arc<dyn Clock>,
    options: RunnerOptions,
) -> RunnerHandle {
    let (messages, inbox) = tokio::sync::mpsc::unbounded_channel();
    let (events, _) = tokio::sync::broadcast::channel(event::EVENTS_KEPT);
    let (rests, _) = tokio::sync::broadcast::channel(event::RESTS_KEPT);
    let committer = committer::start(store.clone(), messages.clone(), options);
    let offers = Arc::new(offers::Offers::default());
    let handle = RunnerHandle {
        messages: messages.clone(),
        store: store.clone(),
        events: events.clone(),
        rests: rests.clone(),
        clock: clock.clone(),
        commits: committer.batches.count.clone(),
        failure: committer.failure.clone(),
        offers: offers.clone(),
    };
    let places = Arc::new(tokio::sync::Semaphore::new(look::LOOKS_MAX));
    let prompt = Arc::default();
    let looks = look::Looks { registries, clock: clock.clone(), places, messages, prompt };
    let outside: (Box<dyn look::Calls>, dispatcher::Entropy) = (Box::new(looks), Box::new(rand::random));
    let dispatcher = dispatcher::Dispatcher::new(store, clock, committer, outside, (events, rests), offers);
    tokio::spawn(dispatcher.run(inbox));
    handle
}
