//! The message of a process that has stopped after a signal: the calls that it finished, the states that wait, and the command that
//! continues.

use api::view::{StateStatus, StateView, View};
use engine::{
    journal::StateType,
    machine::{ExecutionHeader, ExecutionStatus},
};

use super::{display_status::display_status, lines::title, text::with_full_stop};
use crate::proposed::{OPTIONS, quote_id};

/// The most states, calls or executions that are named of each kind.
const NAMED_MAX: usize = 5;

/// The message of a process that has stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopMessage {
    /// The outcome of the stop, in sentences.
    pub words: String,
    /// The command that continues it; `None` if nothing was stopped.
    pub command: Option<String>,
}

impl StopMessage {
    /// A message of a process whose end stops nothing.
    pub fn without_command(words: impl Into<String>) -> Self {
        StopMessage { words: words.into(), command: None }
    }

    fn with_command(words: String, command: String) -> Self {
        StopMessage { words, command: Some(command) }
    }

    /// Names the calls that are broken off and that the command makes again.
    pub fn with_calls(mut self, calls: &[String]) -> Self {
        if self.command.is_some() && !calls.is_empty() {
            self.words.push_str(&format!(" The next resume calls again: {}.", listed(calls)));
        }
        self
    }
}

impl std::fmt::Display for StopMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words)?;
        match &self.command {
            Some(command) => write!(f, " To continue:   {command}"),
            None => Ok(()),
        }
    }
}

/// The last line of a process that a signal has ended; `None` if another process continues to drive the execution.
pub fn last_line(
    execution: &ExecutionHeader,
    is_remote: bool,
    view: &View,
    called: &[String],
    now_ms: u64,
) -> Option<String> {
    if execution.status != ExecutionStatus::Running {
        let status = display_status(execution, false, None, now_ms);
        return Some(format!("{} ended before this process stopped: {status}", execution.id));
    }
    (!is_remote).then(|| message(view, called))
}

/// The paths of the states whose calls are in flight.
pub fn in_flight(view: &View) -> Vec<String> {
    let is_called = |state: &&StateView| {
        state.state_type == StateType::Task && state.called && !state.answered && state.status == StateStatus::Running
    };
    view.active().filter(is_called).map(|state| state.path.clone()).collect()
}

/// The outcomes of the calls that were in flight at the signal, the states that wait, and the command that continues.
pub fn message(view: &View, called: &[String]) -> String {
    let unanswered = in_flight(view);
    let is_unanswered = |path: &&str| unanswered.iter().any(|other| other == path);
    let finished = called.iter().map(String::as_str).filter(|path| !is_unanswered(path));
    let waits = view.active().filter(|state| state.failure().is_none()).map(|state| state.path.as_str());
    let parts = [
        ("Finished and recorded", names(view, finished.collect())),
        ("No answer yet", names(view, unanswered.iter().map(String::as_str).collect())),
        ("Waits", names(view, waits.filter(|path| !is_unanswered(path)).collect())),
    ];
    let mut message = "stopped.".to_owned();
    for (what, names) in parts {
        if !names.is_empty() {
            message.push_str(&with_full_stop(&format!(" {what}: {names}")));
        }
    }
    StopMessage::with_command(message, resume(view)).to_string()
}

/// The line below a tree while the calls that were in flight at a signal end.
pub fn awaited(view: &View, called: &[String]) -> String {
    let calls = names(view, called.iter().map(String::as_str).collect());
    format!("Stopping: waits for {calls}; Ctrl-C again ends at once")
}

/// The fate of the calls in flight if a second signal ends the process at once, and the command that continues.
pub fn message_at_once(view: &View, called: &[String]) -> StopMessage {
    let calls = names(view, called.iter().map(String::as_str).collect());
    let again =
        if calls.is_empty() { calls } else { with_full_stop(&format!(" The next resume calls again: {calls}")) };
    StopMessage::with_command(format!("stopped at once.{again}"), resume(view))
}

/// The calls in flight of one execution of several: its id and each state.
pub fn calls_of(view: &View, called: &[String]) -> Vec<String> {
    called.iter().map(|path| format!("{} ({})", title(view, path), view.id)).collect()
}

