//! The worker that receives a task, tested with a service and steps that the tests control.
#![allow(clippy::unwrap_used)]

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard},
};

use tokio::sync::{oneshot, watch};

use super::*;
use crate::worker::{StopRequest, pauses::BEGINS_AFTER};

/// The number of a task, unique within a test.
type Task = usize;

/// The queue of an activity, with the polls that wait for its tasks.
#[derive(Default)]
struct Queue {
    tasks: VecDeque<Task>,
    polls: VecDeque<oneshot::Sender<Task>>,
}

/// A service with activities.
struct Service {
    queues: Mutex<HashMap<String, Queue>>,
    /// The workers' tasks whose steps run.
    running: Mutex<Vec<(usize, Task)>>,
    /// The number of tasks that end: those with the lowest numbers.
    ended: watch::Sender<usize>,
    /// The pauses of every worker.
    pauses: Pauses,
}

impl Service {
    fn new() -> Arc<Self> {
        let (ended, pauses) = (watch::Sender::new(0), Pauses::new());
        Arc::new(Service { queues: Mutex::default(), running: Mutex::default(), ended, pauses })
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<String, Queue>> {
        self.queues.lock().unwrap()
    }

    /// Gives a task to the poll that has waited longest, or adds it to the queue.
    fn offer(&self, arn: &str, task: Task) {
        let mut queues = self.queues();
        let queue = queues.entry(arn.to_owned()).or_default();
        match queue.polls.pop_front() {
            Some(poll) => poll.send(task).unwrap(),
            None => queue.tasks.push_back(task),
        }
    }

    /// The number of tasks of an activity that no worker has received.
    fn queued(&self, arn: &str) -> usize {
        self.queues()[arn].tasks.len()
    }

    /// The number of steps that run in each worker, in the order of workers.
    fn running(&self) -> Vec<usize> {
        let running = self.running.lock().unwrap();
        (0..WORKERS).map(|worker| running.iter().filter(|(of, _)| *of == worker).count()).collect()
    }

    /// The number of tasks from this one on whose steps run.
    fn running_from(&self, first: Task) -> usize {
        self.running.lock().unwrap().iter().filter(|(_, task)| *task >= first).count()
    }
}

/// An activity of a service, for one worker.
struct TestActivity {
    service: Arc<Service>,
    worker: usize,
    slots: Slots,
    arn: String,
}

impl Activity for TestActivity {
    type Task = Task;

    fn arn(&self) -> &str {
        &self.arn
    }

    async fn pause_ended(&self) {
        self.service.pauses.ended().await;
    }

    async fn next_task(&self) -> Option<Result<Option<Task>, StepError>> {
        let answer = {
            let mut queues = self.service.queues();
            let queue = queues.entry(self.arn.clone()).or_default();
            if let Some(task) = queue.tasks.pop_front() {
                return Some(Ok(Some(task)));
            }
            let (poll, answer) = oneshot::channel();
            queue.polls.push_back(poll);
            answer
        };
        Some(Ok(answer.await.ok()))
    }

