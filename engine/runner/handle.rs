//! The handle through which the rest of the program uses a runner.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::sync::{broadcast, oneshot, watch};

use super::{
    Asleep, Clock, Follow, NewExecution, RunnerError,
    dispatcher::COMMITS_WAIT_MAX,
    event::Broadcast,
    message::{Message, Reply, Resume},
    offers::{Delivery, Offer, Offers, not_offered},
    threads::Threads,
};
use crate::{
    journal::{ErrorAndCause, Signaller},
    machine::{ExecutionHeader, ExecutionStatus, FrameState, Input, MapRunLimits, Reentry},
    step::TaskToken,
    store::{Store, StoreError},
};

/// The time that the runner's threads may take to end after calls and commits: they checkpoint the store.
const ENDING_MAX: Duration = Duration::from_secs(30);

/// The interval between checks whether a call is in flight.
const CALLS_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The result of draining a runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// The number of calls that had not answered within the limit. Their steps may still run on the tokio runtime; their answers are
    /// discarded, and the next runner repeats the calls.
    pub unanswered: usize,
    /// Whether the runner's threads have ended and released the store. `false` if the disk does not respond.
    pub has_ended: bool,
}

/// A handle of a runner. Clones refer to the same runner, which stops when the last one is dropped.
#[derive(Clone)]
pub struct RunnerHandle {
    pub(super) threads: Arc<Threads>,
    pub(super) store: Arc<Store>,
    /// Weak: the end of the last sender informs watchers that the runner has stopped.
    pub(super) events: broadcast::WeakSender<Arc<Broadcast>>,
    pub(super) settled: broadcast::WeakSender<Arc<ExecutionHeader>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) commits: Arc<AtomicU64>,
    pub(super) failure: watch::Receiver<Option<StoreError>>,
    pub(super) offers: Arc<Offers>,
}

impl RunnerHandle {
    /// The store, for reading.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// A reference to the store that the caller can keep.
    pub fn shared_store(&self) -> Arc<Store> {
        self.store.clone()
    }

