//! `flow status ID --watch`: the displays of `flow run`, for an execution that any process drives.

use std::{sync::Arc, time::Duration};

use api::{
    flow::{DescribeExecutionResponse, EntriesRequest, GetEntries, NextDue},
    view::View,
};
use engine::{
    machine::ExecutionStatus,
    runner::{Clock, RunnerEvent},
};
use tokio::time::Instant;

use super::{
    environment_line, needs_of, resume_variables,
    state::{self, Visits},
};
use crate::{
    checks::state_names,
    clock,
    commands::{
        answered::end_was_shown,
        outage::Outage,
        watch::{Watched, ended, show_end, show_output, typical},
    },
    exit::{CliError, Exit},
    global::{Global, Output},
    home::Home,
    interrupt, out,
    owner::Handle,
    proposed::{OPTIONS, quote_id},
    shell::quote_name,
    ui::{
        display::Display, display_status::display_status, next::awaited, record, status::continues,
        stopped::StopMessage, summary,
    },
};

/// The pause between two polls.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The message of a second signal: a watch drives nothing.
const STOPPED_AT_ONCE: &str = "stopped watching; the execution is not affected";

/// Shows an execution from its first entry until it ends. With the name or path of a state, only what that state does; files beside the
/// display are the same.
///
/// # Errors
/// No owner answers, or the execution has no such state.
pub async fn watch(global: &Global, handle: Handle, id: &str, state: Option<&str>) -> Result<Exit, CliError> {
    let home = handle.home().clone();
    let clock = clock::of(&home);
    let display = match state {
        Some(_) => Display::none(clock.clone()),
        None => Display::new(global, clock.clone()),
    };
    let (visits, last) = (Visits::default(), String::new());
    let mut watching = Watching { global, id, state, visits, last, display, clock, folded: None, described: None };
    // A signal ends the watch, not the process: the last line is recorded first.
    let _orderly = interrupt::Orderly::begin();
    interrupt::at_second_signal(StopMessage::without_command(STOPPED_AT_ONCE));
    let mut outage = Outage::of(&handle, id, None).await;
    let mut kept = Some(handle);
    loop {
        let next_poll = match watching.poll_at_owner(kept.take(), &home).await {
            Poll::Described(handle, status) => {
                outage.end();
                if status.execution.stopped_ms.is_some() {
                    return Ok(watching.end(&handle, &status).await);
                }
                // Closes a store that no process drives during the pause, so that another process can open it.
                let at_step_functions = handle.at_step_functions().await.is_some();
                kept = at_step_functions.then_some(handle);
                Instant::now() + POLL_INTERVAL
            }
            Poll::Failed(handle, error) => {
                // After a signal no owner answered in time, or at all: the watch ends with what it knows.
                if let Some(exit) = interrupt::received().filter(|_| watching.described.is_some()) {
                    return Ok(watching.stop(exit));
                }
                kept = handle;
                outage.next_call_at(error)?
            }
        };
        if let Some(exit) = watching.pause(next_poll).await {
            return Ok(watching.stop(exit));
        }
        if is_for_nobody() {
            return Ok(unread());
        }
    }
}

/// The result of a poll, with the handle to which it was made.
enum Poll {
    Described(Handle, Arc<DescribeExecutionResponse>),
    /// The handle is missing if none could be opened, or a signal ended the poll.
    Failed(Option<Handle>, CliError),
}

struct Watching<'w> {
    global: &'w Global,
    id: &'w str,
    /// The name or path of the states that are shown instead of the execution.
    state: Option<&'w str>,
    /// The last visits of these states.
    visits: Visits,
    /// The lines that were last shown of them.
    last: String,
    display: Display,
    clock: Arc<dyn Clock>,
    /// The view with the entries that were shown: a line depends on the earlier ones.
    folded: Option<View>,
    /// The execution as it was described last, also if the poll that described it did not end.
    described: Option<Arc<DescribeExecutionResponse>>,
}

