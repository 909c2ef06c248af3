//! Watches an execution until it ends, pauses, waits or is interrupted, whichever process drives it.

mod follow;
mod second_signal;

use std::{sync::Arc, time::Duration};

use api::{
    flow::{
        DescribeExecutionResponse, EntriesRequest, EstimateTimeLeft, ExecutionIdRequest, GetEntries, MarkShown,
        MarkShownRequest, Needs, NextDue,
    },
    view::{Typical, View},
};
use engine::{
    machine::ExecutionStatus,
    runner::{Clock, RunnerEvent},
};

use self::follow::{Follower, Stop};
use super::outage::Outage;
use crate::{
    checks::worker_variables,
    clock,
    exit::{CliError, Exit},
    global::Global,
    interrupt,
    owner::{self, Handle},
    proposed::{OPTIONS, quote_id, remember_worker_variables},
    ui::{display::Display, display_status::display_status, next, output, stopped},
};

/// The duration of a `--no-wait` without a value.
pub const NO_WAIT_DEFAULT: &str = "10s";

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
    /// The next due event of the execution.
    pub due: Option<NextDue>,
    /// The process or service that drives it, if it is not this process; for messages.
    pub owner: Option<String>,
    /// The exit code.
    pub exit: Exit,
    /// After a signal: what this process finished, what waits and how to continue. It is printed last.
    pub last_line: Option<String>,
}

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
    remember_worker_variables(|| worker_variables(&before.definition));
    let (view, clock) = (before.view.clone(), clock::of(handle.home()));
    let mut watching = RunningWatch { handle, id, watch, outage, before, view, clock, display };
    let stop = watching.follow().await?;
    let (called, seen_sequence) = (stopped::in_flight(&watching.view), watching.view.last_sequence);
    let asked = match stop {
        Stop::Asked(exit) => {
            second_signal::prepare(handle, watch, &watching.view, &called).await;
            stop_driving(handle, watch, &mut watching.view, &called, watching.display).await?;
            Some(exit)
        }
        Stop::Settled | Stop::Asleep => None,
    };
    watching.finish(asked, &called, seen_sequence).await
}

/// A watch that has begun.
struct RunningWatch<'w> {
    handle: &'w Handle,
    id: &'w str,
    watch: Watch,
    outage: Outage,
    /// The execution when the watch began.
    before: DescribeExecutionResponse,
    /// The view with the entries that are shown.
    view: View,
    clock: Arc<dyn Clock>,
    display: &'w mut Display,
}

