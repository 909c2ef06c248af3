//! Watches an execution until it ends, pauses, waits or is interrupted, whichever process drives it.

mod second_signal;

use std::time::{Duration, Instant};

use api::{
    flow::{
        DescribeExecutionResponse, EntriesRequest, EstimateTimeLeft, ExecutionIdRequest, GetEntries, MarkShown,
        MarkShownRequest, Needs, NextDue,
    },
    view::{Typical, View},
};
use engine::{
    machine::{ExecutionHeader, ExecutionStatus},
    runner::{Clock, RunnerEvent},
};

use super::outage::Outage;
use crate::{
    clock,
    exit::{CliError, Exit, store_failed},
    global::Global,
    interrupt,
    owner::{self, Handle, StreamError},
    proposed::OPTIONS,
    shell::quote_name,
    ui::{display::Display, display_status::display_status, next, output, stopped},
};

/// The duration of a `--no-wait` without a value.
pub const NO_WAIT_DEFAULT: &str = "10s";

/// The interval at which frames are read for what the journal does not record.
const FRAMES_INTERVAL: Duration = Duration::from_secs(2);

/// The interval at which a display records what it has shown. docs/operations.md promises that a crash loses at most a second of it.
const MARK_INTERVAL: Duration = Duration::from_millis(500);

/// Options of a watch.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    /// Stop (exit code 75) if nothing can proceed within this time; at Step Functions also if the history has nothing new for this time.
    pub no_wait: Option<Duration>,
    /// Whether several executions are watched at once. Their command then prints once what a signal does.
    pub is_one_of_many: bool,
}

/// The result of a watch.
pub struct Watched {
    /// The execution as it is now.
    pub view: View,
    /// Its status in one word, see [`display_status`].
    pub display_status: &'static str,
    /// Whether it needs something of a person that was not shown before.
    pub needs_are_news: bool,
    /// What is due next in it.
    pub due: Option<NextDue>,
    /// The process or service that drives it, if it is not this process; for messages.
    pub owner: Option<String>,
    /// The exit code.
    pub exit: Exit,
    /// After a signal: what this process finished, what waits and how to continue. It is printed last.
    pub last_line: Option<String>,
}

/// Why a watch stops.
enum Stop {
    Settled,
    Asleep,
    Asked(Exit),
}

/// The shortest time without a new event after which a watch with `--no-wait` ends: a service needs a moment between two events.
const QUIET_MIN: Duration = Duration::from_secs(1);

/// How long a display waits for what it reads beside the events.
const READ_MAX: Duration = Duration::from_millis(500);
/// An execution that ends within this time is shown without what takes long to read: the time left, and what only frames hold.
const SHORT_EXECUTION_MAX: Duration = Duration::from_millis(500);

