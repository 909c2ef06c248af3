//! Offers: tasks that wait for a worker, per activity, oldest first. The store has them too: a new process offers them again.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::sync::Notify;

use crate::{machine::Input, step::TaskToken};

/// A task that is offered to the workers of an activity.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// The task token with which the worker answers.
    pub token: TaskToken,
    /// The task's input.
    pub input: std::sync::Arc<Value>,
}

/// Returns whether an activity's ARN exists.
pub(super) type ActivityCheck = Box<dyn Fn(&str) -> bool + Send + Sync>;

#[derive(Default)]
pub(super) struct Offers {
    /// If unset, every activity exists.
    pub known: OnceLock<ActivityCheck>,
    queues: Mutex<HashMap<String, Queue>>,
}

/// The tasks of one activity that no worker has fetched, oldest first, and the notification of its pollers.
#[derive(Default)]
struct Queue {
    tasks: VecDeque<Offer>,
    /// The tokens of `tasks`. A task is offered again after each recovery of its execution, but must be in the queue once.
    tokens: HashSet<TaskToken>,
    /// Wakes one poller for each task. Shared with the pollers, so that its reference count shows whether any exist.
    task_added: Arc<Notify>,
}

impl Offers {
    /// Whether the activity exists.
    pub(crate) fn has_activity(&self, activity: &str) -> bool {
        self.known.get().is_none_or(|known| known(activity))
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<String, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes all tasks that no worker has fetched.
    pub fn withdraw(&self, activity: &str) -> Vec<Offer> {
        let mut queues = self.queues();
        let Some(queue) = queues.get_mut(activity) else { return Vec::new() };
        queue.tokens.clear();
        std::mem::take(&mut queue.tasks).into()
    }

    pub fn put(&self, activity: &str, offer: Offer) {
        let mut queues = self.queues();
        let queue = match queues.get_mut(activity) {
            Some(queue) => queue,
            None => queues.entry(activity.to_owned()).or_default(),
        };
        if queue.tokens.insert(offer.token.clone()) {
            queue.tasks.push_back(offer);
            queue.task_added.notify_one();
        }
    }

    fn pop(&self, activity: &str) -> Option<Offer> {
        let mut queues = self.queues();
        let queue = queues.get_mut(activity)?;
        let offer = queue.tasks.pop_front()?;
        queue.tokens.remove(&offer.token);
        Some(offer)
    }

    /// Takes the oldest task. Waits for one at most `wait_max`.
    pub async fn take(&self, activity: &str, wait_max: Duration) -> Option<Offer> {
        let deadline = tokio::time::Instant::now() + wait_max;
        let poller = Poller::of(self, activity);
        loop {
            let added = poller.task_added.notified();
            tokio::pin!(added);
            // Registered before the queue is read, so that a task that is added in between wakes this poller.
            added.as_mut().enable();
            if let Some(offer) = self.pop(activity) {
                return Some(offer);
            }
            tokio::time::timeout_at(deadline, added).await.ok()?;
        }
    }
}

/// A task on its way to a poller. It is offered again if the poller's request is cancelled first, because its connection has closed:
/// otherwise no worker would have the task until its heartbeat is overdue.
pub(super) struct Delivery<'o> {
    offers: &'o Offers,
    activity: &'o str,
    offer: Option<Offer>,
}

impl<'o> Delivery<'o> {
    pub fn new(offers: &'o Offers, activity: &'o str, offer: Offer) -> Self {
        Delivery { offers, activity, offer: Some(offer) }
    }

    /// The task is the poller's, or is not to be offered again.
    pub fn end(mut self) -> Option<Offer> {
        self.offer.take()
    }
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        if let Some(offer) = self.offer.take() {
            self.offers.put(self.activity, offer);
        }
    }
}

/// A poller of an activity. The last one to be dropped removes an empty queue, even if its request was cancelled.
struct Poller<'o> {
    offers: &'o Offers,
    activity: &'o str,
    task_added: Arc<Notify>,
}