impl Watching<'_> {
    /// Shows what is new. `kept` is the handle of the previous poll, if it can be used again.
    async fn poll_at_owner(&mut self, kept: Option<Handle>, home: &Home) -> Poll {
        let poll = async {
            let handle = match kept {
                Some(handle) => handle,
                None => Handle::read(home).await?,
            };
            let status = self.poll(&handle).await;
            Ok::<_, CliError>((handle, status))
        };
        match interrupt::confirmed(poll, interrupt::nothing_begun).await {
            Ok((handle, Ok(status))) => Poll::Described(handle, status),
            Ok((handle, Err(error))) => Poll::Failed(Some(handle), error),
            Err(error) => Poll::Failed(None, error),
        }
    }

    /// Shows what is new.
    async fn poll(&mut self, handle: &Handle) -> Result<Arc<DescribeExecutionResponse>, CliError> {
        let status = Arc::new(handle.describe(self.id, false).await?);
        // A signal may end this poll once it has shown entries: the last line of the watch follows them.
        self.described = Some(status.clone());
        self.show_entries(handle, &status).await?;
        if let Some(state) = self.state {
            self.show_state(handle, &status, state).await?;
        } else if status.execution.stopped_ms.is_none() {
            if self.display.wants_time_left() {
                self.display.set_typical(typical(handle, self.id).await);
            }
            let display_status = self.display_status(&status);
            let owner = handle.owner_elsewhere().await;
            let last_lines = self.last_lines(&status, display_status, owner.as_deref());
            self.display.set_status(display_status, last_lines);
            self.display.tick(&status.view);
        }
        Ok(status)
    }

    /// Shows the entries that are new.
    async fn show_entries(&mut self, handle: &Handle, status: &DescribeExecutionResponse) -> Result<(), CliError> {
        let view = self.folded.get_or_insert_with(|| View::new(&status.execution, &status.definition));
        loop {
            let request = EntriesRequest { id: self.id.to_owned(), from_sequence: view.last_sequence + 1 };
            let entries = handle.call::<GetEntries>(request).await?.entries;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in entries {
                let event = RunnerEvent::Entry { execution: self.id.to_owned(), entry };
                view.apply_event(&event);
                self.display.event(view, &event);
            }
        }
    }

    /// Shows the states with a name or path, if that has changed.
    async fn show_state(
        &mut self,
        handle: &Handle,
        status: &DescribeExecutionResponse,
        state: &str,
    ) -> Result<(), CliError> {
        self.visits.update(handle, self.id, state).await?;
        let waits = status.execution.stopped_ms.is_none() && is_state(status, state);
        let lines = match state::lines(self.global, status, state, &self.visits, self.clock.now_ms()) {
            Err(error) if error.exit == Exit::NotFound && waits => not_entered(self.global, self.id, state),
            lines => lines?,
        };
        let shown = lines.join("\n");
        if shown != self.last {
            self.last = shown;
            lines.iter().for_each(|line| say_raw!("{line}"));
        }
        Ok(())
    }

    /// The lines about an execution that no process drives: how it continues, and the answers that are stored.
    fn last_lines(&self, status: &DescribeExecutionResponse, display_status: &str, owner: Option<&str>) -> Vec<String> {
        let DescribeExecutionResponse { execution, frames, view, .. } = status;
        let mut lines = summary::kept_answers(execution);
        let awaited = awaited(view, needs_of(execution, frames).as_ref());
        let due = NextDue::of(frames, execution.deadline_ms);
        let (variables, now_ms) = (resume_variables(status), self.clock.now_ms());
        if let Some(continues) = continues(execution, display_status, &variables, awaited, due, now_ms) {
            let environment = environment_line(view, display_status, owner);
            lines.extend(Some(environment).filter(|line| !line.is_empty()));
            lines.push(continues);
        }
        lines
    }

    fn display_status(&self, status: &DescribeExecutionResponse) -> &'static str {
        let DescribeExecutionResponse { execution, frames, driven, .. } = status;
        display_status(execution, *driven, needs_of(execution, frames).as_ref(), self.clock.now_ms())
    }

    /// Waits until the next poll, or until nobody reads any more. Returns the exit code if a signal arrives.
    async fn pause(&mut self, until: Instant) -> Option<Exit> {
        while !is_for_nobody() {
            let next = (Instant::now() + self.display.tick_interval()).min(until);
            tokio::select! {
                biased;
                exit = interrupt::requested() => return Some(exit),
                () = tokio::time::sleep_until(next) => {}
            }
            if next == until {
                break;
            }
            if let Some(status) = &self.described {
                self.display.tick(&status.view);
            }
        }
        None
    }

    /// Ends the watch after a signal. Prints a line about that, unless nothing is known of the execution. Returns the signal's exit code.
    fn stop(mut self, exit: Exit) -> Exit {
        if let Some(status) = self.described.take() {
            let (display_status, now_ms) = (self.display_status(&status), self.clock.now_ms());
            self.display.stop(&status.view, display_status, now_ms);
        }
        let Watching { global, id, state, display, .. } = self;
        // What is printed now is below the tree.
        drop(display);
        // After SIGHUP nobody sees what this process prints.
        if global.output == Output::Human && !global.quiet && exit != Exit::HungUp {
            out::flush();
            report!("flow: {}", watch_again(id, state));
        }
        exit
    }

    /// Shows the end of the execution, and records that it was shown.
    async fn end(&mut self, handle: &Handle, status: &DescribeExecutionResponse) -> Exit {
        let display_status = self.display_status(status);
        let succeeded = status.execution.status == ExecutionStatus::Succeeded;
        let view = status.view.clone();
        let exit = ended(&view).unwrap_or(if succeeded { Exit::Success } else { Exit::Failed });
        let (needs_are_news, due, owner, last_line) = (false, None, None, None);
        let watched = Watched { display_status, needs_are_news, due, owner, exit, last_line, view };
        if self.state.is_some() {
            self.display.record_end(&watched.view, display_status, self.clock.now_ms());
            return exit;
        }
        show_end(self.global, handle, &watched, &mut self.display);
        if exit == Exit::Success && self.global.output == Output::Human && !self.global.quiet {
            show_output(&watched.view);
        }
        // Without the record, the next `flow resume --all` reports the end once more: nobody has seen it if the terminal is closed.
        if interrupt::received() != Some(Exit::HungUp) {
            let _ = end_was_shown(handle, &status.execution).await;
        }
        exit
    }
}

