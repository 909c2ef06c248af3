//! Off a terminal: one line per change, and a heartbeat that grows rarer.

use engine::{
    journal::{Content, Entry, HistoryEventDetails, Note, StateType},
    step::Change,
};

use super::{
    text::{clock, duration, moment, short_id},
    view::{Doing, View, word},
};

/// The lines that an entry is worth, given the view with the entry folded in.
pub fn lines(view: &View, entry: &Entry) -> Vec<String> {
    let at = clock(entry.timestamp_ms);
    let line = |what: &str, path: &str, rest: String| {
        let (number, total) = (view.section_of(path).map_or(0, |(index, _)| index + 1), view.sections.len());
        let rest = if rest.is_empty() { rest } else { format!(": {rest}") };
        format!("{at} {what:<9} ({number:>2}/{total}) {}{rest}", title(view, path))
    };
    match &entry.content {
        Content::Note(note) => note_line(note, entry.timestamp_ms, &line).into_iter().collect(),
        Content::Event(event) => {
            let path =
                |name: &str| if event.frame.is_empty() { name.to_owned() } else { format!("{}/{name}", event.frame) };
            match &event.details {
                HistoryEventDetails::StateEntered { name, .. } if is_section(view, &path(name)) => {
                    vec![line("Started", &path(name), String::new())]
                }
                HistoryEventDetails::StateExited { name, .. } if is_section(view, &path(name)) => {
                    let took =
                        view.states.get(&path(name)).map_or(0, |s| entry.timestamp_ms.saturating_sub(s.entered_ms));
                    vec![line("Completed", &path(name), format!("after {}", duration(took)))]
                }
                HistoryEventDetails::StateExited { state_type: StateType::Task, name, .. }
                    if name.starts_with("Wait") =>
                {
                    let took =
                        view.states.get(&path(name)).map_or(0, |s| entry.timestamp_ms.saturating_sub(s.entered_ms));
                    vec![line("Ready", &path(name), format!("after {}", duration(took)))]
                }
                HistoryEventDetails::ExecutionRedriven { redrive_count } => {
                    vec![format!("{at} Resumed   {} (redrive {redrive_count})", view.id)]
                }
                _ => Vec::new(),
            }
        }
    }
}

fn note_line(note: &Note, at_ms: u64, line: &dyn Fn(&str, &str, String) -> String) -> Option<String> {
    Some(match note {
        Note::Waiting { state_path, reason, next_look_ms, deadline_ms, instructions, .. } => {
            let deadline = deadline_ms.map_or_else(String::new, |due| format!(" · gives up {}", moment(due, at_ms)));
            let mut text = line(
                "Waiting",
                state_path,
                format!("{reason} · next check in {}{deadline}", duration(next_look_ms.saturating_sub(at_ms))),
            );
            for line in instructions.iter().flat_map(super::summary::instruction_lines) {
                text.push_str(&format!("\n    {line}"));
            }
            text
        }
        Note::RetryScheduled { state_path, attempt, next_attempt_ms, failure } => {
            let delay = duration(next_attempt_ms.saturating_sub(at_ms));
            line("Retry", state_path, format!("attempt {attempt} in {delay}: {}", failure.cause))
        }
        Note::Caught { state_path, next, failure } => {
            line("Caught", state_path, format!("{}; goes on at {next}", failure.cause))
        }
        Note::Effect { effect, .. } if effect.change == Change::Unchanged => return None,
        Note::Effect { state_path, effect } => {
            let name = effect.name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
            let mut what = word(effect.change).to_owned();
            what[..1].make_ascii_uppercase();
            line(&what, state_path, format!("{}{name}", short_id(&effect.id)))
        }
        Note::Paused { state_path, failure } => line("Paused", state_path, failure.cause.clone()),
        Note::Continued { state_path } => line("Continued", state_path, String::new()),
        Note::Failure { state_path, failure, .. } => line("Failed", state_path, failure.cause.clone()),
    })
}

fn is_section(view: &View, path: &str) -> bool {
    view.sections.iter().any(|section| section.path == path)
}

/// A state as people know it: its section and its own name.
pub fn title(view: &View, path: &str) -> String {
    match view.section_of(path) {
        Some((_, section)) if section.path == path => section.name.clone(),
        Some((_, section)) => format!("{} › {}", section.name, path[section.path.len() + 1..].replace('/', " › ")),
        None => path.to_owned(),
    }
}

/// What is being waited for, in one line.
pub fn heartbeat(view: &View, now_ms: u64) -> Option<String> {
    let waits: Vec<String> = view
        .active()
        .map(|state| {
            let since = duration(now_ms.saturating_sub(state.entered_ms));
            match &state.doing {
                Doing::Waiting(wait) => format!("{} {since} ({})", state.name, wait.reason),
                _ => format!("{} {since}", state.name),
            }
        })
        .collect();
    let (done, total) = (view.sections_done(), view.sections.len());
    (!waits.is_empty()).then(|| format!("{} Still     ({done:>2}/{total}) {}", clock(now_ms), waits.join(", ")))
}
