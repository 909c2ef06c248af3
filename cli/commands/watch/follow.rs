//! Follows an execution at one owner of the store, until there is a reason to stop or the owner ends.

use std::time::{Duration, Instant};

use api::{
    flow::{MarkShown, MarkShownRequest},
    view::View,
};
use engine::{
    machine::ExecutionStatus,
    runner::{Clock, RunnerEvent},
};

use super::{Outage, Watch, typical};
use crate::{
    exit::{CliError, Exit, store_failed},
    interrupt,
    owner::{Handle, StreamError},
    ui::display::Display,
};

/// The interval at which frames are read for what the journal does not record.
const FRAMES_INTERVAL: Duration = Duration::from_secs(2);

/// The interval at which a display records what it has shown. docs/operations.md promises that a crash loses at most a second of it.
const MARK_INTERVAL: Duration = Duration::from_millis(500);

/// The shortest time without a new event after which a watch with `--no-wait` ends: a service needs a moment between two events.
const QUIET_MIN: Duration = Duration::from_secs(1);

/// The time for which a display waits for data that it reads beside the events.
const READ_MAX: Duration = Duration::from_millis(500);
/// An execution that ends within this time is shown without data that takes long to read: the time left, and the data of frames.
const SHORT_EXECUTION_MAX: Duration = Duration::from_millis(500);

/// Why a watch stops.
pub enum Stop {
    /// The execution has ended or is paused.
    Settled,
    /// Nothing can proceed within the time of `--no-wait`.
    Asleep,
    /// A signal asked for the end of this process.
    Asked(Exit),
}

/// Follows an execution at one owner of the store.
pub struct Follower<'c> {
    watch: Watch,
    /// When the last entry arrived, or the watch started.
    proceeded_ms: u64,
    /// The time for which the history may have nothing new; `None` without a limit.
    quiet_max: Option<Duration>,
    /// The last sequence in the store when the watch started. Until the view has reached it, an end may have been
    /// followed by a redrive.
    known_sequence: u64,
    /// When frames were read last.
    frames_read: Option<tokio::time::Instant>,
    /// The last entry that is recorded as shown, and when it was recorded.
    marked: (u64, Instant),
    clock: &'c dyn Clock,
}

impl<'c> Follower<'c> {
    /// Begins to follow. `known_sequence` is the last one in the store, `shown_sequence` the last one that is recorded as shown.
    pub fn begin(
        watch: Watch,
        at_step_functions: bool,
        known_sequence: u64,
        shown_sequence: u64,
        clock: &'c dyn Clock,
    ) -> Self {
        Follower {
            watch,
            proceeded_ms: clock.now_ms(),
            quiet_max: quiet_max(watch.no_wait, at_step_functions),
            known_sequence,
            frames_read: None,
            marked: (shown_sequence, Instant::now()),
            clock,
        }
    }

    /// Follows until there is a reason to stop. Returns `None` if the owner of the store has ended, or does not drive the execution any
    /// more because it cannot act for it.
    pub async fn until_stop(
        &mut self,
        handle: &Handle,
        view: &mut View,
        outage: &mut Outage,
        display: &mut Display,
    ) -> Result<Option<Stop>, CliError> {
        let mut events = handle.follow(&view.id, view.last_sequence + 1, self.watch.no_wait).await?;
        let mut tick = tokio::time::interval(display.tick_interval());
        let mut mark = tokio::time::interval(MARK_INTERVAL);
        mark.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let began = Instant::now();
        let mut again_at: Option<tokio::time::Instant> = None;
        loop {
            tokio::select! {
                biased;
                exit = interrupt::requested() => return Ok(Some(Stop::Asked(exit))),
                () = tokio::time::sleep_until(again_at.unwrap_or_else(tokio::time::Instant::now)), if again_at.is_some() => {
                    again_at = tokio::select! {
                        biased;
                        exit = interrupt::requested() => return Ok(Some(Stop::Asked(exit))),
                        again_at = outage.call_again(handle) => again_at?,
                    };
                    if again_at.is_none() {
                        events = handle.follow(&view.id, view.last_sequence + 1, self.watch.no_wait).await?;
                    }
                }
                event = events.next(), if again_at.is_none() => {
                    let event = match event {
                        Ok(None | Some(RunnerEvent::Released { .. })) | Err(StreamError::Gone(_)) => return Ok(None),
                        Ok(Some(event)) => event,
                        Err(StreamError::Failed(error)) => {
                            again_at = Some(outage.next_call_at(error)?);
                            continue;
                        }
                    };
                    if let RunnerEvent::StoreFailed { message } = &event {
                        return Err(store_failed(message));
                    }
                    if matches!(event, RunnerEvent::Entry { .. }) {
                        self.proceeded_ms = self.clock.now_ms();
                    }
                    view.apply_event(&event);
                    display.event(view, &event);
                    if let Some(stop) = self.stop(view, &event) {
                        return Ok(Some(stop));
                    }
                    // While one event follows another, the timers below are not polled.
                    self.mark_shown(handle, view).await;
                }
                _ = mark.tick() => self.mark_shown(handle, view).await,
                _ = tick.tick() => {
                    self.update(handle, view, began, display).await;
                    if again_at.is_none() && self.is_over() && !is_behind(handle, view).await {
                        return Ok(Some(Stop::Asleep));
                    }
                }
            }
        }
    }