impl<'o> Poller<'o> {
    fn of(offers: &'o Offers, activity: &'o str) -> Self {
        let task_added = offers.queues().entry(activity.to_owned()).or_default().task_added.clone();
        Poller { offers, activity, task_added }
    }
}

impl Drop for Poller<'_> {
    fn drop(&mut self) {
        let mut queues = self.offers.queues();
        // One reference is the queue's, one this poller's.
        let is_unused = |queue: &Queue| queue.tasks.is_empty() && Arc::strong_count(&queue.task_added) <= 2;
        if queues.get(self.activity).is_some_and(is_unused) {
            queues.remove(self.activity);
        }
    }
}

/// The input for a task whose activity does not exist.
pub(super) fn not_offered(token: TaskToken) -> Input {
    let TaskToken { frame, visit, attempt, .. } = token;
    Input::NotOffered { frame, visit, attempt }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{
        pin::Pin,
        sync::atomic::{AtomicBool, Ordering},
        task::{Context, Poll, Wake},
    };

    use super::*;

    /// A poller that is polled only by the test.
    struct Polled<'o> {
        future: Pin<Box<dyn Future<Output = Option<Offer>> + 'o>>,
        woken: Arc<Woken>,
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    impl<'o> Polled<'o> {
        fn new(offers: &'o Offers, activity: &'o str) -> Self {
            Polled { future: Box::pin(offers.take(activity, Duration::from_secs(60))), woken: Arc::default() }
        }

        fn poll(&mut self) -> Poll<Option<Offer>> {
            self.future.as_mut().poll(&mut Context::from_waker(&self.woken.clone().into()))
        }

        fn is_woken(&self) -> bool {
            self.woken.0.load(Ordering::Relaxed)
        }
    }

    fn offer(n: u64) -> Offer {
        let token = TaskToken { execution: format!("e-{n}"), frame: 1, visit: 1, attempt: 1 };
        Offer { token, input: Arc::default() }
    }

    #[tokio::test]
    async fn a_task_that_is_offered_twice_is_fetched_once_and_in_order() {
        let offers = Offers::default();
        for n in [1, 2, 1, 3] {
            offers.put("a", offer(n));
        }
        for n in [1, 2, 3] {
            assert_eq!(offers.take("a", Duration::ZERO).await, Some(offer(n)));
        }
        assert_eq!(offers.take("a", Duration::ZERO).await, None);
        assert!(offers.queues().is_empty(), "an empty queue without pollers is dropped");
        offers.put("a", offer(1));
        assert_eq!(offers.withdraw("a"), [offer(1)]);
        offers.put("a", offer(1));
        assert_eq!(offers.take("a", Duration::ZERO).await, Some(offer(1)), "it may be offered again");
    }

    #[tokio::test]
    async fn a_task_whose_poller_has_gone_is_offered_again() {
        let offers = Offers::default();
        drop(Delivery::new(&offers, "a", offer(1)));
        let taken = offers.take("a", Duration::ZERO).await.unwrap();
        assert_eq!(Delivery::new(&offers, "a", taken).end(), Some(offer(1)));
        assert_eq!(offers.take("a", Duration::ZERO).await, None);
    }

    #[tokio::test]
    async fn a_task_wakes_one_poller_of_its_activity_and_no_other() {
        let offers = Offers::default();
        let mut pollers: Vec<_> = (0..100).map(|_| Polled::new(&offers, "a")).collect();
        let mut others: Vec<_> = (0..100).map(|_| Polled::new(&offers, "b")).collect();
        for poller in pollers.iter_mut().chain(&mut others) {
            assert!(poller.poll().is_pending());
        }
        offers.put("a", offer(1));
        assert_eq!(pollers.iter().filter(|poller| poller.is_woken()).count(), 1);
        assert!(!others.iter().any(|poller| poller.is_woken()));
        // The woken poller is dropped before it fetches the task: another one is woken.
        let woken = pollers.iter().position(|poller| poller.is_woken()).unwrap();
        drop(pollers.remove(woken));
        let woken = pollers.iter().position(|poller| poller.is_woken()).unwrap();
        assert_eq!(pollers[woken].poll(), Poll::Ready(Some(offer(1))));
    }
}