/// The exit code of a watch that nobody reads. A terminal that closes also sends a signal.
fn unread() -> Exit {
    interrupt::received().unwrap_or(Exit::Failed)
}

/// The last line of a watch that a signal ended.
fn watch_again(id: &str, state: Option<&str>) -> String {
    let state = state.map_or_else(String::new, |state| format!(" --state {}", quote_name(state)));
    format!(
        "the watch has ended, and {id} is not affected. Watch it with   flow status {}{state} --watch{OPTIONS}",
        quote_id(id)
    )
}

/// Whether nobody reads what is shown, and nothing is recorded beside it.
fn is_for_nobody() -> bool {
    out::has_no_reader() && !record::is_beside_the_display()
}

/// Whether the definition has a state with this name, or with the last part of this path.
fn is_state(status: &DescribeExecutionResponse, state: &str) -> bool {
    let names = state_names(&status.definition);
    [state, state.rsplit('/').next().unwrap_or(state)].iter().any(|name| names.iter().any(|known| known == name))
}

/// The row of a state that is not entered yet.
fn not_entered(global: &Global, id: &str, state: &str) -> Vec<String> {
    match global.output {
        Output::Json => Vec::new(),
        Output::Human => vec![format!("{id} has not entered \"{state}\" yet")],
    }
}

#[cfg(test)]
mod tests {
    use super::watch_again;

    #[test]
    fn a_watch_that_a_signal_ended_says_how_to_watch_again() {
        assert!(watch_again("r 1", None).ends_with("Watch it with   flow status 'r 1' --watch"));
        assert!(watch_again("r-1", Some("Ask ann")).ends_with("flow status r-1 --state 'Ask ann' --watch"));
    }
}
