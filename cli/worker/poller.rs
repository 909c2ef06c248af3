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
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    Worker,
    confirmation::Confirmation,
    counts::{CallKind, TaskCounts},
    pauses::Pauses,
    slots::{Poll, Slot, Slots},
    stop::Stop,
    suspensions::Suspensions,
    task::TaskJob,
    with_hint,
};
use crate::backoff::Backoff;

/// The most open polls of one activity while tasks arrive.
const POLLS_MAX: usize = 8;
/// The longest time in which AWS may give a task to a poll whose connection is closed. A `flow serve` ends polls when it is asked.
const POLL_END_MAX: Duration = Duration::from_secs(65);
/// How long a `flow serve` may take to answer that request, and then the polls, and how often it is asked. A poll that began just before
/// the stop may arrive after the first request, and a busy server may answer late.
const ENDS_WITHIN: Duration = Duration::from_secs(1);
const END_REQUESTS_MAX: usize = 3;

/// An activity, and the work on its tasks.
pub(super) trait Activity: Send + Sync + 'static {
    /// A task.
    type Task: Send;

    /// Its ARN.
    fn arn(&self) -> &str;

    /// Waits while the worker begins no polls of this activity. Open polls stay open: the service may have sent a task already, which
    /// nobody would have until its heartbeat is overdue.
    fn pause_ended(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Makes one poll; `None` if the worker must stop and the poll did not end in time.
    fn next_task(&self) -> impl Future<Output = Option<Result<Option<Self::Task>, StepError>>> + Send;

    /// Begins to work on a task, in the slot if there is one, and drops `room` at the end.
    fn begin(&self, task: Self::Task, slot: Option<Slot>, room: OwnedSemaphorePermit);
}

/// The activity of a step of a worker.
pub(super) struct StepActivity {
    pub worker: Arc<Worker>,
    pub arn: String,
    /// The resource of the step.
    pub resource: String,
    /// The pauses of its polls.
    pub pauses: Arc<Pauses>,
    /// The suspensions of the process.
    pub suspensions: Arc<Suspensions>,
}

impl Activity for StepActivity {
    type Task = ActivityTask;

    fn arn(&self) -> &str {
        &self.arn
    }

    async fn pause_ended(&self) {
        self.pauses.ended().await;
    }

    async fn next_task(&self) -> Option<Result<Option<ActivityTask>, StepError>> {
        let Worker { api, name, stop, drain_max, .. } = &*self.worker;
        let stopped = async {
            stop.requested().await;
            match api.answered_as_flow_serve() {
                true => {
                    end_polls(move || api.end_polls(&self.arn, name), ENDS_WITHIN, POLL_END_MAX.min(*drain_max)).await
                }
                false => tokio::time::sleep(POLL_END_MAX).await,
            }
        };
        tokio::select! {
            // A task that has arrived is not lost.
            biased;
            task = api.activity_task(&self.arn, name) => Some(task),
            () = stopped => None,
        }
    }

    fn begin(&self, task: ActivityTask, slot: Option<Slot>, room: OwnedSemaphorePermit) {
        let (worker, resource, pauses) = (self.worker.clone(), self.resource.clone(), self.pauses.clone());
        let confirmation = Confirmation::of_response(self.suspensions.clone());
        let job = TaskJob { worker, task, resource, pauses, confirmation };
        tokio::spawn(async move {
            job.run(slot).await;
            drop(room);
        });
    }
}

/// Asks a `flow serve` to answer the open polls, several times. Returns when they had the time to end: after `within` for each request. If
/// the server refuses, as an older one does, after `kept`: nobody would have a task whose response is on its way until its heartbeat is
/// overdue.
async fn end_polls<F>(mut request: impl FnMut() -> F, within: Duration, kept: Duration)
where
    F: Future<Output = Result<(), StepError>>,
{
    for _ in 0..END_REQUESTS_MAX {
        match tokio::time::timeout(within, request()).await {
            Ok(Err(error)) if error.code.is_some() => {
                tracing::info!("the server does not end open polls; they stay open for up to {kept:?}: {error}");
                return tokio::time::sleep(kept).await;
            }
            Ok(_) => tokio::time::sleep(within).await,
            Err(_) => {}
        }
    }
}

/// The state that the pollers of a worker share.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// The slots of concurrent steps.
    pub slots: Slots,
    /// A permit for each task that the worker may hold.
    pub in_hand: Arc<Semaphore>,
    pub stop: Stop,
    /// Whether each activity is polled only once.
    pub once: bool,
    pub counts: Arc<TaskCounts>,
}

/// Polls one activity: with one poll while no task arrives, with up to [`POLLS_MAX`] while tasks arrive.
pub(super) struct Poller<A> {
    activity: A,
    limits: Limits,
    polls: AtomicUsize,
    ended: AtomicBool,
}

impl<A: Activity> Poller<A> {
    pub fn new(activity: A, limits: Limits) -> Arc<Self> {
        Arc::new(Poller { activity, limits, polls: AtomicUsize::new(0), ended: AtomicBool::new(false) })
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
        let Limits { stop, once, counts, .. } = &self.limits;
        let mut backoff = Backoff::new();
        while !stop.is_requested() {
            let Some((room, mut poll)) = self.next_poll().await else { break };
            let answer = poll.answer(self.activity.next_task()).await;
            match answer {
                None => break,
                Some(Ok(Some(task))) => {
                    backoff.reset();
                    counts.call_answered(CallKind::Poll);
                    counts.received();
                    // The slot is taken before the next poll may begin.
                    self.activity.begin(task, poll.returned_task(), room);
                    self.add_poll();
                }
                Some(Ok(None)) => {
                    poll.returned_none();
                    counts.call_answered(CallKind::Poll);
                    if extra {
                        break;
                    }
                    backoff.reset();
                }
                Some(Err(error)) if error.class == ErrorClass::NotFound => break,
                Some(Err(error)) => {
                    drop((room, poll));
                    counts.call_failed();
                    counts.log_failure(CallKind::Poll, &format!("{}: {}", self.activity.arn(), with_hint(&error)));
                    if extra || stop.is_requested_within(backoff.pause()).await {
                        break;
                    }
                }
            }
            if *once {
                break;
            }
        }
        self.polls.fetch_sub(1, Ordering::SeqCst);
    }

    /// Adds a poll, because tasks arrive faster than one poll at a time returns them.
    fn add_poll(self: &Arc<Self>) {
        if self.limits.once {
            return;
        }
        let more = |polls| (polls < POLLS_MAX).then_some(polls + 1);
        if self.polls.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok() {
            tokio::spawn(boxed(self.clone()));
        }
    }

    /// Waits until the worker can take another task, and a slot is free for it; `None` if the worker must stop.
    async fn next_poll(&self) -> Option<(OwnedSemaphorePermit, Poll)> {
        let Limits { slots, in_hand, stop, .. } = &self.limits;
        tokio::select! {
            biased;
            _ = stop.requested() => None,
            next = async {
                self.activity.pause_ended().await;
                // A slot may be held only by what ends soon, and a worker holds some tasks for hours.
                let room = in_hand.clone().acquire_owned().await.ok()?;
                Some((room, slots.begin_poll(self.activity.arn()).await))
            } => next,
        }
    }
}

/// Boxes a poll, because the type of its future would contain itself.
fn boxed<A: Activity>(poller: Arc<Poller<A>>) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(poller.poll(true))
}

#[cfg(test)]
mod tests;