    /// Updates the parts that depend on time: the display, and the data that is read beside the events.
    async fn update(&mut self, handle: &Handle, view: &mut View, began: Instant, display: &mut Display) {
        // Reading takes longer than a short execution does.
        if began.elapsed() >= SHORT_EXECUTION_MAX {
            // An owner that does not answer is noticed by its stream.
            if display.wants_time_left() {
                let typical = tokio::time::timeout(READ_MAX, typical(handle, &view.id)).await;
                display.set_typical(typical.unwrap_or_default());
            }
            let _ = tokio::time::timeout(READ_MAX, self.read_frames(handle, view)).await;
        }
        // The lines of the entries that follow come first.
        if !(display.is_heartbeat_due() && is_behind(handle, view).await) {
            display.tick(view);
        }
    }

    /// Whether the history has had no new event for as long as `--no-wait` allows at Step Functions. Steps may be in progress: one that
    /// polls inside its worker writes no events.
    fn is_over(&self) -> bool {
        let quiet_ms = self.clock.now_ms().saturating_sub(self.proceeded_ms);
        self.quiet_max.is_some_and(|most| u128::from(quiet_ms) >= most.as_millis())
    }

    /// Records what was shown, so that after a crash of the owner the next display does not show it again. Several executions that are
    /// watched at once are shown only at their end.
    async fn mark_shown(&mut self, handle: &Handle, view: &View) {
        let (sequence, marked) = self.marked;
        if self.watch.is_one_of_many || view.last_sequence <= sequence || marked.elapsed() < MARK_INTERVAL {
            return;
        }
        self.marked = (view.last_sequence, Instant::now());
        let request = MarkShownRequest { id: view.id.clone(), sequence: view.last_sequence, continues: true };
        // An owner that does not answer is noticed by its stream. Without the record, a few lines are shown again.
        let _ = tokio::time::timeout(READ_MAX, handle.call::<MarkShown>(request)).await;
    }

    /// Reads what only frames record: when a Wait ends, and how far a distributed Map is.
    async fn read_frames(&mut self, handle: &Handle, view: &mut View) {
        let is_due = self.frames_read.is_none_or(|read| read.elapsed() >= FRAMES_INTERVAL);
        if !is_due || !view.lacks_frames() {
            return;
        }
        self.frames_read = Some(tokio::time::Instant::now());
        // Without an answer the display shows what the journal records until the next read.
        if let Ok(described) = handle.describe(&view.id, false).await {
            view.apply_due_times(&described.frames);
            view.apply_due_times_of(&described.view);
        }
    }

    fn stop(&self, view: &View, event: &RunnerEvent) -> Option<Stop> {
        let current = view.last_sequence >= self.known_sequence;
        if matches!(event, RunnerEvent::Settled { .. }) || (current && view.status != ExecutionStatus::Running) {
            return Some(Stop::Settled);
        }
        let RunnerEvent::Asleep { next_wake_ms, .. } = event else { return None };
        let limit_ms = self.watch.no_wait.filter(|_| current)?.as_millis() as u64;
        let now_ms = self.clock.now_ms();
        // Polls without a result are not progress: after the limit, the next poll is left to the next resume.
        let latest_ms = if now_ms.saturating_sub(self.proceeded_ms) < limit_ms { now_ms + limit_ms } else { now_ms };
        let proceeds = next_wake_ms.is_some_and(|next_wake_ms| next_wake_ms <= latest_ms);
        (!proceeds).then_some(Stop::Asleep)
    }
}

/// The time for which a watch with `--no-wait` continues without a new entry; `None` without a limit. Only Step Functions has a limit: on
/// this machine's engine a stop would end the call in flight, so the watch waits for its answer.
fn quiet_max(no_wait: Option<Duration>, at_step_functions: bool) -> Option<Duration> {
    no_wait.filter(|_| at_step_functions).map(|no_wait| no_wait.max(QUIET_MIN))
}

/// Whether Step Functions has entries that the stream has not returned yet: the stream polls every few seconds.
async fn is_behind(handle: &Handle, view: &View) -> bool {
    if handle.at_step_functions().await.is_none() {
        return false;
    }
    let described = tokio::time::timeout(READ_MAX, handle.describe(&view.id, false)).await;
    // Without an answer the display shows what it has.
    described.is_ok_and(|described| described.is_ok_and(|described| described.view.last_sequence > view.last_sequence))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct At(u64);

    impl Clock for At {
        fn now_ms(&self) -> u64 {
            self.0
        }

        fn real_duration_until(&self, _: u64) -> Duration {
            Duration::ZERO
        }
    }

    /// Whether a watch that has seen its last entry at 5 s is over at a time.
    fn is_over(no_wait: Option<u64>, at_step_functions: bool, now_ms: u64) -> bool {
        let no_wait = no_wait.map(Duration::from_secs);
        let watch = Watch { no_wait, is_one_of_many: false };
        let (begun, now) = (At(5_000), At(now_ms));
        let follow = Follower::begin(watch, at_step_functions, 0, 0, &begun);
        Follower { clock: &now, ..follow }.is_over()
    }

    #[test]
    fn at_step_functions_a_watch_that_does_not_wait_ends_after_a_time_without_news() {
        assert!(!is_over(Some(10), true, 14_999), "something may still proceed");
        assert!(is_over(Some(10), true, 15_000), "also while a worker polls a step");
        assert!(!is_over(Some(0), true, 5_500) && is_over(Some(0), true, 6_000), "a service needs a moment");
        assert!(!is_over(None, true, 900_000), "without --no-wait it waits");
        assert!(!is_over(Some(10), false, 900_000), "the call in flight would be broken off");
    }
}
