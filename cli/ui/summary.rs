//! The summary at the end, and what people must do.

#[cfg(test)]
mod tests;

use api::{
    REJECTED,
    view::{Remedy, StateStatus, StateView, View, Wait},
};
use engine::{
    journal::{StateType, StepFailure},
    machine::{EarlySignal, ExecutionHeader, ExecutionStatus, SignalAnswer},
    step::Instructions,
};

use super::{
    after_fail,
    cells::filled,
    changes::{changes, kept},
    display_status::is_driven,
    lines::{signaller, title},
    next,
    text::{attempt_of, duration, error_and_cause, indented, moment, one_line, width, with_full_stop},
    tree::{detail, next_check},
};
use crate::proposed::{
    OPTIONS, has_command, is_at_step_functions, quote_id, run_again, with_command_options, worker_command,
};

/// The most waits that are named at the end of a watch.
const WAITS_SHOWN_MAX: usize = 5;

/// The lines of an instruction: the sentence, then the values to copy. All lines of a value have the same indentation.
pub fn instruction_lines(instructions: &Instructions) -> Vec<String> {
    let mut lines: Vec<String> = instructions.sentence.lines().map(str::to_owned).collect();
    let cells = instructions.values.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
    for (name, value) in &instructions.values {
        let first = if name.is_empty() { "  ".to_owned() } else { format!("  {}  ", filled(one_line(name), cells)) };
        let (mut lead, next) = (first.clone(), " ".repeat(width(&first)));
        for line in value.split('\n') {
            lines.push(format!("{lead}{line}").trim_end().to_owned());
            lead.clone_from(&next);
        }
    }
    lines
}

/// The lines of everything that waits for a person. `driven`: a process drives the execution.
pub fn needs(view: &View, driven: bool, now_ms: u64) -> Vec<String> {
    questions(view, driven, now_ms).concat()
}

/// The questions of the states that wait for a person: heading, text to read, and the commands that answer.
pub fn questions(view: &View, driven: bool, now_ms: u64) -> Vec<Vec<String>> {
    let mut questions = Vec::new();
    let id = quote_id(&view.id);
    for state in view.active() {
        let mut lines = Vec::new();
        match &state.status {
            StateStatus::Waiting(wait @ Wait { instructions: Some(instructions), .. }) => {
                if let Some(timed_out_ms) = wait.timed_out_ms(now_ms) {
                    questions.push(timed_out(view, &state.path, instructions, moment(timed_out_ms, now_ms)));
                    continue;
                }
                lines.push(format!("{} needs you:", title(view, &state.path)));
                lines.extend(instruction_lines(instructions).into_iter().map(|line| format!("  {line}")));
                let deadline =
                    wait.deadline_ms.map_or_else(String::new, |due| format!(" Times out {}.", moment(due, now_ms)));
                // A state that is redriven or retried asks again. Zero: nothing polls it.
                lines.push(if instructions.approval.is_some() || wait.next_poll_ms == 0 {
                    format!("  Asked {}.{deadline}", moment(state.called_ms.unwrap_or(state.entered_ms), now_ms))
                } else {
                    let last = format!("  Last check {}: {}", moment(wait.polled_ms, now_ms), one_line(&wait.reason));
                    let mut next = next_check(wait.next_poll_ms, driven, now_ms);
                    next[..1].make_ascii_uppercase();
                    format!("{} {next}.{deadline}", with_full_stop(&last))
                });
                let answers = next::answer_lines(&view.id, &state.path, instructions);
                lines.extend(answers.into_iter().map(|command| format!("  {command}")));
                if !next::is_malformed(instructions) {
                    lines.push(format!("  To cancel:    flow cancel {id}{OPTIONS}"));
                }
            }
            StateStatus::Paused { failure } => {
                lines.push(format!("{} is paused: {}", title(view, &state.path), indented(&failure.cause, 2)));
                if let Some(hint) = failure.details.as_ref().and_then(|details| details.hint.as_ref()) {
                    lines.push(format!("  {}", with_command_options(hint)));
                }
                lines.push(format!("  Nothing is lost. Then   flow resume {id}{OPTIONS}"));
            }
            _ => {}
        }
        if !lines.is_empty() {
            questions.push(lines);
        }
    }
    questions
}

/// The lines of a question that has timed out.
fn timed_out(view: &View, path: &str, instructions: &Instructions, at: String) -> Vec<String> {
    let mut lines = vec![format!("{} timed out {at}:", title(view, path))];
    lines.extend(instruction_lines(instructions).into_iter().map(|line| format!("  {line}")));
    lines.push(format!("  {}", next::after_timeout(&view.id)));
    lines
}

/// The changes after a colon; nothing if no step reports a resource.
fn changes_if_any(view: &View) -> String {
    if view.change_counts().is_empty() { String::new() } else { format!(": {}", changes(view)) }
}

