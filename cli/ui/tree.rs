//! The display on a terminal: a line for each section, with its running and waiting states below.

use api::view::{Doing, StateView, View, is_inside};

use super::text::{duration, moment, short_id};

const SECTIONS_AHEAD_SHOWN: usize = 1;

/// The complete tree.
pub fn tree(view: &View, standing: &str, now_ms: u64) -> Vec<String> {
    fitted(view, standing, now_ms, usize::MAX)
}

/// The tree in at most `rows` rows, if possible: finished sections are combined into one line, the earliest first.
/// Running sections and what needs a person stay.
pub fn fitted(view: &View, standing: &str, now_ms: u64, rows: usize) -> Vec<String> {
    let took = duration(view.stopped_ms.unwrap_or(now_ms).saturating_sub(view.started_ms));
    let (done, total) = (view.sections_done(), view.sections.len());
    let header = format!("{}   {standing}   {done}/{total}   {took}", view.id);
    let mut sections: Vec<(bool, Vec<String>)> = Vec::new();
    let mut ahead = Vec::new();
    for section in &view.sections {
        match view.states.get(&section.path) {
            None => ahead.push(section.name.as_str()),
            Some(state) => {
                let mut lines = vec![section_line(view, state, now_ms)];
                lines.extend(active_lines(view, state, now_ms));
                sections.push((matches!(state.doing, Doing::Exited { .. }), lines));
            }
        }
    }
    let last = ahead.first().filter(|_| view.stopped_ms.is_none()).map(|first| {
        let rest = ahead.len() - SECTIONS_AHEAD_SHOWN;
        let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
        format!(" ◌ {first}{more}")
    });
    let needed = 1 + sections.iter().map(|(_, lines)| lines.len()).sum::<usize>() + usize::from(last.is_some());
    let collapsed = collapsed(&mut sections, needed, rows);
    let first = (collapsed > 0).then(|| format!(" ✔ {collapsed} finished"));
    let sections = sections.into_iter().flat_map(|(_, lines)| lines);
    [header].into_iter().chain(first).chain(sections).chain(last).collect()
}

/// Removes as many finished sections as necessary, the earliest first. Returns their number.
fn collapsed(sections: &mut Vec<(bool, Vec<String>)>, needed: usize, rows: usize) -> usize {
    if needed <= rows {
        return 0;
    }
    let (mut surplus, mut count) = (needed - rows + 1, 0);
    sections.retain(|(finished, lines)| {
        let removed = *finished && surplus > 0;
        if removed {
            surplus = surplus.saturating_sub(lines.len());
            count += 1;
        }
        !removed
    });
    count
}

fn section_line(view: &View, state: &StateView, now_ms: u64) -> String {
    let within = |path: &str| path == state.path || is_inside(path, &state.path);
    let below = || view.active().filter(|active| within(&active.path));
    let needs_you = below().any(|active| matches!(&active.doing, Doing::Waiting(wait) if wait.instructions.is_some()));
    let failed = view.failed().any(|(failed, _)| within(&failed.path));
    let paused = below().any(|active| matches!(active.doing, Doing::Paused { .. }));
    let ended_ms = view.stopped_ms.unwrap_or(now_ms);
    let (icon, until) = match &state.doing {
        Doing::Exited { stopped_ms } => ("✔", *stopped_ms),
        Doing::Failed { stopped_ms, .. } => ("✖", *stopped_ms),
        _ if failed => ("✖", ended_ms),
        Doing::Stopped { stopped_ms } => ("■", *stopped_ms),
        _ if needs_you || paused => ("⏸", now_ms),
        _ => ("●", now_ms),
    };
    let rest = match (needs_you, &state.doing) {
        (true, _) => format!("needs you: flow status {}", view.id),
        (_, Doing::Exited { .. }) => made_in(view, &state.path),
        (_, Doing::Stopped { .. }) => "stopped".to_owned(),
        (_, Doing::Sleeping { .. } | Doing::Parked { .. } | Doing::Retrying { .. }) => detail(state, now_ms),
        _ => String::new(),
    };
    let took = duration(until.saturating_sub(state.entered_ms));
    format!(" {icon} {:<32} {took:>7}   {rest}", state.name).trim_end().to_owned()
}

