//! The display without a terminal: a line for each change, and heartbeat lines at growing intervals.

use std::collections::BTreeMap;

use api::view::{StateStatus, StateView, Typical, View, action_name};
use engine::{
    journal::{EntryContent, HistoryEvent, HistoryEventDetails, JournalEntry, Note, Signaller, StateType, state_path},
    runner::RunnerEvent,
    step::ChangeAction,
};

use super::{
    changes::id_and_name,
    next,
    text::{attempt_of, cause_or_error, clock, duration, duration_range, indented, moment, one_line},
    tree::{detail, foremost, groups, innermost_map},
};
use crate::proposed::{OPTIONS, quote_id};

/// The most states, or groups of them, that a heartbeat line names of each Map.
const HEARTBEAT_STATES_MAX: usize = 5;

/// The lines of an entry. The view has the entry folded in.
pub fn lines(view: &View, entry: &JournalEntry) -> Vec<String> {
    let at = clock(entry.timestamp_ms);
    let line = |what: &str, path: &str, rest: String| numbered(view, &at, (what, path), rest);
    match &entry.content {
        EntryContent::Note(note) => note_line(view, note, entry.timestamp_ms, &line).into_iter().collect(),
        EntryContent::Event(event) => event_lines(view, entry.timestamp_ms, event, &line),
    }
}

/// A line about a state, with the number of its section.
fn numbered(view: &View, at: &str, (what, path): (&str, &str), rest: String) -> String {
    // A state outside the sections, or one that an early signal only names, has no number.
    let number = view.section_of(path).map_or_else(|| "-".to_owned(), |(index, _)| (index + 1).to_string());
    let total = view.sections.len();
    let rest = if rest.is_empty() { rest } else { format!(": {}", indented(&rest, 4)) };
    format!("{at} {what:<9} ({number:>2}/{total}) {}{rest}", title(view, path))
}

/// The line about a task that has waited for a worker for some time, with the command that starts one; `None` if no task has.
pub fn without_worker(view: &View, now_ms: u64, command: &str) -> Option<String> {
    let state = next::without_worker(view, now_ms)?;
    let rest = format!("waits for a worker. To start one:   {command}");
    Some(numbered(view, &clock(now_ms), ("Waiting", &state.path), rest))
}

/// The lines of an event. Most events have none.
fn event_lines(
    view: &View,
    at_ms: u64,
    event: &HistoryEvent,
    line: &dyn Fn(&str, &str, String) -> String,
) -> Vec<String> {
    use HistoryEventDetails as Details;
    let path = |name: &str| state_path(&event.frame, name);
    match &event.details {
        Details::StateEntered { name, .. } if is_section(view, &path(name)) => {
            vec![line("Started", &path(name), String::new())]
        }
        Details::StateExited { name, .. } if is_section(view, &path(name)) => {
            let state = view.states.get(&path(name));
            // The line of the note says how a section ended whose failure was caught.
            if state.is_some_and(|state| matches!(state.status, StateStatus::Caught { .. })) {
                return Vec::new();
            }
            let took = state.map_or(0, |state| view.active_ms(state.entered_ms, at_ms));
            vec![line("Completed", &path(name), format!("after {}", duration(took)))]
        }
        Details::StateExited { state_type: StateType::Task, name, .. } if name.starts_with("Wait") => {
            let state =
                view.states.get(&path(name)).filter(|state| !matches!(state.status, StateStatus::Caught { .. }));
            let took = |state: &StateView| duration(view.active_ms(state.entered_ms, at_ms));
            state.map(|state| line("Ready", &path(name), format!("after {}", took(state)))).into_iter().collect()
        }
        Details::ExecutionRedriven { redrive_count } => {
            vec![format!("{} Resumed   {} (redrive {redrive_count})", clock(at_ms), view.id)]
        }
        // What an event does to the states is in the view, from which the heartbeat lines and the end are written.
        _ => Vec::new(),
    }
}

/// Whether an entry is shown with `--quiet`: changes, failures and what needs a person.
pub fn is_worth_a_quiet_line(entry: &JournalEntry) -> bool {
    match &entry.content {
        EntryContent::Event(_) => false,
        EntryContent::Note(note) => match &**note {
            Note::ResourceChanged { change, .. } => change.action != ChangeAction::Unchanged,
            Note::Waiting { instructions, .. } => instructions.is_some(),
            Note::Paused { .. }
            | Note::Failure { .. }
            | Note::Signalled { .. }
            | Note::SignalApplied { .. }
            | Note::SignalDropped { .. }
            | Note::CalledAgain { .. }
            | Note::SignalWithdrawn { .. } => true,
            _ => false,
        },
    }
}

