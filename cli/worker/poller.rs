//! Polls one activity.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use engine::step::{ErrorClass, StepError};
use steps::step_functions::ActivityTask;
use tokio::sync::Semaphore;

use super::{Worker, task::TaskJob, with_hint};
use crate::backoff::Backoff;

/// The most open polls of one activity while tasks arrive.
const POLLS_MAX: usize = 8;
/// The longest time in which AWS may give a task to a poll whose connection is closed. A `flow serve` gives it none.
const POLL_END_MAX: Duration = Duration::from_secs(65);

/// Polls one activity: with one poll while no task arrives, with up to [`POLLS_MAX`] while tasks do.
pub(super) struct Poller {
    worker: Arc<Worker>,
    in_hand: Arc<Semaphore>,
    arn: String,
    resource: String,
    polls: AtomicUsize,
    ended: AtomicBool,
}

impl Poller {
    pub fn new(worker: Arc<Worker>, in_hand: Arc<Semaphore>, arn: String, resource: String) -> Arc<Self> {
        let (polls, ended) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Poller { worker, in_hand, arn, resource, polls, ended })
    }

    /// Whether it has stopped polling, for instance because its activity was deleted.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    pub async fn run(self: Arc<Self>) {
        self.polls.fetch_add(1, Ordering::SeqCst);
        self.clone().poll(false).await;
        self.ended.store(true, Ordering::SeqCst);
    }

    /// Polls until the worker stops. An `extra` poll ends when no task arrives.
    async fn poll(self: Arc<Self>, extra: bool) {
        let mut backoff = Backoff::new();
        while !*self.worker.stopping.borrow() {
            let Some(room) = self.room().await else { break };
            match self.next_task().await {
                None => break,
                Some(Ok(Some(task))) => {
                    backoff.reset();
                    self.worker.counts.received();
                    let job = TaskJob { worker: self.worker.clone(), task, resource: self.resource.clone() };
                    tokio::spawn(async move {
                        job.run().await;
                        drop(room);
                    });
                    self.add_poll();
                }
                Some(Ok(None)) if extra => break,
                Some(Ok(None)) => backoff.reset(),
                Some(Err(error)) if error.class == ErrorClass::NotFound => break,
                Some(Err(error)) => {
                    self.worker.counts.call_failed();
                    tracing::warn!("{}: {}", self.arn, with_hint(&error));
                    if extra || self.worker.stops_within(backoff.pause()).await {
                        break;
                    }
                }
            }
            if self.worker.once {
                break;
            }
        }
        self.polls.fetch_sub(1, Ordering::SeqCst);
    }

    /// Adds a poll, because tasks arrive faster than one poll at a time returns them.
    fn add_poll(self: &Arc<Self>) {
        if self.worker.once {
            return;
        }
        let more = |polls| (polls < POLLS_MAX).then_some(polls + 1);
        if self.polls.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok() {
            tokio::spawn(boxed(self.clone()));
        }
    }

    /// Waits until the worker can take another task; `None` if it must stop.
    async fn room(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        let mut stopping = self.worker.stopping.clone();
        tokio::select! {
            biased;
            _ = stopping.wait_for(|stopping| *stopping) => None,
            room = async {
                // Polls only if a step can run immediately.
                drop(self.worker.slots.acquire().await.ok()?);
                self.in_hand.clone().acquire_owned().await.ok()
            } => room,
        }
    }

    /// Makes one poll; `None` if the worker must stop and the poll did not end in time.
    async fn next_task(&self) -> Option<Result<Option<ActivityTask>, StepError>> {
        let mut stopping = self.worker.stopping.clone();
        let stopped = async {
            let _ = stopping.wait_for(|stopping| *stopping).await;
            if !self.worker.api.answered_as_flow_serve() {
                tokio::time::sleep(POLL_END_MAX).await;
            }
        };
        tokio::select! {
            task = self.worker.api.activity_task(&self.arn, &self.worker.name) => Some(task),
            () = stopped => None,
        }
    }
}

/// Boxes a poll, because the type of its future would contain itself.
fn boxed(poller: Arc<Poller>) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(poller.poll(true))
}
