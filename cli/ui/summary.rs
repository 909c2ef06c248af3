//! The summary at the end, and what people must do.

use api::view::{Doing, Made, Remedy, View, Wait, word};
use engine::{
    journal::StateType,
    machine::{EarlySignal, ExecutionHeader, ExecutionStatus, SignalAnswer},
    step::{ChangeAction, Instructions},
};

use super::{
    lines::{signaller, title},
    next,
    text::{duration, error_and_cause, moment, pad, short_id, width},
    tree::detail,
};
use crate::proposed::OPTIONS;

/// The most waits that are named at the end of a watch.
const WAITS_SHOWN_MAX: usize = 5;

/// The lines of an instruction: the sentence, then the values to copy. All lines of a value have the same indentation.
pub fn instruction_lines(instructions: &Instructions) -> Vec<String> {
    let mut lines = vec![instructions.sentence.clone()];
    let cells = instructions.values.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    for (name, value) in &instructions.values {
        let first = if name.is_empty() { "  ".to_owned() } else { format!("  {}  ", pad(name, cells)) };
        let (mut lead, next) = (first.clone(), " ".repeat(width(&first)));
        for line in value.split('\n') {
            lines.push(format!("{lead}{line}").trim_end().to_owned());
            lead.clone_from(&next);
        }
    }
    lines
}

/// The lines of everything that waits for a person.
pub fn needs(view: &View, now_ms: u64) -> Vec<String> {
    let mut lines = Vec::new();
    for state in view.active() {
        match &state.doing {
            Doing::Waiting(wait @ Wait { instructions: Some(instructions), .. }) => {
                lines.push(format!("{} needs you:", title(view, &state.path)));
                lines.extend(instruction_lines(instructions).into_iter().map(|line| format!("  {line}")));
                let deadline =
                    wait.deadline_ms.map_or_else(String::new, |due| format!(" Gives up {}.", moment(due, now_ms)));
                lines.push(match instructions.approval {
                    Some(_) => format!("  Asked {}.{deadline}", moment(state.entered_ms, now_ms)),
                    None => format!(
                        "  Last check {}: {}. Next check {}.{deadline}",
                        moment(wait.polled_ms, now_ms),
                        wait.reason,
                        moment(wait.next_poll_ms, now_ms)
                    ),
                });
                let id = &view.id;
                lines.push(format!("  To give up:   flow cancel {id}{OPTIONS}"));
                let commands = next::answer_commands(id, &state.path, instructions);
                lines.extend(commands.into_iter().map(|command| format!("  {command}")));
            }
            Doing::Paused { failure } => {
                lines.push(format!("{} is paused: {}", title(view, &state.path), failure.cause));
                if let Some(hint) = failure.details.as_ref().and_then(|details| details.hint.as_ref()) {
                    lines.push(format!("  {hint}"));
                }
                lines.push(format!("  Nothing is lost. Then   flow resume {}{OPTIONS}", view.id));
            }
            _ => {}
        }
    }
    lines
}

/// The number of resources by change: `3 created, 0 updated, 40 unchanged`.
pub fn changes(view: &View) -> String {
    let counts = view.changes();
    let count = |word: &str| counts.get(word).copied().unwrap_or(0);
    let mut text =
        format!("{} created, {} updated, {} unchanged", count("created"), count("updated"), count("unchanged"));
    for word in ["adopted", "deleted"] {
        if count(word) > 0 {
            text.push_str(&format!(", {} {word}", count(word)));
        }
    }
    text
}

/// The changes after a colon; nothing if no step reports a resource.
fn changes_if_any(view: &View) -> String {
    if view.changes().is_empty() { String::new() } else { format!(": {}", changes(view)) }
}

/// The summary of an execution that has ended.
pub fn end(view: &View, now_ms: u64) -> Vec<String> {
    let took = duration(view.stopped_ms.unwrap_or(now_ms).saturating_sub(view.started_ms));
    match view.status {
        ExecutionStatus::Succeeded => vec![format!("✔ {} SUCCEEDED after {took}{}", view.id, changes_if_any(view))],
        ExecutionStatus::Running => waits(view, now_ms),
        ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted => failure(view, &took),
    }
}

/// What an execution that has not ended waits for, people first.
pub fn waits(view: &View, now_ms: u64) -> Vec<String> {
    let mut lines = needs(view, now_ms);
    let others: Vec<_> = view.active().filter(|state| !state.doing.needs_person()).collect();
    for state in others.iter().take(WAITS_SHOWN_MAX) {
        let detail = detail(state, now_ms);
        let detail = if detail.is_empty() { "runs".to_owned() } else { detail };
        lines.push(format!("… {}: {detail}", title(view, &state.path)));
        if matches!(state.doing, Doing::Parked { .. }) {
            lines.push(format!("  To answer:   {}", next::signal(&view.id, &state.path)));
        }
    }
    if others.len() > WAITS_SHOWN_MAX {
        lines.push(format!("… and {} more", others.len() - WAITS_SHOWN_MAX));
    }
    lines
}

/// The answers that are kept for states which do not wait yet, with the commands that withdraw them.
pub fn kept_answers(header: &ExecutionHeader) -> Vec<String> {
    let lines = header.early_signals.iter().flat_map(|EarlySignal { state, answer, by, .. }| {
        let outcome = if matches!(answer, SignalAnswer::Output(_)) { "success" } else { "failure" };
        let given = format!("An answer is kept for \"{state}\": {outcome}{}", signaller(by.as_ref()));
        [given, format!("  To withdraw:   {}", next::withdraw(&header.id, state))]
    });
    lines.collect()
}