impl RunningWatch<'_> {
    /// Follows the execution at one owner after another until there is a reason to stop.
    async fn follow(&mut self) -> Result<Stop, CliError> {
        let (handle, watch, known_sequence) = (self.handle, self.watch, self.before.execution.last_sequence);
        let at_step_functions = handle.at_step_functions().await.is_some();
        self.display.begin(&self.view);
        if watch.no_wait.is_some() {
            self.display.ask_at_end();
        }
        second_signal::prepare(handle, watch, &self.view, &[]).await;
        loop {
            let shown_sequence = self.view.last_sequence;
            let mut follow = Follower::begin(watch, at_step_functions, known_sequence, shown_sequence, &*self.clock);
            let found = match follow.until_stop(handle, &mut self.view, &mut self.outage, self.display).await {
                Ok(Some(stop)) => return Ok(stop),
                Ok(None) => handle.take_over(self.id, watch.no_wait).await,
                Err(error) => Err(error),
            };
            found.map_err(|error| self.with_end(error))?;
        }
    }

    /// Reads the execution as it is after the watch and records what was shown. `asked`: the exit code of the signal that ended the watch.
    /// `called`: the states whose calls were in flight at that signal. `seen_sequence`: the last entry that was shown before it.
    async fn finish(mut self, asked: Option<Exit>, called: &[String], seen_sequence: u64) -> Result<Watched, CliError> {
        let (handle, is_alone) = (self.handle, !self.watch.is_one_of_many);
        // After SIGHUP nobody sees what this process prints.
        let seen = |exit: Exit| if exit == Exit::HungUp { seen_sequence } else { self.view.last_sequence };
        let displayed = asked.filter(|_| is_alone).map(seen);
        let described = self.outage.describe(handle, false).await;
        let described = described.map_err(|error| self.with_end(error))?;
        let DescribeExecutionResponse { execution, frames, view, driven, .. } = described;
        let exit = ended(&view).or(asked).unwrap_or(Exit::Waiting);
        let (is_remote, now_ms) = (handle.is_remote().await, self.clock.now_ms());
        let last_line = match asked.filter(|_| is_alone) {
            Some(_) => stopped::last_line(&execution, is_remote, &view, called, now_ms),
            None => None,
        };
        // This process is about to stop driving its executions.
        let driven = driven && (is_remote || exit == Exit::Success);
        let is_unseen_end = asked == Some(Exit::HungUp) && execution.status != ExecutionStatus::Running;
        if view.last_sequence > self.before.view.last_sequence && !is_unseen_end {
            let sequence = displayed.unwrap_or(view.last_sequence);
            let request = MarkShownRequest { id: self.id.to_owned(), sequence, continues: false };
            handle.call::<MarkShown>(request).await?;
        }
        let needs_are_news = view.needs_more_than(&self.before.view);
        let (needs, due) =
            (Needs::of(self.id, &frames, execution.deadline_ms), NextDue::of(&frames, execution.deadline_ms));
        let display_status = display_status(&execution, driven, needs.as_ref(), self.clock.now_ms());
        let owner = if driven { handle.owner_elsewhere().await } else { None };
        Ok(Watched { display_status, needs_are_news, due, owner, exit, last_line, view })
    }

    /// Returns the error that ends the watch. If it is that of a signal, which arrived while the next owner or a service was awaited,
    /// prints the last line of the display first.
    fn with_end(&mut self, error: CliError) -> CliError {
        if error.exit.is_of_signal() {
            let now_ms = self.clock.now_ms();
            // Only a service drives the execution now.
            let display_status = display_status(&self.before.execution, self.outage.is_at_service(), None, now_ms);
            self.display.stop(&self.view, display_status, now_ms);
        }
        error
    }
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

/// The times that the states took in earlier executions. Empty for an owner of an earlier version and for Step Functions.
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
        say_that_it_stops(handle, view).await;
    }
    let shown: &[String] = if watch.is_one_of_many { &[] } else { called };
    drain(handle, view, shown, display).await;
    if !watch.is_one_of_many && !handle.is_remote().await {
        show_rest(handle, view, display).await?;
    }
    Ok(())
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
            view.apply_event(&event);
            display.event(view, &event);
        }
    }
}

/// After a signal, prints what happens next and how to stop immediately.
async fn say_that_it_stops(handle: &Handle, view: &View) {
    let id = &view.id;
    match handle.owner_elsewhere().await {
        Some(owner) => {
            let quoted_id = quote_id(id);
            let message = format!("stopped watching; {id} continues in {owner}");
            interrupt::at_second_signal(stopped::StopMessage::without_command(message));
            report!("\nflow: {id} continues in {owner}. Watch it with   flow status {quoted_id} --watch{OPTIONS}")
        }
        // What a second signal says was set before.
        None => report!("\nflow: {}. Nothing is lost: flow resume {}{OPTIONS}", owner::no_new_calls(), quote_id(id)),
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

/// Shows the end of a watch on its display.
pub fn show_end(global: &Global, handle: &Handle, watched: &Watched, display: &mut Display) {
    let now_ms = clock::of(handle.home()).now_ms();
    let worth_saying = !global.quiet
        || (watched.exit == Exit::Waiting && display.lacks_worker(&watched.view, now_ms))
        || matches!(watched.exit, Exit::Failed | Exit::Refused)
        || watched.needs_are_news
        || (watched.exit == Exit::Success && !watched.view.changed_nothing());
    if global.quiet && watched.exit == Exit::Waiting && worth_saying {
        display.needs(&watched.view, watched.display_status, now_ms);
    } else if worth_saying {
        display.end(&watched.view, watched.display_status, now_ms);
    } else {
        display.record_end(&watched.view, watched.display_status, now_ms);
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
