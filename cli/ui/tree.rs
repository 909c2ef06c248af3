//! On a terminal: every section in a line, what works or waits below it.

use super::{
    text::{duration, moment, short_id},
    view::{Doing, StateView, View},
};

const SECTIONS_AHEAD_SHOWN: usize = 1;

/// The whole tree.
pub fn tree(view: &View, standing: &str, now_ms: u64) -> Vec<String> {
    let took = duration(view.stopped_ms.unwrap_or(now_ms).saturating_sub(view.started_ms));
    let (done, total) = (view.sections_done(), view.sections.len());
    let mut lines = vec![format!("{}   {standing}   {done}/{total}   {took}", view.id)];
    let mut ahead = Vec::new();
    for section in &view.sections {
        match view.states.get(&section.path) {
            None => ahead.push(section.name.as_str()),
            Some(state) => {
                lines.push(section_line(view, state, now_ms));
                lines.extend(active_lines(view, state, now_ms));
            }
        }
    }
    if let Some(first) = ahead.first() {
        let rest = ahead.len() - SECTIONS_AHEAD_SHOWN;
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        lines.push(format!(" ◌ {first}{more}"));
    }
    lines
}

fn section_line(view: &View, state: &StateView, now_ms: u64) -> String {
    let below = || view.active().filter(|active| active.path.starts_with(&format!("{}/", state.path)));
    let needs_you = below().any(|active| matches!(&active.doing, Doing::Waiting(wait) if wait.instructions.is_some()));
    let failed = below().any(|active| matches!(active.doing, Doing::Failed { .. }));
    let paused = below().any(|active| matches!(active.doing, Doing::Paused { .. }));
    let (icon, until) = match &state.doing {
        Doing::Done { stopped_ms } => ("✔", *stopped_ms),
        Doing::Failed { .. } => ("✖", now_ms),
        _ if failed => ("✖", now_ms),
        _ if needs_you || paused => ("⏸", now_ms),
        _ => ("●", now_ms),
    };
    let rest = match (needs_you, &state.doing) {
        (true, _) => format!("needs you: flow status {}", view.id),
        (_, Doing::Done { .. }) => made_in(view, &state.path),
        _ => String::new(),
    };
    let took = duration(until.saturating_sub(state.entered_ms));
    format!(" {icon} {:<32} {took:>7}   {rest}", state.name).trim_end().to_owned()
}

fn made_in(view: &View, path: &str) -> String {
    let prefix = format!("{path}/");
    let mut made: Vec<_> = view.made.iter().filter(|made| made.state_path.starts_with(&prefix)).collect();
    // What costs is what the section is about: the instance, not its key pair.
    made.sort_by_key(|made| !made.effect.billed);
    match made.as_slice() {
        [] => String::new(),
        [one] => short_id(&one.effect.id),
        [first, rest @ ..] => format!("{} and {} more", short_id(&first.effect.id), rest.len()),
    }
}

fn active_lines(view: &View, section: &StateView, now_ms: u64) -> Vec<String> {
    let prefix = format!("{}/", section.path);
    let below = view.active().filter(|state| state.path.starts_with(&prefix));
    below
        .map(|state| {
            let since = duration(now_ms.saturating_sub(state.entered_ms));
            format!(" └─{} {:<30} {since:>7}   {}", icon(state), state.name, detail(state, now_ms))
                .trim_end()
                .to_owned()
        })
        .collect()
}

fn icon(state: &StateView) -> &'static str {
    match &state.doing {
        Doing::Failed { .. } => "✖",
        Doing::Paused { .. } => "⏸",
        Doing::Waiting(wait) if wait.instructions.is_some() => "⏸",
        _ => "●",
    }
}

fn detail(state: &StateView, now_ms: u64) -> String {
    match &state.doing {
        Doing::Waiting(wait) => {
            let ago = duration(now_ms.saturating_sub(wait.looked_ms));
            let deadline =
                wait.deadline_ms.map_or_else(String::new, |due| format!(" · gives up {}", moment(due, now_ms)));
            format!("{} · checked {ago} ago{deadline}", wait.reason)
        }
        Doing::Retrying { attempt, next_attempt_ms, failure } => {
            let due = duration(next_attempt_ms.saturating_sub(now_ms));
            format!("attempt {attempt} in {due}: {}", failure.cause)
        }
        Doing::Failed { failure, .. } | Doing::Paused { failure } => failure.cause.clone(),
        Doing::Running | Doing::Done { .. } => String::new(),
    }
}