/// The summary of an execution that has ended, or the waits of one that has not. `driven`: a process drives it.
pub fn end(view: &View, driven: bool, now_ms: u64) -> Vec<String> {
    let took = duration(view.took_ms(now_ms));
    match view.status {
        ExecutionStatus::Succeeded => vec![format!("✔ {} SUCCEEDED after {took}{}", view.id, changes_if_any(view))],
        ExecutionStatus::Running => waits(view, driven, now_ms),
        ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted => failure(view, &took, now_ms),
    }
}

/// The waits of an execution that has not ended, people first.
pub fn waits(view: &View, driven: bool, now_ms: u64) -> Vec<String> {
    let mut lines = needs(view, driven, now_ms);
    let is_other = |state: &&StateView| !state.status.needs_person() && state.failure().is_none();
    let others: Vec<_> = view.active().filter(is_other).collect();
    for state in others.iter().take(WAITS_SHOWN_MAX) {
        let detail = match detail(state, driven, now_ms) {
            none if none.is_empty() && state.state_type == StateType::Task && !state.called => {
                "not called yet".to_owned()
            }
            // Its end is an expression at Step Functions.
            none if none.is_empty() && state.state_type == StateType::Wait => "waits".to_owned(),
            none if none.is_empty() => "runs".to_owned(),
            detail => detail,
        };
        lines.push(format!("● {}: {detail}", title(view, &state.path)));
        let is_over = state.status.timed_out_ms(now_ms).is_some();
        lines.extend(match &state.status {
            StateStatus::Parked { .. } if !is_over => {
                Some(format!("  To answer:   {}", next::signal(&view.id, &state.path)))
            }
            StateStatus::Parked { .. } => Some(format!("  {}", next::after_timeout(&view.id))),
            StateStatus::Waiting(wait) if is_over && wait.is_of_worker() => {
                Some(format!("  {}", next::after_timeout(&view.id)))
            }
            _ => None,
        });
    }
    if others.len() > WAITS_SHOWN_MAX {
        lines.push(format!("… and {} more", others.len() - WAITS_SHOWN_MAX));
    }
    lines.extend(next::worker_line_at_end(view, now_ms, worker_command()));
    lines
}

/// The answers that are kept for states which do not wait yet, with the commands that withdraw them.
pub fn kept_answers(header: &ExecutionHeader) -> Vec<String> {
    let lines = header.early_signals.iter().flat_map(|EarlySignal { state, answer, by, .. }| {
        let outcome = if matches!(answer, SignalAnswer::Output(_)) { "success" } else { "failure" };
        let given = format!("An answer is kept for \"{}\": {outcome}{}", one_line(state), signaller(by.as_ref()));
        [given, format!("  To withdraw:   {}", next::withdraw(&header.id, state))]
    });
    lines.collect()
}

/// An execution in one line, for a list of several.
pub fn display_line(view: &View, display_status: &str, now_ms: u64) -> String {
    let (took, id) = (duration(view.took_ms(now_ms)), quote_id(&view.id));
    match view.status {
        ExecutionStatus::Succeeded => format!("SUCCEEDED after {took}{}", changes_if_any(view)),
        ExecutionStatus::Running if view.needs_person() => {
            let is_over = view.waiting_for_people().iter().all(|(_, status)| status.timed_out_ms(now_ms).is_some());
            let needs = if is_over { "timed out: flow resume" } else { "needs you: flow status" };
            format!("{display_status}, {needs} {id}{OPTIONS}")
        }
        ExecutionStatus::Running => {
            let first = view.active().next();
            let waits = first.map_or_else(String::new, |state| {
                let detail = detail(state, is_driven(display_status), now_ms);
                let comma = if detail.is_empty() { "" } else { ", " };
                format!(": {}{comma}{detail}", title(view, &state.path))
            });
            format!("{display_status}{waits}")
        }
        _ => {
            let failure =
                view.failure.as_ref().map(|failure| one_line(&error_and_cause(&failure.error, &failure.cause)));
            let failure = failure.filter(|why| !why.is_empty());
            let failure = failure.map_or_else(String::new, |why| format!(": {why}"));
            let ended = with_full_stop(&format!("{display_status} after {took}{failure}"));
            format!("{ended} To see why and how to continue:   flow status {id}{OPTIONS}")
        }
    }
}

/// [`display_line`] after the line that names the person who rejected an approval. If the cause of the end begins with the same words, they
/// are not repeated. `rejected`: the path of the approval's state, and the user.
pub fn line_after_rejection(view: &View, display_status: &str, now_ms: u64, rejected: (&str, &str)) -> String {
    let (state_path, user) = rejected;
    if !view.was_ended_by_rejection(state_path, user) {
        return display_line(view, display_status, now_ms);
    }
    let (took, id) = (duration(view.took_ms(now_ms)), quote_id(&view.id));
    let ended = with_full_stop(&format!("{display_status} after {took}"));
    format!("{ended} To see how to continue:   flow status {id}{OPTIONS}")
}