/// The executions of a `flow resume --all` that have not ended, and the command that continues them.
pub fn message_of_all(ids: &[String]) -> StopMessage {
    of_several(format!("stopped. Not ended: {}.", listed(ids)))
}

/// The message of a process that drives several executions, with the command that continues all of them.
pub fn of_several(words: String) -> StopMessage {
    StopMessage::with_command(words, format!("flow resume --all{OPTIONS}"))
}

fn resume(view: &View) -> String {
    format!("flow resume {}{OPTIONS}", quote_id(&view.id))
}

fn names(view: &View, paths: Vec<&str>) -> String {
    let titles: Vec<String> = paths.into_iter().map(|path| title(view, path)).collect();
    listed(&titles)
}

/// The first names, and how many more there are.
fn listed(all: &[String]) -> String {
    let more = all.len().saturating_sub(NAMED_MAX);
    let first = all.iter().take(NAMED_MAX).cloned();
    let names: Vec<String> = first.chain((more > 0).then(|| format!("{more} more"))).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use engine::journal::HistoryEventDetails;

    use super::*;
    use crate::ui::story::{Story, sections};

    fn scheduled(name: &str) -> HistoryEventDetails {
        HistoryEventDetails::TaskScheduled {
            name: name.into(),
            resource: "flow:process:run".into(),
            parameters: Default::default(),
            timeout_seconds: None,
            heartbeat_seconds: None,
            role_arn: None,
        }
    }

    #[test]
    fn a_stop_names_what_was_finished_what_waits_and_how_to_continue() {
        let mut story = Story::new("release-7k3f", &sections(&["Build", "Deploy"]));
        story.enter(0.0, "", StateType::Task, "Build").event(0.0, "", scheduled("Build"));
        let called = in_flight(&story.view);
        assert_eq!(called, ["Build"]);
        let line = awaited(&story.view, &called);
        assert_eq!(line, "Stopping: waits for Build; Ctrl-C again ends at once");
        let said = message(&story.view, &called);
        assert_eq!(said, "stopped. No answer yet: Build. To continue:   flow resume release-7k3f");
        assert_eq!(calls_of(&story.view, &called), ["Build (release-7k3f)"]);
        let said = message_at_once(&story.view, &called).to_string();
        let expected = "stopped at once. The next resume calls again: Build. To continue:   flow resume release-7k3f";
        assert_eq!(said, expected);
        story.exit(2.0, "", StateType::Task, "Build").enter(2.0, "", StateType::Task, "Deploy");
        let said = message(&story.view, &called);
        let expected = "stopped. Finished and recorded: Build. Waits: Deploy. To continue:   flow resume release-7k3f";
        assert_eq!(said, expected);
    }

    #[test]
    fn a_stop_of_several_executions_names_those_that_have_not_ended() {
        let ids: Vec<String> = (1..=7).map(|number| format!("x-{number}")).collect();
        let expected = "stopped. Not ended: x-1, x-2. To continue:   flow resume --all";
        assert_eq!(message_of_all(&ids[..2]).to_string(), expected);
        let expected = "stopped. Not ended: x-1, x-2, x-3, x-4, x-5, 2 more. To continue:   flow resume --all";
        assert_eq!(message_of_all(&ids).to_string(), expected);
    }

    #[test]
    fn the_calls_that_a_stop_breaks_off_are_named_before_the_command_that_continues() {
        let stopped = message_of_all(&["one".to_owned()]);
        assert_eq!(stopped.clone().with_calls(&[]), stopped);
        let expected =
            "stopped. Not ended: one. The next resume calls again: Slow (one). To continue:   flow resume --all";
        assert_eq!(stopped.clone().with_calls(&["Slow (one)".to_owned()]).to_string(), expected);
        let many: Vec<String> = (0..7).map(|number| format!("S{number}")).collect();
        let said = stopped.with_calls(&many).to_string();
        assert!(said.contains("again: S0, S1, S2, S3, S4, 2 more. To continue:"), "{said}");
        let watched = StopMessage::without_command("stopped watching").with_calls(&many);
        assert_eq!(watched.to_string(), "stopped watching", "the calls of another process continue");
    }
}
