//! Which poll receives a task.
#![allow(clippy::unwrap_used)]

use std::{
    pin::Pin,
    sync::atomic::{AtomicBool, Ordering},
    task::{Context, Poll, Wake},
};

use super::*;

/// A poll that only the test polls.
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
        Polled::by(offers, activity, None)
    }

    /// An open poll of a worker.
    fn open(offers: &'o Offers, worker: &'o str) -> Self {
        let mut open = Polled::by(offers, "a", Some(worker));
        assert!(open.poll().is_pending());
        open
    }

    fn by(offers: &'o Offers, activity: &'o str, worker: Option<&'o str>) -> Self {
        let future = Box::pin(offers.take(activity, worker, Duration::from_secs(60)));
        Polled { future, woken: Arc::default() }
    }

    fn poll(&mut self) -> Poll<Option<Offer>> {
        self.future.as_mut().poll(&mut Context::from_waker(&self.woken.clone().into()))
    }

    fn is_woken(&self) -> bool {
        self.woken.0.load(Ordering::Relaxed)
    }
}

async fn take(offers: &Offers) -> Option<Offer> {
    offers.take("a", None, Duration::ZERO).await
}

fn offer(n: u64) -> Offer {
    attempt(n, 1)
}

fn attempt(n: u64, attempt: u32) -> Offer {
    let token = TaskToken { execution: format!("e-{n}"), frame: 1, visit: 1, attempt };
    Offer { token, input: Arc::default() }
}

#[tokio::test]
async fn a_task_that_is_offered_twice_is_fetched_once_and_in_order() {
    let offers = Offers::default();
    for n in [1, 2, 1, 3] {
        offers.put("a", offer(n));
    }
    for n in [1, 2, 3] {
        assert_eq!(take(&offers).await, Some(offer(n)));
    }
    assert_eq!(take(&offers).await, None);
    assert!(offers.state().queues.is_empty(), "an empty queue without polls is dropped");
    offers.put("a", offer(1));
    assert_eq!(offers.withdraw("a"), [offer(1)]);
    offers.put("a", offer(1));
    assert_eq!(take(&offers).await, Some(offer(1)), "it may be offered again");
}

#[tokio::test]
async fn a_task_whose_poller_has_gone_is_offered_again() {
    let offers = Offers::default();
    drop(Delivery::new(&offers, "a", offer(1)));
    let taken = take(&offers).await.unwrap();
    assert_eq!(Delivery::new(&offers, "a", taken).end(), Some(offer(1)));
    assert_eq!(take(&offers).await, None);
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

#[tokio::test]
async fn a_worker_that_hangs_receives_one_attempt_and_no_other_task_until_it_makes_a_request() {
    let offers = Offers::default();
    let mut hangs = [(); 8].map(|()| Polled::open(&offers, "hangs"));
    offers.put("a", offer(1));
    assert_eq!(hangs[0].poll(), Poll::Ready(Some(offer(1))));
    offers.fetched(&offer(1).token, "hangs");
    // No heartbeat arrived. Nobody else polls at this moment.
    offers.put("a", attempt(1, 2));
    offers.put("a", offer(2));
    assert!(hangs[1..].iter_mut().all(|poll| poll.poll().is_pending()), "its other polls receive nothing");
    let mut works = [(); 2].map(|()| Polled::by(&offers, "a", Some("works")));
    assert_eq!(works[0].poll(), Poll::Ready(Some(attempt(1, 2))));
    assert_eq!(works[1].poll(), Poll::Ready(Some(offer(2))));
    // A heartbeat shows that it does not hang any more, also one that comes too late.
    offers.put("a", offer(3));
    assert!(hangs[1..].iter_mut().all(|poll| poll.poll().is_pending()));
    offers.reported(&offer(1).token, false);
    assert_eq!(hangs[1].poll(), Poll::Ready(Some(offer(3))));
    drop((hangs, works));
    assert_eq!(offers.state().silent_polls, 0);
}

#[tokio::test]
async fn a_poll_that_a_worker_begins_after_it_missed_a_heartbeat_receives_tasks() {
    let offers = Offers::default();
    let mut old = Polled::open(&offers, "w");
    offers.fetched(&offer(1).token, "w");
    offers.put("a", attempt(1, 2));
    assert!(old.poll().is_pending());
    assert!(Polled::by(&offers, "b", Some("w")).poll().is_pending());
    assert_eq!(old.poll(), Poll::Ready(Some(attempt(1, 2))), "its request shows that it works");
}

#[tokio::test]
async fn a_task_that_a_worker_gave_back_goes_first_to_another_one() {
    let offers = Offers::default();
    let mut first = Polled::open(&offers, "w1");
    let mut other = Polled::open(&offers, "w2");
    let given_back = |n: u64| {
        offers.fetched(&offer(n).token, "w1");
        offers.reported(&offer(n).token, true);
        offers.put("a", attempt(n, 2));
    };
    given_back(1);
    assert!(first.poll().is_pending(), "its poll is older");
    assert_eq!(other.poll(), Poll::Ready(Some(attempt(1, 2))));
    drop(other);
    // The other worker will poll again: the task is kept for it, and other tasks are not.
    given_back(2);
    assert!(first.poll().is_pending());
    let other = offers.take("a", Some("w2"), Duration::ZERO);
    assert_eq!(other.await, Some(attempt(2, 2)));
    given_back(3);
    offers.put("a", offer(4));
    assert_eq!(first.poll(), Poll::Ready(Some(offer(4))));
    drop(first);
    // After a while, it may be given to the same worker again.
    offers.state().queues.get_mut("a").unwrap().tasks[0].avoided_until = Instant::now();
    let again = offers.take("a", Some("w1"), Duration::ZERO);
    assert_eq!(again.await, Some(attempt(3, 2)));
}

#[tokio::test]
async fn a_worker_that_is_alone_receives_its_retries_at_once() {
    let offers = Offers::default();
    offers.fetched(&offer(1).token, "w");
    offers.reported(&offer(1).token, true);
    let mut alone = Polled::open(&offers, "w");
    offers.put("a", attempt(1, 2));
    assert_eq!(alone.poll(), Poll::Ready(Some(attempt(1, 2))));
}

#[tokio::test]
async fn the_open_polls_of_a_worker_that_stops_end_and_none_of_them_loses_a_task() {
    let offers = Offers::default();
    let mut received = Polled::open(&offers, "stops");
    let mut open = Polled::open(&offers, "stops");
    let mut other = Polled::open(&offers, "works");
    offers.put("a", offer(1));
    offers.end_polls("a", "stops");
    offers.put("a", offer(2));
    assert_eq!(received.poll(), Poll::Ready(Some(offer(1))), "its response is on its way");
    assert_eq!((open.poll(), other.poll()), (Poll::Ready(None), Poll::Ready(Some(offer(2)))));
}