    /// The runner's clock.
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// The number of batches that this runner has committed.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    async fn ask<T>(&self, message: impl FnOnce(Reply<T>) -> Message) -> Result<T, RunnerError> {
        let (reply, answer) = oneshot::channel();
        self.threads.messages.send(message(reply)).map_err(|_| self.stopped())?;
        answer.await.map_err(|_| self.stopped())?
    }

    /// Why the dispatcher does not answer.
    fn stopped(&self) -> RunnerError {
        self.failure.borrow().clone().map_or(RunnerError::Stopped, RunnerError::Store)
    }

    /// Waits until the store has failed, and returns the error. Does not return while the store works.
    pub async fn store_failure(&self) -> StoreError {
        let mut failure = self.failure.clone();
        match failure.wait_for(Option::is_some).await.map(|failure| failure.clone()) {
            Ok(Some(failure)) => failure,
            _ => std::future::pending().await,
        }
    }

    /// Starts an execution. Returns when its start is durable.
    ///
    /// # Errors
    /// The definition cannot run, the id is taken, or another execution works on the same subject.
    pub async fn start_execution(&self, new: NewExecution) -> Result<ExecutionHeader, RunnerError> {
        self.ask(|reply| Message::Start { new: Box::new(new), reply }).await
    }

    /// Continues an execution that another process left.
    ///
    /// # Errors
    /// There is no such execution, or the store fails.
    pub async fn recover(&self, id: &str) -> Result<(), RunnerError> {
        self.ask(|reply| Message::Recover { id: id.to_owned(), reply }).await
    }

    /// Continues an execution after a crash, a pause or a failure. With `environment`, it acts in that environment from now on, durably
    /// with the same turn.
    ///
    /// # Errors
    /// There is no such execution, it has succeeded, or the store fails.
    pub async fn resume(&self, id: &str, environment: Option<Value>) -> Result<(), RunnerError> {
        self.resume_from(id, environment, Vec::new()).await
    }

    /// Continues an execution as [`Self::resume`] does, unless it has ended. An end that is recorded between the caller's decision and this
    /// call stays and is returned.
    ///
    /// # Errors
    /// The errors of [`Self::resume`].
    pub async fn resume_unfinished(
        &self,
        id: &str,
        environment: Option<Value>,
    ) -> Result<Option<ExecutionStatus>, RunnerError> {
        let resume = Resume { environment, from: Vec::new(), only_unfinished: true };
        match self.ask(|reply| Message::Resume { id: id.to_owned(), resume, reply }).await {
            Err(RunnerError::HasEnded { status, .. }) => Ok(Some(status)),
            answered => answered.map(|()| None),
        }
    }

    /// Continues an execution that did not succeed at a state that it entered earlier; see [`Self::resume`].
    ///
    /// # Errors
    /// The errors of [`Self::resume`]; the execution has not ended, or its definition cannot be entered at that state.
    pub async fn resume_from(
        &self,
        id: &str,
        environment: Option<Value>,
        from: Vec<Reentry>,
    ) -> Result<(), RunnerError> {
        let resume = Resume { environment, from, only_unfinished: false };
        self.ask(|reply| Message::Resume { id: id.to_owned(), resume, reply }).await
    }

    /// Recovers every execution that has not ended. Returns their number. An execution that only waits for a time is loaded at that time.
    ///
    /// # Errors
    /// The store fails.
    pub async fn recover_all(&self) -> Result<usize, RunnerError> {
        self.ask(|reply| Message::RecoverAll { reply }).await
    }

    /// The time at which a sleeping execution wakes; `None` if it is not asleep, or this process does not drive it.
    pub async fn asleep(&self, id: &str) -> Option<Asleep> {
        let (reply, answer) = oneshot::channel();
        self.threads.messages.send(Message::Asleep { id: id.to_owned(), reply }).ok()?;
        answer.await.ok()?
    }

    /// Answers a Task, also one that does not wait yet. A Task that waits receives the answer at once. Otherwise the answer is stored
    /// with the execution until a Task of that name or path waits: its call is pending, its token is awaited, or a worker can fetch it.
    /// The stored answer is deleted when the state or the execution ends without it. The same answer again changes nothing. Returns
    /// whether the answer was stored.
    ///
    /// # Errors
    /// There is no such execution or it has ended, its definition has no Task of that name or path, several of that name wait, the
    /// answer is larger than a payload may be, another answer is stored for that state, or 16 answers are stored.
    pub async fn signal_early(
        &self,
        id: &str,
        state: &str,
        answer: Result<Value, ErrorAndCause>,
        by: Option<Signaller>,
    ) -> Result<bool, RunnerError> {
        let (id, state, answer) = (id.to_owned(), state.to_owned(), answer.into());
        let (kept, is_kept) = oneshot::channel();
        self.ask(|reply| Message::SignalEarly { id, state, answer, by, kept, reply }).await?;
        Ok(is_kept.await.unwrap_or(false))
    }

    /// Withdraws the answer that is stored for a Task that does not wait yet, by the name or path with which it was given. `by` is
    /// written into the journal.
    ///
    /// # Errors
    /// There is no such execution, it stores no answer for that state, or the store fails.
    pub async fn withdraw_signal(&self, id: &str, state: &str, by: Signaller) -> Result<(), RunnerError> {
        let (id, input) = (id.to_owned(), Input::WithdrawSignal { state: state.to_owned(), by });
        self.ask(|reply| Message::Input { id, input, reply }).await
    }

    /// Sets, once for this runner, which activities exist. A Task of another activity fails when it is scheduled.
    pub fn set_activities(&self, exists: impl Fn(&str) -> bool + Send + Sync + 'static) {
        let _ = self.offers.activity_check.set(Box::new(exists));
    }

    /// Fails the tasks of an activity that no worker has fetched, because the activity was deleted.
    ///
    /// # Errors
    /// The store fails.
    pub async fn withdraw_offers(&self, activity: &str) -> Result<(), RunnerError> {
        for Offer { token, .. } in self.offers.withdraw(activity) {
            let (id, input) = (token.execution.clone(), not_offered(token));
            match self.ask(|reply| Message::Input { id, input, reply }).await {
                // Its execution has ended.
                Ok(()) | Err(RunnerError::NotWaiting { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Fetches the oldest task that waits for a worker of an activity, and records that. If there is none, waits for one for at most the
    /// given time. A task goes to another worker than that of its last attempt, if another one polls; a worker that missed a heartbeat
    /// receives none at its open polls.
    ///
    /// # Errors
    /// The store fails.
    pub async fn fetch(
        &self,
        activity: &str,
        worker: Option<String>,
        wait_max: Duration,
    ) -> Result<Option<Offer>, RunnerError> {
        let deadline = tokio::time::Instant::now() + wait_max;
        loop {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            let Some(offer) = self.offers.take(activity, worker.as_deref(), left).await else { return Ok(None) };
            // Its visit may have ended in the meantime.
            if self.is_waiting(&offer.token)? {
                let TaskToken { execution: id, frame, visit, attempt } = offer.token.clone();
                let input = Input::Fetched { frame, visit, attempt, worker: worker.clone() };
                let delivery = Delivery::new(&self.offers, activity, offer);
                match self.ask(|reply| Message::Input { id, input, reply }).await {
                    Ok(()) => {
                        let offer = delivery.end();
                        if let (Some(offer), Some(worker)) = (&offer, &worker) {
                            self.offers.fetched(&offer.token, worker);
                        }
                        return Ok(offer);
                    }
                    Err(RunnerError::NotWaiting { .. }) => drop(delivery.end()),
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Ends the open polls of an activity by a worker, without a task.
    pub fn end_polls(&self, activity: &str, worker: &str) {
        self.offers.end_polls(activity, worker);
    }

    /// Whether the attempt that a task token identifies still waits.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn is_waiting(&self, token: &TaskToken) -> Result<bool, RunnerError> {
        let row = self.store.frame(&token.execution, token.frame)?;
        Ok(row.is_some_and(|row| {
            let is_current = (row.visit, row.attempt) == (token.visit, token.attempt);
            is_current && matches!(row.frame_state, FrameState::Task { .. })
        }))
    }

    /// Answers the Task that a task token identifies. Returns whether it still waited. `by` is written into the journal.
    ///
    /// # Errors
    /// The store fails.
    pub async fn answer_task(
        &self,
        token: &TaskToken,
        answer: Result<Value, ErrorAndCause>,
        by: Option<Signaller>,
    ) -> Result<bool, RunnerError> {
        self.offers.reported(token, true);
        let TaskToken { execution, frame, visit, attempt } = token.clone();
        self.input_for_task(token, execution, Input::Signalled { frame, visit, attempt: Some(attempt), answer, by })
            .await
    }

    /// Records a heartbeat from the holder of a task. Returns whether the task still waits.
    ///
    /// # Errors
    /// The store fails.
    pub async fn heartbeat(&self, token: &TaskToken) -> Result<bool, RunnerError> {
        self.offers.reported(token, false);
        let TaskToken { execution, frame, visit, attempt } = token.clone();
        self.input_for_task(token, execution, Input::Heartbeat { frame, visit, attempt }).await
    }

    async fn input_for_task(&self, token: &TaskToken, id: String, input: Input) -> Result<bool, RunnerError> {
        if !self.is_waiting(token)? {
            return Ok(false);
        }
        match self.ask(|reply| Message::Input { id, input, reply }).await {
            Ok(()) => Ok(true),
            Err(RunnerError::NotWaiting { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Changes the limits of a map run. Does nothing if the run has ended.
    ///
    /// # Errors
    /// There is no such execution, or the store fails.
    pub async fn update_map_run(&self, id: &str, run: u64, limits: MapRunLimits) -> Result<(), RunnerError> {
        self.ask(|reply| Message::Input { id: id.to_owned(), input: Input::UpdateMapRun { run, limits }, reply }).await
    }

    /// Cancels an execution and abandons its calls in flight. A program is ended. Another call may complete, but its result is
    /// discarded.
    ///
    /// # Errors
    /// There is no such execution, or the store fails.
    pub async fn cancel(&self, id: &str, error: &str, cause: &str) -> Result<(), RunnerError> {
        let input = Input::Cancel { error: error.to_owned(), cause: cause.to_owned() };
        self.ask(|reply| Message::Input { id: id.to_owned(), input, reply }).await
    }

    /// Makes no more calls for an execution, and cancels it when those in flight have answered. An execution that this runner does not
    /// drive is cancelled at once.
    ///
    /// # Errors
    /// There is no such execution, or the store fails.
    pub async fn cancel_after_calls(&self, id: &str, error: &str, cause: &str) -> Result<(), RunnerError> {
        let input = Input::CancelAfterCalls { error: error.to_owned(), cause: cause.to_owned() };
        self.ask(|reply| Message::Input { id: id.to_owned(), input, reply }).await
    }

    /// Fails an execution when it enters its next state.
    ///
    /// # Errors
    /// There is no such execution, or the store fails.
    pub async fn end_next(&self, id: &str, error: &str, cause: &str) -> Result<(), RunnerError> {
        let input = Input::EndNext { error: error.to_owned(), cause: cause.to_owned() };
        self.ask(|reply| Message::Input { id: id.to_owned(), input, reply }).await
    }

    /// Follows the events of an execution from a sequence on.
    pub fn follow(&self, id: &str, from_sequence: u64) -> Follow {
        let messages = self.threads.messages.clone();
        Follow::new(id.to_owned(), from_sequence, self.store.clone(), subscribe(&self.events), messages)
    }

    /// The headers of executions that end or pause from now on. A receiver that lags by thousands gets the channel's error.
    pub fn settled(&self) -> broadcast::Receiver<Arc<ExecutionHeader>> {
        subscribe(&self.settled)
    }

    /// Deletes those of the executions that have ended, in one batch, with the documents that `documents` names for each. Returns how many
    /// were deleted. Blocks the dispatcher, so that no execution is redriven during the deletion: pass a few hundred at a time.
    ///
    /// # Errors
    /// The store fails.
    pub async fn delete_ended(
        &self,
        ids: Vec<String>,
        documents: impl Fn(&str) -> Vec<String> + Send + 'static,
    ) -> Result<usize, RunnerError> {
        self.ask(|reply| Message::DeleteEnded { ids, documents: Box::new(documents), reply }).await
    }

    /// Waits for an answer of the dispatcher: without end while the dispatcher is blocked, and not at all if it has stopped.
    pub async fn ping(&self) {
        let (reply, answer) = oneshot::channel();
        if self.threads.messages.send(Message::Ping { reply }).is_ok() {
            let _ = answer.await;
        }
    }

    /// Filters these executions for those that this runner drives.
    pub async fn driven(&self, ids: Vec<String>) -> Vec<String> {
        let (reply, answer) = oneshot::channel();
        if self.threads.messages.send(Message::Driven { ids, reply }).is_err() {
            return Vec::new();
        }
        answer.await.unwrap_or_default()
    }

    /// Whether an execution is still driven of which a call was declined ([`crate::step::Registries::declines`]). It is released when its
    /// other calls have ended.
    pub async fn has_declined(&self) -> bool {
        let (reply, answer) = oneshot::channel();
        self.threads.messages.send(Message::HasDeclined { reply }).is_ok() && answer.await.unwrap_or(false)
    }

    /// Waits, without a limit, until no execution has a call in flight, and from that moment makes no new calls. Until then the runner
    /// drives its executions. Call [`RunnerHandle::drain`] next. Returns at once if the runner has stopped.
    pub async fn wait_for_calls(&self) {
        loop {
            let (reply, answer) = oneshot::channel();
            let asked = self.threads.messages.send(Message::DrainWithoutCalls { reply });
            if asked.is_err() || answer.await.unwrap_or(true) {
                return;
            }
            tokio::time::sleep(CALLS_CHECK_INTERVAL).await;
        }
    }

    /// Stops the runner. No new calls are made; those in flight have up to `limit` to answer and to be recorded. Then the runner's threads
    /// move the store's log into its index, end, and release the store. Waiting executions continue in the next runner, which also repeats
    /// the unanswered calls.
    ///
    /// Afterwards only handles, [`Follow`]s and the caller's own references hold the store: drop them and call [`Store::close`].
    /// Returns at most 40 seconds after `limit`, even if the disk does not respond.
    pub async fn drain(&self, limit: Duration) -> Drained {
        let (reply, answer) = oneshot::channel();
        let mut unanswered = 0;
        if self.threads.messages.send(Message::Drain { limit, reply }).is_ok() {
            let answer_max = limit.saturating_add(COMMITS_WAIT_MAX);
            unanswered = tokio::time::timeout(answer_max, answer).await.map_or(0, Result::unwrap_or_default);
        }
        Drained { unanswered, has_ended: self.threads.ended(ENDING_MAX).await }
    }
}

/// A receiver of the messages that are sent from now on. If the runner has stopped, it receives none.
fn subscribe<T: Clone>(events: &broadcast::WeakSender<T>) -> broadcast::Receiver<T> {
    events.upgrade().map_or_else(|| broadcast::channel(1).1, |events| events.subscribe())
}