/// Whether an entry is about something that a person must do and that the end of a watch shows too.
pub fn asks(entry: &JournalEntry) -> bool {
    match &entry.content {
        EntryContent::Event(_) => false,
        EntryContent::Note(note) => matches!(&**note, Note::Waiting { .. } | Note::Paused { .. }),
    }
}

/// The question of an entry, if it still waits for its answer: the path of the state, when the state was entered, and the commands that
/// answer it.
pub fn question(view: &View, entry: &JournalEntry) -> Option<((String, u64), Vec<String>)> {
    let EntryContent::Note(note) = &entry.content else { return None };
    let Note::Waiting { state_path, instructions: Some(instructions), .. } = &**note else { return None };
    let state = view.states.get(state_path).filter(|state| state.status.needs_person())?;
    Some(((state_path.clone(), state.entered_ms), next::answer_lines(&view.id, state_path, instructions)))
}

/// The entry that asks the question of a poll; `None` if it asks none. The history of Step Functions has no such entry, and after a resume
/// an earlier display has shown it.
pub fn asking(event: &RunnerEvent, now_ms: u64) -> Option<JournalEntry> {
    let RunnerEvent::Polled { state_path, waiting, next_poll_ms, deadline_ms, .. } = event else { return None };
    let note = Note::Waiting {
        state_path: state_path.clone(),
        reason: waiting.reason.clone(),
        poll: 0,
        next_poll_ms: *next_poll_ms,
        deadline_ms: *deadline_ms,
        instructions: Some(waiting.instructions.clone()?),
    };
    Some(JournalEntry { sequence: 0, timestamp_ms: now_ms, content: EntryContent::Note(Box::new(note)) })
}

/// The description of an entry that has no line of its own: its type, and its state if it has one.
pub fn sentence(view: &View, entry: &JournalEntry) -> String {
    let value = serde_json::to_value(&entry.content).unwrap_or_default();
    let inner = value.as_object().and_then(|content| content.values().next()).cloned().unwrap_or_default();
    let text = |name: &str| inner[name].as_str().filter(|text| !text.is_empty());
    let what = text("type").or_else(|| text("note")).unwrap_or("entry");
    let at = clock(entry.timestamp_ms);
    match path_of(entry) {
        Some(path) => format!("{at} {what}: {}", title(view, &path)),
        None => format!("{at} {what}: {}", view.id),
    }
}

/// The path of the state that an entry is about.
pub fn path_of(entry: &JournalEntry) -> Option<String> {
    let value = serde_json::to_value(&entry.content).unwrap_or_default();
    let inner = value.as_object().and_then(|content| content.values().next())?;
    let text = |name: &str| inner[name].as_str().filter(|text| !text.is_empty());
    if text("type").is_some_and(|what| what.starts_with("MapIteration")) {
        return text("frame").map(str::to_owned);
    }
    match (text("frame"), text("name"), text("statePath").or_else(|| text("state"))) {
        (frame, Some(name), _) => Some(state_path(frame.unwrap_or_default(), name)),
        (_, None, path) => path.map(str::to_owned),
    }
}

