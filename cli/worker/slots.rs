//! The slots of a worker: how many steps it calls at once, and which polls for new tasks they allow.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::{Mutex as FairMutex, Notify, OwnedSemaphorePermit, Semaphore};

/// The time for which a poll that probably returns a task keeps a slot for the task: longer than a service with a task in its queue takes
/// to answer.
const KEPT_FOR: Duration = Duration::from_millis(100);

/// The slots of a worker. A step's call holds one. A poll for a new task begins only while one is free, and only if the activity has fewer
/// open polls than there are free slots: so a task is received where it can begin. A poll keeps no slot while it waits, because it may wait
/// for a minute while other activities have tasks. Calls get free slots in the order in which they ask, at most one poll before each.
#[derive(Debug, Clone)]
pub struct Slots(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    permits: Arc<Semaphore>,
    /// Held by the one poll that waits for a slot. Tasks that are received and steps that are due do not wait for all activities.
    next_poll: FairMutex<()>,
    kept_for: Duration,
    activities: Mutex<HashMap<String, Polls>>,
    /// A slot was freed, or a poll has ended.
    changed: Notify,
}

/// The polls of one activity.
#[derive(Debug, Default)]
struct Polls {
    /// The polls in flight that keep no slot.
    waiting: usize,
    /// Whether the last one to end returned a task: its queue probably has another.
    is_busy: bool,
}

impl Slots {
    /// A number of free slots.
    pub fn new(number: usize) -> Self {
        Slots::keeping(number, KEPT_FOR)
    }

    /// Free slots; a poll that probably returns a task keeps one for this long.
    pub(super) fn keeping(number: usize, kept_for: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(number));
        let (next_poll, activities, changed) = (FairMutex::default(), Mutex::default(), Notify::new());
        Slots(Arc::new(Shared { permits, next_poll, kept_for, activities, changed }))
    }

    /// Waits for a slot.
    pub(super) async fn take(&self) -> Slot {
        // The semaphore is never closed.
        let permit = self.0.permits.clone().acquire_owned().await.ok();
        Slot { permit, slots: self.clone() }
    }

    async fn take_for_poll(&self) -> Slot {
        let _turn = self.0.next_poll.lock().await;
        self.take().await
    }

    /// A slot, if one is free and nothing waits for it.
    fn take_free(&self) -> Option<Slot> {
        let permit = self.0.permits.clone().try_acquire_owned().ok()?;
        Some(Slot { permit: Some(permit), slots: self.clone() })
    }

    /// Waits until a poll of an activity may begin.
    pub(super) async fn begin_poll(&self, activity: &str) -> Poll {
        loop {
            let slot = self.take_for_poll().await;
            if let Some(is_busy) = self.open_poll(activity) {
                let kept = is_busy.then_some(slot);
                return Poll { slots: self.clone(), activity: activity.to_owned(), is_waiting: !is_busy, kept };
            }
            drop(slot);
            loop {
                // It receives every notification from its creation on.
                let changed = self.0.changed.notified();
                if self.waiting(activity) < self.0.permits.available_permits() {
                    break;
                }
                changed.await;
            }
        }
    }

    /// Counts another poll of an activity if a slot is free for each poll that waits; the caller holds the slot of the new poll. Returns
    /// whether the activity is busy: then the poll keeps its slot.
    fn open_poll(&self, activity: &str) -> Option<bool> {
        let mut activities = self.activities();
        let polls = activities.entry(activity.to_owned()).or_default();
        if polls.waiting > self.0.permits.available_permits() {
            return None;
        }
        if !polls.is_busy {
            polls.waiting += 1;
        }
        Some(polls.is_busy)
    }

    fn waiting(&self, activity: &str) -> usize {
        self.activities().get(activity).map_or(0, |polls| polls.waiting)
    }

    fn update(&self, activity: &str, change: impl FnOnce(&mut Polls)) {
        if let Some(polls) = self.activities().get_mut(activity) {
            change(polls);
        }
    }

    fn activities(&self) -> MutexGuard<'_, HashMap<String, Polls>> {
        self.0.activities.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn changed(&self) {
        self.0.changed.notify_waiters();
    }
}