fn made_in(view: &View, path: &str) -> String {
    let mut made: Vec<_> = view.made.iter().filter(|made| is_inside(&made.state_path, path)).collect();
    // Billed resources come first: a section is about the instance, not its key pair.
    made.sort_by_key(|made| !made.effect.billed);
    match made.as_slice() {
        [] => String::new(),
        [one] => short_id(&one.effect.id),
        [first, rest @ ..] => format!("{} and {} more", short_id(&first.effect.id), rest.len()),
    }
}

fn active_lines(view: &View, section: &StateView, now_ms: u64) -> Vec<String> {
    let below = view.active().filter(|state| is_inside(&state.path, &section.path));
    below
        .map(|state| {
            let until_ms = match &state.doing {
                Doing::Failed { stopped_ms, .. } => *stopped_ms,
                _ => now_ms,
            };
            let since = duration(until_ms.saturating_sub(state.entered_ms));
            let name = inside_name(state, section);
            format!(" └─{} {name:<30} {since:>7}   {}", icon(state), detail(state, now_ms)).trim_end().to_owned()
        })
        .collect()
}

/// The name of a state inside a section, with its branch or iteration: `[2] Ask`.
fn inside_name(state: &StateView, section: &StateView) -> String {
    let inside = state.path.strip_prefix(section.path.as_str()).unwrap_or_default();
    match inside.split_once('/') {
        Some((index, _)) if !index.is_empty() => format!("{index} {}", state.name),
        _ => state.name.clone(),
    }
}

fn icon(state: &StateView) -> &'static str {
    match &state.doing {
        Doing::Failed { .. } => "✖",
        Doing::Paused { .. } => "⏸",
        Doing::Waiting(wait) if wait.instructions.is_some() => "⏸",
        _ => "●",
    }
}

/// What a state waits for, and until when.
pub fn detail(state: &StateView, now_ms: u64) -> String {
    match &state.doing {
        Doing::Waiting(wait) => {
            let ago = duration(now_ms.saturating_sub(wait.polled_ms));
            let deadline =
                wait.deadline_ms.map_or_else(String::new, |due| format!(" · gives up {}", moment(due, now_ms)));
            format!("{} · checked {ago} ago{deadline}", wait.reason)
        }
        Doing::Sleeping { due_ms } => format!("until {}", moment(*due_ms, now_ms)),
        Doing::Parked { deadline_ms } => {
            let deadline = deadline_ms.map_or_else(String::new, |due| format!(" · gives up {}", moment(due, now_ms)));
            format!("waits for an answer{deadline}")
        }
        Doing::Retrying { attempt, next_attempt_ms, failure } => {
            let due = duration(next_attempt_ms.saturating_sub(now_ms));
            format!("attempt {attempt} in {due}: {}", failure.cause)
        }
        Doing::Failed { failure, .. } | Doing::Paused { failure } => failure.cause.clone(),
        Doing::Running | Doing::Exited { .. } | Doing::Stopped { .. } => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use engine::{asl, machine::Execution};
    use serde_json::{Value, json};

    use super::*;

    fn view(states: usize, running: usize) -> View {
        let state = |n: usize| (format!("Step {n}"), json!({ "Type": "Pass", "Next": format!("Step {}", n + 1) }));
        let mut all: serde_json::Map<String, Value> = (1..states).map(state).collect();
        all.insert(format!("Step {states}"), json!({ "Type": "Succeed" }));
        let definition = json!({ "StartAt": "Step 1", "States": all });
        let machine = asl::parse(&definition).unwrap();
        let mut view = View::new(&Execution::new("x-1", "x", machine, json!({})).header, &definition);
        for n in 1..=running {
            let doing = if n < running { Doing::Exited { stopped_ms: 2 } } else { Doing::Running };
            let (path, state_type) = (format!("Step {n}"), engine::journal::StateType::Pass);
            let state = StateView {
                path: path.clone(),
                name: path.clone(),
                state_type,
                entered_ms: 1,
                called: false,
                answered: false,
                doing,
            };
            view.states.insert(path.clone(), state);
            view.order.push(path);
        }
        view
    }

    #[test]
    fn what_runs_is_always_among_the_rows() {
        let view = view(41, 36);
        let lines = fitted(&view, "RUNNING", 3, 22);
        assert!(lines.len() <= 22, "{} lines", lines.len());
        assert!(lines.iter().any(|line| line.contains("Step 36 ")), "{lines:#?}");
        assert!(lines[1].contains("finished"), "{lines:#?}");
        assert_eq!(tree(&view, "RUNNING", 3).len(), 38, "without a limit every section has its line");
    }
}