/// Follows an execution from the last entry shown until there is a reason to stop, and records what was shown.
///
/// # Errors
/// The store fails, or its owner does not answer.
pub async fn watch(handle: &Handle, id: &str, watch: Watch, display: &mut Display) -> Result<Watched, CliError> {
    if !watch.is_one_of_many {
        handle.begin_watch(id);
    }
    let mut outage = Outage::of(handle, id, watch.no_wait).await;
    let before = outage.describe(handle, true).await?;
    let known_sequence = before.execution.last_sequence;
    let mut view = before.view.clone();
    let shown_before = view.last_sequence;
    let clock = clock::of(handle.home());
    let quiet_max = quiet_max(watch.no_wait, handle.at_step_functions().await.is_some());
    display.begin(&view);
    if watch.no_wait.is_some() {
        display.ask_at_end();
    }
    second_signal::prepare(handle, watch, &view, &[]).await;
    let stop = loop {
        let proceeded_ms = clock.now_ms();
        let marked = (view.last_sequence, Instant::now());
        let (frames_read, clock) = (None, &*clock);
        let mut follow = Follow { watch, proceeded_ms, quiet_max, known_sequence, frames_read, marked, clock };
        let found = match follow.until_stop(handle, (&mut view, &mut outage), display).await {
            Ok(Some(stop)) => break stop,
            Ok(None) => handle.take_over(id, watch.no_wait).await,
            Err(error) => Err(error),
        };
        let driven = outage.is_at_service();
        found.map_err(|error| with_end(error, (&before.execution, driven), (&view, clock.now_ms()), display))?;
    };
    let (called, seen_sequence) = (stopped::in_flight(&view), view.last_sequence);
    let asked = match stop {
        Stop::Asked(exit) => {
            second_signal::prepare(handle, watch, &view, &called).await;
            stop_driving(handle, watch, &mut view, &called, display).await?;
            Some(exit)
        }
        Stop::Settled | Stop::Asleep => None,
    };
    // After SIGHUP nobody sees what this process prints.
    let seen = |exit: Exit| if exit == Exit::HungUp { seen_sequence } else { view.last_sequence };
    let displayed = asked.filter(|_| !watch.is_one_of_many).map(seen);
    let described = outage.describe(handle, false).await;
    let driven = outage.is_at_service();
    let described =
        described.map_err(|error| with_end(error, (&before.execution, driven), (&view, clock.now_ms()), display))?;
    let DescribeExecutionResponse { execution, frames, view, driven, .. } = described;
    let exit = match ended(&view) {
        Some(exit) => exit,
        None => asked.unwrap_or(Exit::Waiting),
    };
    let is_remote = handle.is_remote().await;
    let is_last = asked.is_some() && !watch.is_one_of_many;
    let last_line =
        if is_last { stopped::last_line(&execution, is_remote, (&view, &called), clock.now_ms()) } else { None };
    // This process is about to stop driving its executions.
    let driven = driven && (is_remote || exit == Exit::Success);
    let is_unseen_end = asked == Some(Exit::HungUp) && execution.status != ExecutionStatus::Running;
    if view.last_sequence > shown_before && !is_unseen_end {
        let request =
            MarkShownRequest { id: id.to_owned(), sequence: displayed.unwrap_or(view.last_sequence), continues: false };
        handle.call::<MarkShown>(request).await?;
    }
    let needs_are_news = view.needs_more_than(&before.view);
    let (needs, due) = (Needs::of(id, &frames, execution.deadline_ms), NextDue::of(&frames, execution.deadline_ms));
    let display_status = display_status(&execution, driven, needs.as_ref(), clock.now_ms());
    let owner = if driven { handle.owner_elsewhere().await } else { None };
    Ok(Watched { display_status, needs_are_news, due, owner, exit, last_line, view })
}

/// Returns the error that ends a watch. If it is that of a signal, which arrived while the next owner or a service was awaited, prints the
/// last line of the display first. `driven`: a service drives the execution.
fn with_end(
    error: CliError,
    (known, driven): (&ExecutionHeader, bool),
    (view, now_ms): (&View, u64),
    display: &mut Display,
) -> CliError {
    if error.exit.is_of_signal() {
        display.stop(view, display_status(known, driven, None, now_ms), now_ms);
    }
    error
}

/// How long a watch with `--no-wait` continues without a new entry; `None` without a limit. Only Step Functions has a limit: on this
/// machine's engine a stop would end the call in flight, so the watch waits for its answer.
fn quiet_max(no_wait: Option<Duration>, at_step_functions: bool) -> Option<Duration> {
    no_wait.filter(|_| at_step_functions).map(|no_wait| no_wait.max(QUIET_MIN))
}

/// The exit code of an execution that has ended, also if it ended after a signal.
pub fn ended(view: &View) -> Option<Exit> {
    Some(match view.status {
        ExecutionStatus::Running => return None,
        ExecutionStatus::Succeeded => Exit::Success,
        // A check that precedes the first change refused the input.
        _ if was_refused(view) => Exit::Refused,
        _ => Exit::Failed,
    })
}

/// Whether the execution ended because a step refused its input, without any change.
fn was_refused(view: &View) -> bool {
    view.changed_nothing() && view.was_refused()
}

/// How long the states took in earlier executions. An owner of an earlier version and Step Functions do not say.
pub async fn typical(handle: &Handle, id: &str) -> Typical {
    let request = ExecutionIdRequest { id: id.to_owned() };
    handle.call::<EstimateTimeLeft>(request).await.map_or_else(|_| Typical::default(), |estimate| estimate.typical)
}