fn failure(view: &View, took: &str, now_ms: u64) -> Vec<String> {
    let word = match view.status {
        ExecutionStatus::Aborted => "was ABORTED",
        ExecutionStatus::TimedOut => "TIMED_OUT",
        _ => "FAILED",
    };
    let (error, cause) =
        view.failure.as_ref().map_or(("", ""), |failure| (failure.error.as_str(), failure.cause.as_str()));
    let failed = view.failed_state();
    let mut lines = Vec::new();
    match failed {
        Some(state) => {
            let title = title(view, &state.path);
            lines.push(format!("✖ {} {word} at \"{title}\" after {took}   [{}]", view.id, one_line(error)));
            if let StateStatus::Failed { attempt, failure: StepFailure { details: Some(details), .. }, .. } =
                &state.status
            {
                let action = details.action.as_ref().map_or_else(String::new, |action| format!("{action}   "));
                let request = details.request_id.as_ref().map_or_else(String::new, |id| format!("   request id {id}"));
                lines.push(format!("  {action}{}{request}", attempt_of(*attempt, state.attempts_max)));
                let code = details.code.as_ref().map_or_else(String::new, |code| format!("{code}: "));
                lines.extend(format!("{code}{}", details.cause).lines().map(|line| format!("  {line}")));
                lines.extend(details.hint.iter().map(|hint| format!("  {}", with_command_options(hint))));
            } else {
                if let StateStatus::Failed { attempt: attempt @ 2.., .. } = state.status {
                    lines.push(format!("  {}", attempt_of(attempt, state.attempts_max)));
                }
                lines.extend(cause.lines().map(|line| format!("  {line}")));
                let rejections = rejections(view, cause).into_iter();
                lines.extend(rejections.map(|rejection| format!("  {}", indented(rejection, 4))));
            }
        }
        None => {
            lines.push(format!("✖ {} {word} after {took}", view.id));
            // When a person cancelled it is as important as who did.
            let at = view.stopped_ms.filter(|_| view.status == ExecutionStatus::Aborted);
            let at = at.map_or_else(String::new, |stopped_ms| format!("{} ", moment(stopped_ms, now_ms)));
            let why = error_and_cause(error, cause);
            if !why.is_empty() {
                lines.push(format!("  {at}{}", indented(&why, 2)));
            }
        }
    }
    let kept = kept(view);
    if !kept.is_empty() {
        lines.push(format!("  Created and kept:  {}", kept.join(", ")));
    }
    lines.extend(instructions(view));
    lines
}

/// The rejections that were caught, unless the cause of the end repeats them: who rejected which approval, and why.
fn rejections<'v>(view: &'v View, cause: &str) -> Vec<&'v str> {
    let mut found: Vec<&str> = Vec::new();
    for state in view.order.iter().filter_map(|path| view.states.get(path)) {
        if let StateStatus::Caught { failure, .. } = &state.status
            && failure.error == REJECTED
            && !cause.contains(&failure.cause)
            && !found.contains(&failure.cause.as_str())
        {
            found.push(&failure.cause);
        }
    }
    found
}

/// Whether the hint of the failure that ended the execution has the command that continues it.
fn hint_continues(view: &View) -> bool {
    let failure = view.failed_state().and_then(|state| state.failure());
    let hint = failure.and_then(|failure| failure.details.as_ref()?.hint.as_deref());
    hint.is_some_and(|hint| has_command(hint, &["run", "resume"]))
}

/// How to continue after a failure. A step's hint names only the repair, so the command is added to it, unless the hint has the command
/// already, such as `FLOW_FILES=FOLDER flow resume ID`.
fn instructions(view: &View) -> Vec<String> {
    if hint_continues(view) {
        return Vec::new();
    }
    let id = quote_id(&view.id);
    if let Some(fail) = view.ended_by_fail().filter(|_| !view.was_refused()) {
        return after_fail::lines(view, fail);
    }
    // A file that was corrected is read again; without it, the pinned definition would run.
    let again = run_again(view.environment["definition_file"].as_str(), &view.id, &view.environment);
    let line = match (view.status, view.remedy()) {
        (ExecutionStatus::Aborted, _) => format!("  To continue after all:   flow resume {id}{OPTIONS}"),
        (_, Remedy::Resume) if view.failure.as_ref().is_some_and(|failure| failure.error == REJECTED) => {
            format!("  To ask once more:   flow resume {id}{OPTIONS}")
        }
        (_, Remedy::Resume) => format!("  Fix the cause, then   flow resume {id}{OPTIONS}"),
        // The same input would be refused again.
        (_, Remedy::StartAgain) if view.was_refused() && view.ended_by_fail().is_some() => {
            format!("  Once the cause is removed, or with --set KEY=VALUE for a changed input:   {again}")
        }
        (_, Remedy::StartAgain) => {
            let corrected = if is_at_step_functions() { "corrected and deployed" } else { "correct" };
            format!(
                "  The mistake is in the definition or in the input, which this execution has pinned. Once the file is {corrected}, or \
                 with --set KEY=VALUE for a changed input:   {again}"
            )
        }
        (_, Remedy::RunAgain) => {
            format!("  To run it again, or with --set KEY=VALUE for a changed input:   {again}")
        }
    };
    vec![line]
}
