//! Offers: tasks that wait for a worker, per activity, oldest first. The store has them too: a new process offers them again.

mod task_workers;

use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    sync::{Notify, oneshot},
    time::Instant,
};

use self::task_workers::TaskWorkers;
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

/// The longest time for which a task is kept for a worker other than that of its last attempt.
const AVOIDED_MAX: Duration = Duration::from_secs(2);
/// A worker whose last poll of an activity ended within this time is expected to poll it again.
const POLLS_AGAIN_WITHIN: Duration = Duration::from_secs(60);
/// The most tasks of a queue that are compared with the open polls at once.
const COMPARED_MAX: usize = 100;

#[derive(Default)]
pub(super) struct Offers {
    /// If unset, every activity exists.
    pub activity_check: OnceLock<ActivityCheck>,
    state: Mutex<State>,
}

/// The queues of the activities, and the workers that have their tasks. It is not stored, and is empty in a new process.
#[derive(Default)]
struct State {
    queues: HashMap<String, Queue>,
    task_workers: TaskWorkers,
    /// The number of open polls that are silent.
    silent_polls: usize,
    /// The number of the next poll.
    next_poll: u64,
}

/// The tasks of one activity that no worker has fetched, and the polls that wait for one, both oldest first.
#[derive(Default)]
struct Queue {
    tasks: VecDeque<QueuedTask>,
    /// The tokens of `tasks`. A task is offered again after each recovery of its execution, but must be in the queue once.
    tokens: HashSet<TaskToken>,
    polls: BTreeMap<u64, OpenPoll>,
    /// The last two workers whose polls ended, newest first, and when.
    recent_polls: Vec<(Option<Arc<str>>, Instant)>,
}

/// A task that no poll has received.
struct QueuedTask {
    offer: Offer,
    /// The worker of its last attempt, which did not succeed there.
    avoided: Option<Arc<str>>,
    /// Until when it is kept for another worker.
    avoided_until: Instant,
}

/// A poll that waits for a task.
struct OpenPoll {
    worker: Option<Arc<str>>,
    /// Whether its worker missed a heartbeat, and made no request since. It receives no task: a worker that hangs would not work on it.
    is_silent: bool,
    task: oneshot::Sender<Offer>,
    /// Notified when a task that avoids its worker was kept for another one.
    kept_for_another: Arc<Notify>,
}

impl Offers {
    /// Whether the activity exists.
    pub(crate) fn has_activity(&self, activity: &str) -> bool {
        self.activity_check.get().is_none_or(|exists| exists(activity))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes all tasks that no worker has fetched.
    pub fn withdraw(&self, activity: &str) -> Vec<Offer> {
        let mut state = self.state();
        let Some(queue) = state.queues.get_mut(activity) else { return Vec::new() };
        queue.tokens.clear();
        std::mem::take(&mut queue.tasks).into_iter().map(|task| task.offer).collect()
    }

    /// Offers a task: to a poll that waits, else in the queue. A worker that did not answer the task's last attempt missed its heartbeat:
    /// its open polls receive no tasks until it makes a request.
    pub fn put(&self, activity: &str, offer: Offer) {
        let mut state = self.state();
        let last = state.task_workers.take_last_attempt(&offer.token);
        if let Some((worker, false)) = &last {
            state.silence(worker);
        }
        let queue = match state.queues.get_mut(activity) {
            Some(queue) => queue,
            None => state.queues.entry(activity.to_owned()).or_default(),
        };
        if queue.tokens.insert(offer.token.clone()) {
            let avoided = last.map(|(worker, _)| worker);
            queue.tasks.push_back(QueuedTask { offer, avoided, avoided_until: Instant::now() + AVOIDED_MAX });
            queue.hand_out();
        }
    }

    /// Takes the oldest task for a worker. Waits for one at most `wait_max`.
    pub async fn take(&self, activity: &str, worker: Option<&str>, wait_max: Duration) -> Option<Offer> {
        let deadline = Instant::now() + wait_max;
        let mut poll = PollRequest::open(self, activity, worker);
        loop {
            tokio::select! {
                biased;
                task = &mut poll.task => return task.ok(),
                () = poll.kept_for_another.notified() => {}
                () = tokio::time::sleep_until(deadline) => return None,
            }
            let until = deadline.min(Instant::now() + AVOIDED_MAX);
            if let Ok(task) = tokio::time::timeout_at(until, &mut poll.task).await {
                return task.ok();
            }
            self.hand_out(activity);
        }
    }

    /// Hands out the tasks that were kept for another worker long enough.
    fn hand_out(&self, activity: &str) {
        if let Some(queue) = self.state().queues.get_mut(activity) {
            queue.hand_out();
        }
    }

    /// Ends the open polls of a worker, without a task.
    pub fn end_polls(&self, activity: &str, worker: &str) {
        let mut state = self.state();
        let State { queues, silent_polls, .. } = &mut *state;
        let Some(queue) = queues.get_mut(activity) else { return };
        queue.polls.retain(|_, poll| {
            let is_ended = poll.worker.as_deref() == Some(worker);
            *silent_polls -= usize::from(is_ended && poll.is_silent);
            !is_ended
        });
    }

    /// Records that a worker has fetched a task.
    pub fn fetched(&self, token: &TaskToken, worker: &str) {
        self.state().task_workers.insert(token.clone(), worker);
    }

    /// Records a heartbeat or an answer of the worker that has a task.
    pub fn reported(&self, token: &TaskToken, is_answer: bool) {
        let mut state = self.state();
        if let Some(worker) = state.task_workers.record_report(token, is_answer) {
            state.made_request(&worker);
        }
    }
}

impl State {
    /// The open polls of a worker receive no tasks until it makes a request.
    fn silence(&mut self, worker: &str) {
        let polls = self.queues.values_mut().flat_map(|queue| queue.polls.values_mut());
        for poll in polls.filter(|poll| !poll.is_silent && poll.worker.as_deref() == Some(worker)) {
            poll.is_silent = true;
            self.silent_polls += 1;
        }
    }