fn note_line(view: &View, note: &Note, at_ms: u64, line: &dyn Fn(&str, &str, String) -> String) -> Option<String> {
    Some(match note {
        Note::Waiting { state_path, reason, next_poll_ms, deadline_ms, instructions, .. } => {
            let deadline = deadline_ms.map_or_else(String::new, |due| format!(" · times out {}", moment(due, at_ms)));
            // Nothing checks an approval: a person answers it.
            let is_approval = instructions.as_ref().is_some_and(|asks| asks.approval.is_some());
            let next = match is_approval {
                true => String::new(),
                false => format!(" · next check in {}", duration(next_poll_ms.saturating_sub(at_ms))),
            };
            let mut text = line("Waiting", state_path, format!("{reason}{next}{deadline}"));
            for line in instructions.iter().flat_map(super::summary::instruction_lines) {
                text.push_str(&format!("\n    {line}"));
            }
            text
        }
        Note::RetryScheduled { state_path, attempt, attempts_max, next_attempt_ms, failure } => {
            let attempt = attempt_of(*attempt, *attempts_max);
            // Step Functions' history has the retry when it begins.
            let next = match *next_attempt_ms > at_ms {
                true => format!(", next at {}", moment(*next_attempt_ms, at_ms)),
                false => String::new(),
            };
            line("Retry", state_path, format!("{attempt}{next}: {}", cause_or_error(failure)))
        }
        Note::Caught { state_path, next, failure } => {
            let cause = cause_or_error(failure).trim_end_matches('.');
            // Step Functions' history does not name the next state, and several rules of the definition may lead to it.
            let continues = if next.is_empty() { String::new() } else { format!("; continues at {next}") };
            // The exit of a section has no line of its own then.
            let section = view.states.get(state_path).filter(|_| is_section(view, state_path));
            let took = section.map_or_else(String::new, |state| {
                format!("after {}: ", duration(view.active_ms(state.entered_ms, at_ms)))
            });
            line("Caught", state_path, format!("{took}{cause}{continues}"))
        }
        Note::ResourceChanged { change, .. } if change.action == ChangeAction::Unchanged => return None,
        Note::ResourceChanged { state_path, change } => {
            let mut what = action_name(change.action).to_owned();
            what[..1].make_ascii_uppercase();
            line(&what, state_path, id_and_name(change))
        }
        Note::Paused { state_path, failure } => line("Paused", state_path, cause_or_error(failure).to_owned()),
        Note::Continued { state_path } => line("Continued", state_path, String::new()),
        Note::ResumedFrom { state_path } => line("Re-entered", state_path, "with its recorded input".to_owned()),
        Note::Signalled { state_path, by, succeeded } => {
            line("Signalled", state_path, format!("{}{}", outcome(*succeeded), signaller(Some(by))))
        }
        Note::SignalKept { state, by, succeeded } => {
            line("Kept", state, format!("an answer for later, {}{}", outcome(*succeeded), signaller(by.as_ref())))
        }
        Note::SignalApplied { state_path, by, succeeded } => {
            line("Signalled", state_path, format!("{}{}, kept until now", outcome(*succeeded), signaller(by.as_ref())))
        }
        Note::SignalDropped { state, by, reason } => {
            line("Dropped", state, format!("the answer that was kept{}: {reason}", signaller(by.as_ref())))
        }
        Note::SignalWithdrawn { state, by, given_by } => {
            let (given, withdrawn) = (signaller(given_by.as_ref()), signaller(Some(by)));
            line("Withdrawn", state, format!("the answer that was kept{given}: withdrawn{withdrawn}"))
        }
        Note::CalledAgain { state_path, reason, .. } => {
            line("Repeated", state_path, format!("{reason}; it is called again"))
        }
        Note::Unknown => return None,
        Note::Failure { state_path, failure, .. } => line("Failed", state_path, cause_or_error(failure).to_owned()),
    })
}

fn outcome(succeeded: bool) -> &'static str {
    if succeeded { "success" } else { "failure" }
}

/// The person who signalled, and the comment.
pub fn signaller(by: Option<&Signaller>) -> String {
    let Some(Signaller { user, host, comment }) = by else { return String::new() };
    let comment = comment.as_ref().map_or_else(String::new, |comment| format!(" ({})", one_line(comment)));
    format!(" by {} on {}{comment}", one_line(user), one_line(host))
}

fn is_section(view: &View, path: &str) -> bool {
    view.sections.iter().any(|section| section.path == path)
}

/// The title of a state for people: the names of its section and of the state.
pub fn title(view: &View, path: &str) -> String {
    match view.section_of(path) {
        Some((_, section)) if section.path == path => one_line(&section.name),
        Some((_, section)) => {
            // A state in a branch or an iteration: `[0]/Task`.
            let inside = path.strip_prefix(section.path.as_str()).unwrap_or_default().replace('/', " › ");
            one_line(&format!("{}{inside}", section.name))
        }
        None => one_line(path),
    }
}