/// After a signal, waits for the calls in flight and shows what they recorded. `called`: the states of these calls.
async fn stop_driving(
    handle: &Handle,
    watch: Watch,
    view: &mut View,
    called: &[String],
    display: &mut Display,
) -> Result<(), CliError> {
    if !watch.is_one_of_many {
        display.clear();
        say_that_it_stops(handle, view, called).await;
    }
    let shown: &[String] = if watch.is_one_of_many { &[] } else { called };
    drain(handle, view, shown, display).await;
    if !watch.is_one_of_many && !handle.is_remote().await {
        show_rest(handle, view, display).await?;
    }
    Ok(())
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

/// Shows the entries that were recorded after the last one that is shown: those of the calls that were in flight at a signal.
async fn show_rest(handle: &Handle, view: &mut View, display: &mut Display) -> Result<(), CliError> {
    loop {
        let request = EntriesRequest { id: view.id.clone(), from_sequence: view.last_sequence + 1 };
        let entries = handle.call::<GetEntries>(request).await?.entries;
        if entries.is_empty() {
            return Ok(());
        }
        for entry in entries {
            let event = RunnerEvent::Entry { execution: view.id.clone(), entry };
            view.see(&event);
            display.event(view, &event);
        }
    }
}

/// After a signal, prints what happens next and how to stop immediately. `called`: the states whose calls are in flight.
async fn say_that_it_stops(handle: &Handle, view: &View, called: &[String]) {
    let id = &view.id;
    match handle.owner_elsewhere().await {
        Some(owner) => {
            let quoted_id = quote_name(id);
            interrupt::at_second_signal(format!("stopped watching; {id} continues in {owner}"));
            report!("\nflow: {id} continues in {owner}. Watch it with   flow status {quoted_id} --watch{OPTIONS}")
        }
        None => {
            interrupt::at_second_signal(stopped::message_at_once(view, called));
            report!("\nflow: {}. Nothing is lost: flow resume {}{OPTIONS}", owner::no_new_calls(), quote_name(id))
        }
    }
}

/// Waits until the calls in flight at a signal have ended. Meanwhile the tree shows which they are, `called`; nothing without any.
async fn drain(handle: &Handle, view: &View, called: &[String], display: &Display) {
    let mut draining = std::pin::pin!(handle.drain());
    if called.is_empty() {
        return draining.await;
    }
    let last_line = stopped::awaited(view, called);
    let mut tick = tokio::time::interval(display.tick_interval());
    loop {
        tokio::select! {
            biased;
            () = &mut draining => break,
            _ = tick.tick() => display.tick_stopping(view, &last_line),
        }
    }
    display.clear();
}

struct Follow<'c> {
    watch: Watch,
    /// When the last entry arrived, or the watch started.
    proceeded_ms: u64,
    /// How long the history may have nothing new; `None` without a limit.
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

impl Follow<'_> {
    /// Follows until there is a reason to stop. Returns `None` if the owner of the store has ended, or does not drive the execution any
    /// more because it cannot act for it.
    async fn until_stop(
        &mut self,
        handle: &Handle,
        (view, outage): (&mut View, &mut Outage),
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
                    view.see(&event);
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

    /// Updates what depends on time: the display, and what is read beside the events.
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
            view.see_due_times(&described.frames);
            view.see_due_times_of(&described.view);
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

/// Shows the end of a watch on its display.
pub fn show_end(global: &Global, handle: &Handle, watched: &Watched, display: &mut Display) {
    let worth_saying = !global.quiet
        || matches!(watched.exit, Exit::Failed | Exit::Refused)
        || watched.needs_are_news
        || (watched.exit == Exit::Success && !watched.view.changed_nothing());
    if global.quiet && watched.exit == Exit::Waiting && worth_saying {
        display.needs(&watched.view, watched.display_status, clock::of(handle.home()).now_ms());
    } else if worth_saying {
        display.end(&watched.view, watched.display_status, clock::of(handle.home()).now_ms());
    } else {
        display.record_end(&watched.view, watched.display_status, clock::of(handle.home()).now_ms());
    }
    if let Some(last_line) = &watched.last_line {
        crate::out::flush();
        report!("flow: {last_line}");
    }
}

/// Shows how an execution that waits continues. A paused one has said that already.
pub fn show_how_to_continue(watched: &Watched, now_ms: u64) {
    let Watched { view, due, owner, .. } = watched;
    if !view.paused {
        say!("{}", next::continues_later(&view.id, owner.as_deref(), view.awaits_answer(now_ms), *due, now_ms));
    }
}

/// Shows the output of a successful execution; nothing if it is null or empty. Its lines are not wrapped, so that they can be copied.
pub fn show_output(view: &View) {
    let lines = output::lines(view);
    if !lines.is_empty() {
        say!();
    }
    lines.iter().for_each(|line| say_raw!("{line}"));
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
        let follow = Follow {
            watch: Watch { no_wait, is_one_of_many: false },
            proceeded_ms: 5_000,
            quiet_max: quiet_max(no_wait, at_step_functions),
            known_sequence: 0,
            frames_read: None,
            marked: (0, Instant::now()),
            clock: &At(now_ms),
        };
        follow.is_over()
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
