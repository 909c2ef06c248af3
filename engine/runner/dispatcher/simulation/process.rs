//! A simulated process: the real dispatcher over the real store, without threads, tasks and time.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    super::{inline_commit::InlineCommit, *},
    disk::Disk,
    simulated_rng::SimulatedRng,
};
use crate::{
    machine::StepCall,
    runner::{RunnerOptions, committer::Batches, step_call::StepCaller},
    store::{ByHand, LoggedRecords},
};

/// Small, so that a run reuses the log many times, and larger than what is committed between two checkpoints.
const LOG_BYTES_MAX: u64 = 24 * 1024;
/// The number of batches that may be committed while a checkpoint is due: the log has room for them.
const COMMIT_LAG_MAX: usize = 3;
/// The most writes in one batch.
const BATCH_WRITES_MAX: usize = 3;

/// A clock that is set by the simulation.
#[derive(Default)]
pub struct SetClock(AtomicU64);

impl SetClock {
    pub fn set(&self, now_ms: u64) {
        self.0.store(now_ms, Ordering::Relaxed);
    }
}

impl Clock for SetClock {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn real_duration_until(&self, _due_ms: u64) -> Duration {
        Duration::ZERO
    }
}

/// Calls that have not been carried out.
#[derive(Default, Clone)]
pub struct Called(Arc<Mutex<VecDeque<(String, StepCall)>>>);

impl Called {
    fn queue(&self) -> std::sync::MutexGuard<'_, VecDeque<(String, StepCall)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn take(&self, random: &mut SimulatedRng) -> Option<(String, StepCall)> {
        let mut queue = self.queue();
        let at = random.below(queue.len());
        queue.remove(at)
    }

    pub fn is_empty(&self) -> bool {
        self.queue().is_empty()
    }
}

impl StepCaller for Called {
    fn call(&self, execution: &str, _environment: Arc<serde_json::Value>, call: StepCall) {
        self.queue().push_back((execution.to_owned(), call));
    }

    /// A call in flight answers even if it was abandoned.
    fn abandon(&self, _execution: &str, _frame: crate::machine::FrameId, _visit: u64) {}
}

pub struct SimulatedProcess {
    pub dispatcher: Dispatcher,
    pub inbox: VecDeque<Message>,
    pub called: Called,
    pub events: broadcast::Receiver<Arc<Broadcast>>,
    commits: std::sync::mpsc::Receiver<Commit>,
    waiting: VecDeque<Commit>,
    checkpoints: ByHand,
    commit_lag: usize,
}

impl SimulatedProcess {
    /// A process opens the store and recovers the executions that have not ended.
    pub fn start(disk: &Disk, clock: Arc<SetClock>, mut random: SimulatedRng) -> Result<Self, StoreError> {
        let (records, checkpoints) = LoggedRecords::by_hand(disk.clone(), [disk.file(0), disk.file(1)], LOG_BYTES_MAX)?;
        let store = Arc::new(Store::new(records)?);
        let (queue, commits) = std::sync::mpsc::channel();
        let (batches, failure) = Batches::new(store.clone(), RunnerOptions::default());
        let committer = Committer { queue, batches, failure };
        let called = Called::default();
        let (events, received) = broadcast::channel(8_192);
        let rng: Rng = Box::new(move || random.next());
        let mut dispatcher = Dispatcher::new(Surroundings {
            store,
            clock,
            committer,
            calls: Box::new(called.clone()),
            rng,
            events,
            settled: broadcast::channel(64).0,
            offers: Arc::default(),
        });
        // Real durations must not influence the simulation.
        dispatcher.inline_commit = InlineCommit::with_quick(Duration::MAX);
        dispatcher.recover_all().map_err(|error| StoreError::read_error(&io::Error::other(error.to_string())))?;
        dispatcher.commit_inline(false);
        let (inbox, waiting) = (VecDeque::new(), VecDeque::new());
        Ok(SimulatedProcess {
            dispatcher,
            inbox,
            called,
            events: received,
            commits,
            waiting,
            checkpoints,
            commit_lag: 0,
        })
    }

    pub fn store(&self) -> &Store {
        &self.dispatcher.store
    }

    pub fn may_commit(&mut self) -> bool {
        self.waiting.extend(self.commits.try_iter());
        !self.waiting.is_empty() && self.dispatcher.failed.is_none()
    }

    /// Does the work of the committer thread.
    pub fn commit(&mut self, random: &mut SimulatedRng) {
        self.count_lag();
        let count = (1 + random.below(BATCH_WRITES_MAX)).min(self.waiting.len());
        let batch: Vec<Commit> = self.waiting.drain(..count).collect();
        let done = self.dispatcher.committer.batches.commit(batch);
        if random.in_thousand(300) {
            self.dispatcher.store.on_idle();
        }
        self.inbox.push_back(done);
    }

    pub fn may_checkpoint(&mut self) -> bool {
        self.checkpoints.waits()
    }

    /// Does the work of the checkpointer thread.
    pub fn checkpoint(&mut self) {
        self.checkpoints.checkpoint();
        self.commit_lag = 0;
    }

    /// Counts a commit while a checkpoint is due, and makes the checkpoint when the log has no room for more.
    fn count_lag(&mut self) {
        if self.checkpoints.waits() {
            self.commit_lag += 1;
            if self.commit_lag >= COMMIT_LAG_MAX {
                self.checkpoint();
            }
        }
    }

    pub fn receive(&mut self, random: &mut SimulatedRng) {
        if let Some(message) = self.inbox.pop_front() {
            self.dispatcher.receive(message);
            self.commit_inline(random);
        }
    }

    /// Makes an inline commit, as the dispatcher does when it is idle.
    fn commit_inline(&mut self, random: &mut SimulatedRng) {
        if self.dispatcher.inline_commit.is_waiting() {
            self.count_lag();
        }
        self.dispatcher.commit_inline(random.in_thousand(500));
    }

    pub fn next_timer_ms(&self) -> Option<u64> {
        self.dispatcher.timers.next_ms()
    }

    pub fn timer_fired(&mut self, random: &mut SimulatedRng) {
        self.dispatcher.prefetch_due();
        self.dispatcher.timer_fired();
        self.commit_inline(random);
    }

    pub fn has_failed(&self) -> bool {
        self.dispatcher.failed.is_some()
    }
}