/// A line about the waits of the execution: the states outside of Maps, then each Map with its iterations.
pub fn heartbeat(view: &View, typical: Option<&Typical>, now_ms: u64) -> Option<String> {
    let waiting: Vec<&StateView> =
        view.active().filter(|state| !matches!(state.status, StateStatus::Failed { .. })).collect();
    let mut of_map: BTreeMap<Option<&str>, Vec<&StateView>> = BTreeMap::new();
    for state in waiting.iter().copied() {
        of_map.entry(innermost_map(view, state)).or_default().push(state);
    }
    let outside = of_map.remove(&None).unwrap_or_default();
    // The section of the first state that is named, as in the lines of its events.
    let section = outside.first().or(waiting.first()).and_then(|state| view.section_of(&state.path));
    let number = section.map_or_else(|| view.sections_done(), |(index, _)| index + 1);
    let mut waits = named(view, outside, now_ms);
    let is_open = |path: &str| view.states.get(path).is_some_and(|state| !state.status.is_left());
    for (path, map) in view.maps.iter().filter(|(path, _)| is_open(path)) {
        let failed = if map.failed > 0 { format!(", {} failed", map.failed) } else { String::new() };
        let inside = named(view, of_map.remove(&Some(path.as_str())).unwrap_or_default(), now_ms);
        let colon = if inside.is_empty() { "" } else { ": " };
        let progress = format!("{} {}/{}{failed}", title(view, path), map.ended(), map.total);
        waits.push(format!("{progress}{colon}{}", inside.join(", ")));
    }
    // A Map in an iteration of a distributed Map has no state in this view.
    waits.extend(named(view, of_map.into_values().flatten().collect(), now_ms));
    let left = typical.and_then(|typical| view.time_left(typical, now_ms));
    waits.extend(left.map(|left| {
        let person = if left.needs_person { " + your answer" } else { "" };
        format!("{} left{person}", duration_range(left.low_ms, left.high_ms))
    }));
    let total = view.sections.len();
    (!waits.is_empty()).then(|| format!("{} Still     ({number:>2}/{total}) {}", clock(now_ms), waits.join(", ")))
}

/// States in a heartbeat line: many iterations in the same state are one.
fn named(view: &View, states: Vec<&StateView>, now_ms: u64) -> Vec<String> {
    let groups = groups(view, states);
    let mut names: Vec<String> = Vec::new();
    for group in groups.iter().take(HEARTBEAT_STATES_MAX) {
        let Some(state) = foremost(group) else { continue };
        // The process that prints this drives the execution, or follows the one that does.
        let mut detail = detail(state, true, now_ms);
        if state.status.needs_person() {
            let separator = if detail.is_empty() { "" } else { " · " };
            detail.push_str(&format!("{separator}needs you: flow status {}{OPTIONS}", quote_id(&view.id)));
        }
        let detail = if detail.is_empty() { detail } else { format!(" ({detail})") };
        let name = one_line(&state.name);
        let since = duration(view.active_ms(state.entered_ms, now_ms));
        names.push(match (group.len(), &state.status) {
            (1, _) => format!("{name} {since}{detail}"),
            // The time of the next attempt says more than that since the first one.
            (number, StateStatus::Retrying { .. }) => format!("{number} × {name}{detail}"),
            (number, _) => format!("{number} × {name} {since}{detail}"),
        });
    }
    let more: usize = groups.iter().skip(HEARTBEAT_STATES_MAX).map(Vec::len).sum();
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names
}

#[cfg(test)]
mod tests {
    use engine::step::{Approval, Instructions};

    use super::*;
    use crate::ui::story::{Story, map, sections};

    #[test]
    fn a_heartbeat_names_iterations_in_the_same_state_once() {
        let line = heartbeat(&map().view, None, Story::at(195.0)).unwrap_or_default();
        assert!(line.contains("Process the items 123/200, 3 failed: 4 × Call the service ("), "{line}");
        assert!(line.contains("), 36 × Call the service 1m"), "{line}");
        assert_eq!(line.matches("Call the service").count(), 2, "{line}");
    }

    #[test]
    fn a_question_has_the_commands_that_answer_it_while_it_waits() {
        let mut story = Story::new("release-7k3f", &sections(&["Ask"]));
        let approval = Some(Box::new(Approval::default()));
        let asks = Instructions { sentence: "Now?".to_owned(), values: Vec::new(), answer: None, approval };
        story.enter(0.0, "", StateType::Task, "Ask").waiting(1.0, "Ask", "waits for an answer", Some(asks));
        let proposed = |story: &Story| story.entries.iter().find_map(|entry| question(&story.view, entry));
        let (key, commands) = proposed(&story).unwrap_or_default();
        assert_eq!(key.0, "Ask");
        assert!(commands.iter().any(|command| command.contains("flow approve release-7k3f")), "{commands:?}");
        story.exit(2.0, "", StateType::Task, "Ask");
        assert_eq!(proposed(&story), None);
    }