/// An execution in one line, for a list of several.
pub fn one_line(view: &View, display_status: &str, now_ms: u64) -> String {
    let took = duration(view.stopped_ms.unwrap_or(now_ms).saturating_sub(view.started_ms));
    match view.status {
        ExecutionStatus::Succeeded => format!("SUCCEEDED after {took}{}", changes_if_any(view)),
        ExecutionStatus::Running if view.needs_person() => {
            format!("{display_status}, needs you: flow status {}{OPTIONS}", view.id)
        }
        ExecutionStatus::Running => {
            let first = view.active().next();
            let waits = first.map_or_else(String::new, |state| {
                let detail = detail(state, now_ms);
                let comma = if detail.is_empty() { "" } else { ", " };
                format!(": {}{comma}{detail}", title(view, &state.path))
            });
            format!("{display_status}{waits}")
        }
        _ => {
            let failure = view.failure.as_ref();
            let failure =
                failure.map_or_else(String::new, |(error, cause)| format!(": {}", error_and_cause(error, cause)));
            format!("{display_status} after {took}{failure}. flow status {}{OPTIONS}", view.id)
        }
    }
}

fn failure(view: &View, took: &str) -> Vec<String> {
    let word = match view.status {
        ExecutionStatus::Aborted => "was ABORTED",
        ExecutionStatus::TimedOut => "TIMED_OUT",
        _ => "FAILED",
    };
    let failed = view.states.values().find_map(|state| match &state.doing {
        Doing::Failed { attempt, failure, .. } => Some((state, attempt, failure)),
        _ => None,
    });
    let mut lines = Vec::new();
    match failed {
        Some((state, attempt, failure)) => {
            lines.push(format!(
                "✖ {} {word} at \"{}\" after {took}   [{}]",
                view.id,
                title(view, &state.path),
                failure.error
            ));
            if let Some(details) = &failure.details {
                let action = details.action.as_ref().map_or_else(String::new, |action| format!("{action}   "));
                let request = details.request_id.as_ref().map_or_else(String::new, |id| format!("   request id {id}"));
                lines.push(format!("  {action}attempt {attempt}{request}"));
                let code = details.code.as_ref().map_or_else(String::new, |code| format!("{code}: "));
                lines.extend(format!("{code}{}", details.cause).lines().map(|line| format!("  {line}")));
                lines.extend(details.hint.iter().map(|hint| format!("  {hint}")));
            } else {
                lines.extend(failure.cause.lines().map(|line| format!("  {line}")));
            }
        }
        None => {
            lines.push(format!("✖ {} {word} after {took}", view.id));
            if let Some((error, cause)) = &view.failure {
                lines.push(format!("  {}", error_and_cause(error, cause)));
            }
        }
    }
    let kept = kept(view);
    if !kept.is_empty() {
        lines.push(format!("  Created and kept:  {}", kept.join(", ")));
    }
    let is_fail = failed.is_some_and(|(state, ..)| state.state_type == StateType::Fail);
    lines.extend(instruction(view, is_fail));
    lines
}

/// What to do after a failure, which may be that of a Fail state; `None` if the failure's own hint says it.
fn instruction(view: &View, is_fail: bool) -> Option<String> {
    Some(match (view.status, view.remedy()) {
        (ExecutionStatus::Aborted, _) => format!("  To continue after all:   flow resume {}{OPTIONS}", view.id),
        (_, Remedy::Resume) if view.failure.as_ref().is_some_and(|(error, _)| error == api::flow::REJECTED) => {
            format!("  To ask once more:   flow resume {}{OPTIONS}", view.id)
        }
        (_, Remedy::Resume) => format!("  Fix the cause, then   flow resume {}{OPTIONS}", view.id),
        (_, Remedy::StartAgain) if is_fail => format!(
            "  The workflow ended itself with this error. To run it again with the same input:   flow run --again {}{OPTIONS}",
            view.id
        ),
        (_, Remedy::StartAgain) => {
            "  The mistake is in the definition or in the input, which this execution has pinned: correct it and start a new \
             execution with   flow run".to_owned()
        }
        (_, Remedy::RunAgain) => return None,
    })
}

fn kept(view: &View) -> Vec<String> {
    let created = view.made.iter().filter(|made| made.change.action == ChangeAction::Created);
    let (billed, free): (Vec<_>, Vec<_>) = created.partition(|made| made.change.billed);
    let mut kept: Vec<String> = billed.iter().map(|made| format!("{} ← billed while it exists", label(made))).collect();
    if !free.is_empty() {
        kept.push(format!("{} that cost nothing", free.len()));
    }
    kept
}

fn label(made: &Made) -> String {
    let kind = made.change.resource_type.rsplit("::").next().unwrap_or_default();
    format!("{kind} {}", made.change.name.clone().unwrap_or_else(|| short_id(&made.change.id)))
}

/// The table of created, found and deleted resources: one row for each.
pub fn table(view: &View) -> Vec<String> {
    let mut rows: Vec<[String; 4]> = Vec::new();
    for made in &view.made {
        let id = short_id(&made.change.id);
        let known = rows.iter_mut().find(|row| row[1] == made.change.resource_type && row[3] == id);
        match known {
            Some(row) if row[0] == "unchanged" => word(made.change.action).clone_into(&mut row[0]),
            Some(_) => {}
            None => rows.push([
                word(made.change.action).to_owned(),
                made.change.resource_type.clone(),
                made.change.name.clone().unwrap_or_default(),
                id,
            ]),
        }
    }
    let cells = |column: usize| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0);
    let (a, b, c) = (cells(0), cells(1), cells(2));
    let line = |[change, kind, name, id]: &[String; 4]| {
        format!("  {}  {}  {}  {id}", pad(change, a), pad(kind, b), pad(name, c)).trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}