    /// A worker made a request: its open polls may receive tasks.
    fn made_request(&mut self, worker: &str) {
        if self.silent_polls == 0 {
            return;
        }
        for queue in self.queues.values_mut() {
            let polls = queue.polls.values_mut();
            for poll in polls.filter(|poll| poll.is_silent && poll.worker.as_deref() == Some(worker)) {
                poll.is_silent = false;
                self.silent_polls -= 1;
            }
            queue.hand_out();
        }
    }
}

impl Queue {
    /// Hands the oldest tasks to the oldest polls.
    fn hand_out(&mut self) {
        let (mut at, now) = (0, Instant::now());
        while at < self.tasks.len().min(COMPARED_MAX) && !self.polls.is_empty() {
            let Some(number) = self.tasks.get(at).and_then(|task| self.choose_poll(task, now)) else {
                at += 1;
                continue;
            };
            let (Some(poll), Some(task)) = (self.polls.remove(&number), self.tasks.remove(at)) else { return };
            self.poll_ended(poll.worker, now);
            let QueuedTask { offer, avoided, avoided_until } = task;
            let token = offer.token.clone();
            match poll.task.send(offer) {
                Ok(()) => {
                    self.tokens.remove(&token);
                }
                // The poll has ended.
                Err(offer) => self.tasks.insert(at, QueuedTask { offer, avoided, avoided_until }),
            }
        }
    }

    /// Chooses the poll that receives a task: the oldest one of another worker than that of its last attempt. If no other worker polls, or
    /// after a while, also one of that worker. If the task is kept for another worker, notifies the oldest poll.
    fn choose_poll(&self, task: &QueuedTask, now: Instant) -> Option<u64> {
        let is_avoided = |poll: &OpenPoll| poll.worker.is_some() && poll.worker == task.avoided;
        let mut polls = self.polls.iter().filter(|(_, poll)| !poll.is_silent);
        let first = polls.next()?;
        let other = std::iter::once(first).chain(polls).find(|(_, poll)| !is_avoided(poll));
        if let Some((number, _)) = other {
            return Some(*number);
        }
        let polls_again = |(worker, at): &(Option<Arc<str>>, Instant)| {
            *worker != task.avoided && now.duration_since(*at) < POLLS_AGAIN_WITHIN
        };
        let (number, poll) = first;
        if now < task.avoided_until && self.recent_polls.iter().any(polls_again) {
            poll.kept_for_another.notify_one();
            return None;
        }
        Some(*number)
    }

    /// Records that a poll of a worker ended.
    fn poll_ended(&mut self, worker: Option<Arc<str>>, now: Instant) {
        self.recent_polls.retain(|(of, _)| *of != worker);
        self.recent_polls.insert(0, (worker, now));
        self.recent_polls.truncate(2);
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

    /// Ends the delivery: the task is not offered again. Returns it.
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

/// The caller's end of a poll; the queue has the other, an [`OpenPoll`]. The last one to be dropped removes an empty queue, even if its
/// request was cancelled.
struct PollRequest<'o> {
    offers: &'o Offers,
    activity: &'o str,
    number: u64,
    task: oneshot::Receiver<Offer>,
    kept_for_another: Arc<Notify>,
}

impl<'o> PollRequest<'o> {
    fn open(offers: &'o Offers, activity: &'o str, worker: Option<&str>) -> Self {
        let (sender, task) = oneshot::channel();
        let kept_for_another = Arc::new(Notify::new());
        let mut state = offers.state();
        if let Some(worker) = worker {
            state.made_request(worker);
        }
        let number = state.next_poll;
        state.next_poll += 1;
        let queue = state.queues.entry(activity.to_owned()).or_default();
        let worker = worker.map(Arc::from);
        let open = OpenPoll { worker, is_silent: false, task: sender, kept_for_another: kept_for_another.clone() };
        queue.polls.insert(number, open);
        queue.hand_out();
        PollRequest { offers, activity, number, task, kept_for_another }
    }
}

impl Drop for PollRequest<'_> {
    fn drop(&mut self) {
        self.task.close();
        // A task that was handed to this poll after it was polled last is offered again.
        if let Ok(offer) = self.task.try_recv() {
            self.offers.put(self.activity, offer);
        }
        let mut state = self.offers.state();
        let State { queues, silent_polls, .. } = &mut *state;
        let Some(queue) = queues.get_mut(self.activity) else { return };
        if let Some(poll) = queue.polls.remove(&self.number) {
            *silent_polls -= usize::from(poll.is_silent);
            queue.poll_ended(poll.worker, Instant::now());
        }
        // A task that was kept back from this poll may go to another poll now.
        queue.hand_out();
        if queue.tasks.is_empty() && queue.polls.is_empty() {
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
mod tests;