/// A slot that is held. It is free again when this is dropped.
#[derive(Debug)]
pub struct Slot {
    permit: Option<OwnedSemaphorePermit>,
    slots: Slots,
}

impl Drop for Slot {
    fn drop(&mut self) {
        drop(self.permit.take());
        self.slots.changed();
    }
}

/// A poll in flight.
#[derive(Debug)]
pub(super) struct Poll {
    slots: Slots,
    activity: String,
    /// Whether it keeps no slot.
    is_waiting: bool,
    /// The slot of the task that it probably returns.
    kept: Option<Slot>,
}

impl Poll {
    /// Waits for an answer. Frees the slot that is kept if the answer takes longer than that of a service with a task.
    pub async fn answer<T>(&mut self, call: impl Future<Output = T>) -> T {
        let mut call = std::pin::pin!(call);
        if !self.is_waiting {
            tokio::select! {
                biased;
                answer = &mut call => return answer,
                () = tokio::time::sleep(self.slots.0.kept_for) => {}
            }
            self.is_waiting = true;
            self.slots.update(&self.activity, |polls| polls.waiting += 1);
            self.kept = None;
        }
        call.await
    }

    /// Called when the poll has returned a task. Returns the slot of the task; `None` if all slots were taken while the poll waited.
    pub fn returned_task(mut self) -> Option<Slot> {
        self.slots.update(&self.activity, |polls| polls.is_busy = true);
        self.kept.take().or_else(|| self.slots.take_free())
    }

    /// The poll returned no task.
    pub fn returned_none(self) {
        self.slots.update(&self.activity, |polls| polls.is_busy = false);
    }
}

impl Drop for Poll {
    fn drop(&mut self) {
        if self.is_waiting {
            self.slots.update(&self.activity, |polls| polls.waiting -= 1);
        }
        self.kept = None;
        self.slots.changed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    /// Lets the tasks of this thread run until none can continue.
    async fn settle() {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_step_that_is_due_waits_for_one_poll_and_not_for_those_of_all_activities() {
        let slots = Slots::keeping(1, HOUR);
        let held = slots.take().await;
        let begin = |activity: &'static str| {
            let slots = slots.clone();
            tokio::spawn(async move { slots.begin_poll(activity).await })
        };
        // The polls of many activities wait for a slot, and then a step that is due.
        let first = begin("a");
        settle().await;
        let others = ["b", "c", "d"].map(begin);
        settle().await;
        let due = slots.clone();
        let due = tokio::spawn(async move { due.take().await });
        settle().await;
        assert!(!first.is_finished() && !due.is_finished(), "no poll begins while no slot is free");
        drop(held);
        settle().await;
        assert!(first.is_finished() && due.is_finished());
        assert!(others.iter().all(|other| !other.is_finished()));
        drop(due.await);
        settle().await;
        assert!(others.iter().all(|other| other.is_finished()), "polls keep no slot");
    }

    #[tokio::test]
    async fn a_poll_that_waits_keeps_no_slot_and_is_the_only_one_of_its_activity_for_a_free_one() {
        let slots = Slots::keeping(1, Duration::ZERO);
        let first = slots.begin_poll("a").await;
        let slot = first.returned_task();
        assert!(slot.is_some(), "the task begins");
        drop(slot);
        // The activity is busy, so its next poll keeps the slot for a moment.
        let mut busy = slots.begin_poll("a").await;
        assert!(slots.take_free().is_none());
        let waits = tokio::spawn(async move { busy.answer(std::future::pending::<()>()).await });
        let other = slots.begin_poll("b").await;
        let second = slots.clone();
        let second = tokio::spawn(async move { second.begin_poll("a").await });
        settle().await;
        assert!(!second.is_finished() && slots.take_free().is_some());
        waits.abort();
        settle().await;
        assert!(second.is_finished());
        assert!(other.returned_task().is_none(), "its task waits for a slot");
    }
}