    #[test]
    fn a_comment_or_a_cause_with_a_line_feed_forges_no_line() {
        let mut story = Story::new("release-7k3f", &sections(&["Deploy"]));
        let comment = Some("fine\n12:00:00 Completed ( 1/1) Deploy\u{1b}[31m".to_owned());
        let by = Signaller { user: "ann\nbob".to_owned(), host: "desk".to_owned(), comment };
        story.note(1.0, Note::Signalled { state_path: "Deploy".to_owned(), by, succeeded: true });
        let failure = engine::journal::StepFailure {
            error: "Broken".to_owned(),
            cause: "first\n12:00:00 Completed".to_owned(),
            details: None,
        };
        story.note(2.0, Note::Failure { state_path: "Deploy".to_owned(), attempt: 1, failure });
        let shown: Vec<String> = story.entries.iter().flat_map(|entry| lines(&story.view, entry)).collect();
        let shown = shown.join("\n");
        assert!(shown.contains(r"by ann\nbob on desk (fine\n12:00:00 Completed ( 1/1) Deploy\u{1b}[31m)"), "{shown}");
        assert!(shown.contains("first\n    12:00:00 Completed"), "{shown}");
        assert_eq!(shown.lines().filter(|line| !line.starts_with(' ')).count(), 2, "{shown}");
    }

    #[test]
    fn a_section_whose_failure_is_caught_has_one_line_about_that() {
        let mut story = Story::new("release-7k3f", &sections(&["Deploy", "Roll back"]));
        let (error, cause) = ("Broken".to_owned(), "Lost.".to_owned());
        let failure = engine::journal::StepFailure { error, cause, details: None };
        let (state_path, next) = ("Deploy".to_owned(), "Roll back".to_owned());
        story.enter(0.0, "", StateType::Parallel, "Deploy");
        story.note(5.0, Note::Caught { state_path, next, failure }).exit(5.0, "", StateType::Parallel, "Deploy");
        let shown: Vec<String> = story.entries.iter().flat_map(|entry| lines(&story.view, entry)).collect();
        assert_eq!(shown.len(), 2, "{shown:?}");
        assert!(shown[1].ends_with("Caught    ( 1/2) Deploy: after 5.0s: Lost; continues at Roll back"), "{shown:?}");
    }

    #[test]
    fn a_line_about_a_failure_has_a_reason_and_no_empty_place() {
        let mut story = Story::new("job-7k3f", &sections(&["Deploy"]));
        let failure = |cause: &str| engine::journal::StepFailure {
            error: "States.Timeout".to_owned(),
            cause: cause.to_owned(),
            details: None,
        };
        let state_path = || "Deploy".to_owned();
        let (attempt, attempts_max, next_attempt_ms) = (2, Some(7), 2_000);
        let failed = failure("");
        story.note(
            1.0,
            Note::RetryScheduled { state_path: state_path(), attempt, attempts_max, next_attempt_ms, failure: failed },
        );
        for next in ["", "Repair"] {
            let failure = failure("Lost.");
            story.note(2.0, Note::Caught { state_path: state_path(), next: next.to_owned(), failure });
        }
        let shown: Vec<String> = story.entries.iter().flat_map(|entry| lines(&story.view, entry)).collect();
        assert!(shown[0].ends_with("attempt 2 of 7: States.Timeout"), "it has begun: {shown:?}");
        assert!(
            shown[1].ends_with("Deploy: Lost") && shown[2].ends_with("Deploy: Lost; continues at Repair"),
            "{shown:?}"
        );
    }

    #[test]
    fn a_question_of_a_poll_is_asked_as_that_of_an_entry() {
        let mut story = Story::new("job-7k3f", &sections(&["Ask"]));
        story.enter(0.0, "", StateType::Task, "Ask");
        let instructions = engine::step::Instructions {
            sentence: "Go?".to_owned(),
            values: Vec::new(),
            answer: None,
            approval: Some(Box::default()),
        };
        let polled = |instructions| RunnerEvent::Polled {
            execution: "job-7k3f".to_owned(),
            state_path: "Ask".to_owned(),
            waiting: engine::machine::Waiting {
                reason: "waits for an answer".to_owned(),
                polled_ms: Story::at(0.0),
                instructions,
                execution: None,
            },
            next_poll_ms: 0,
            deadline_ms: None,
        };
        let event = polled(Some(instructions));
        story.view.apply_event(&event);
        let Some(entry) = asking(&event, Story::at(1.0)) else { panic!("no entry") };
        let Some(((path, entered_ms), commands)) = question(&story.view, &entry) else { panic!("no question") };
        assert_eq!((path.as_str(), entered_ms), ("Ask", Story::at(0.0)));
        assert!(commands.iter().any(|command| command.contains("flow approve job-7k3f")), "{commands:?}");
        let shown = lines(&story.view, &entry).join("\n");
        assert!(shown.contains("Waiting   ( 1/1) Ask: waits for an answer\n") && shown.contains("Go?"), "{shown}");
        assert_eq!(asking(&polled(None), 0), None, "nobody is asked");
    }
}