    fn begin(&self, task: Task, slot: Option<Slot>, room: OwnedSemaphorePermit) {
        let (service, slots, worker) = (self.service.clone(), self.slots.clone(), self.worker);
        tokio::spawn(async move {
            let slot = match slot {
                Some(slot) => slot,
                None => slots.take().await,
            };
            service.running.lock().unwrap().push((worker, task));
            let mut ended = service.ended.subscribe();
            ended.wait_for(|ended| *ended > task).await.map(drop).unwrap();
            service.running.lock().unwrap().retain(|(_, of)| *of != task);
            drop((slot, room));
        });
    }
}

/// The number of workers.
const WORKERS: usize = 3;

/// Longer than any test.
const HOUR: Duration = Duration::from_secs(3_600);

/// Starts workers with these slots that poll these activities.
fn start(service: &Arc<Service>, slots: (usize, Duration), activities: &[String]) -> StopRequest {
    let (request, stop) = Stop::new();
    for worker in 0..WORKERS {
        let limits = Limits {
            slots: Slots::keeping(slots.0, slots.1),
            in_hand: Arc::new(Semaphore::new(1_000)),
            stop: stop.clone(),
            once: false,
            counts: Arc::default(),
        };
        for arn in activities {
            let activity =
                TestActivity { service: service.clone(), worker, slots: limits.slots.clone(), arn: arn.clone() };
            tokio::spawn(Poller::new(activity, limits.clone()).run());
        }
    }
    request
}

/// Lets the tasks of this thread run until none can continue.
async fn settle() {
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn workers_receive_only_what_they_can_begin() {
    for slots in 1..=4 {
        let service = Service::new();
        let arn = "a".to_owned();
        let _request = start(&service, (slots, HOUR), std::slice::from_ref(&arn));
        settle().await;
        let places = WORKERS * slots;
        (0..places + 2).for_each(|task| service.offer(&arn, task));
        settle().await;
        assert_eq!(service.running(), [slots; WORKERS], "{slots} slots");
        assert_eq!(service.queued(&arn), 2, "{slots} slots: no worker holds a task that it cannot begin");
        service.ended.send_replace(1);
        settle().await;
        assert_eq!((service.running(), service.queued(&arn)), (vec![slots; WORKERS], 1), "{slots} slots");
        service.ended.send_replace(places + 2);
        settle().await;
        assert_eq!((service.running(), service.queued(&arn)), (vec![0; WORKERS], 0), "{slots} slots");
    }
}

#[tokio::test]
async fn every_activity_is_polled_with_one_slot_and_a_full_worker_polls_no_more() {
    let service = Service::new();
    let arns: Vec<String> = (0..98).map(|number| format!("a{number}")).collect();
    let _request = start(&service, (1, Duration::ZERO), &arns);
    settle().await;
    let polls = |arn: &String| service.queues()[arn].polls.len();
    assert!(arns.iter().all(|arn| polls(arn) == WORKERS), "a poll that waits keeps no slot");
    // Each worker receives a task of the first activity, and begins no new poll of it.
    (0..WORKERS + 1).for_each(|task| service.offer(&arns[0], task));
    settle().await;
    assert_eq!((service.running(), service.queued(&arns[0])), (vec![1; WORKERS], 1));
    // The polls of another activity are still in flight: each returns one task, which waits for a slot.
    (10..10 + WORKERS + 1).for_each(|task| service.offer(&arns[1], task));
    settle().await;
    assert_eq!((service.running(), service.queued(&arns[1])), (vec![1; WORKERS], 1));
    // A free slot is for a task that waits in the worker.
    service.ended.send_replace(10);
    until(|| service.running_from(10) == WORKERS).await;
    assert_eq!(service.queued(&arns[1]), 1);
    service.ended.send_replace(100);
    until(|| service.queued(&arns[0]) + service.queued(&arns[1]) == 0).await;
}

#[tokio::test]
async fn a_task_that_an_open_poll_receives_during_a_pause_begins() {
    let service = Service::new();
    let arn = "a".to_owned();
    let _request = start(&service, (2, HOUR), std::slice::from_ref(&arn));
    settle().await;
    service.pauses.add(HOUR);
    tokio::time::sleep(BEGINS_AFTER).await;
    (0..WORKERS + 1).for_each(|task| service.offer(&arn, task));
    settle().await;
    assert_eq!((service.running(), service.queued(&arn)), (vec![1; WORKERS], 1), "no further poll begins");
}

#[test]
fn the_request_that_ends_polls_is_an_operation_of_the_server() {
    assert_eq!(steps::step_functions::END_POLLS, <api::flow::EndPolls as api::Operation>::NAME);
}

/// The number of requests to end polls, all with this answer, and whether the polls are closed soon.
async fn end_requests(answer: impl Fn() -> Result<(), StepError>) -> (usize, bool) {
    let mut requests = 0;
    let request = || {
        requests += 1;
        std::future::ready(answer())
    };
    let ended = end_polls(request, Duration::from_millis(1), HOUR);
    let is_ended = tokio::time::timeout(Duration::from_millis(100), ended).await.is_ok();
    (requests, is_ended)
}

#[tokio::test]
async fn open_polls_stay_open_if_the_server_refuses_to_end_them() {
    assert_eq!(end_requests(|| Ok(())).await, (END_REQUESTS_MAX, true));
    let unreachable = || Err(StepError::new(ErrorClass::Unknown, "it cannot be reached"));
    assert_eq!(end_requests(unreachable).await, (END_REQUESTS_MAX, true));
    let refused = || {
        let mut error = StepError::new(ErrorClass::Permission, "not without a token");
        error.code = Some("AccessDeniedException".to_owned());
        Err(error)
    };
    assert_eq!(end_requests(refused).await, (1, false));
}

/// Waits until something is so.
async fn until(question: impl Fn() -> bool) {
    let asked = async {
        while !question() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asked).await.unwrap();
}
