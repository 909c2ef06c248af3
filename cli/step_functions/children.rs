//! The child executions of distributed Maps, as the displays show them.

use std::sync::Arc;

use api::view::{StateStatus, StateView, View, is_inside};
use engine::{
    journal::{EntryContent, ErrorAndCause, HistoryEventDetails as Details, StepFailure},
    machine::ExecutionHeader,
};

use super::{
    history::{Child, FailedChild, History},
    waits,
};
use crate::ui::text;

/// The most characters of an item that are shown.
const ITEM_CHARACTERS_MAX: usize = 80;

/// The failure of a child execution that has failed. `with_item`: its item is added to the cause, because its name does not say which
/// one it is.
pub(super) fn failed(child: &Child, with_item: bool) -> Option<FailedChild> {
    let view = view_of(child);
    let state = view.failed_state().cloned();
    let attempt = state.as_ref().map_or(1, |state| match state.status {
        StateStatus::Failed { attempt, .. } => attempt,
        _ => state.attempt,
    });
    let of_execution = |ErrorAndCause { error, cause }: &ErrorAndCause| StepFailure {
        error: error.clone(),
        cause: cause.clone(),
        details: None,
    };
    let of_state = state.as_ref().and_then(|state| state.failure()).cloned();
    let mut failure = of_state.or_else(|| view.failure.as_ref().map(of_execution))?;
    if let Some(item) = input_of(child).filter(|_| with_item) {
        failure.cause = format!("{} (item: {item})", failure.cause).trim_start().to_owned();
    }
    let state = state.map(|state| StateView { path: format!("{}/{}", child.frame, state.path), ..state });
    let path = state.as_ref().map_or_else(|| child.frame.clone(), |state| state.path.clone());
    Some(FailedChild { path, attempt, failure, state })
}

/// The input of a child execution on one line, cut.
fn input_of(child: &Child) -> Option<String> {
    let input = child.history.entries().iter().find_map(|entry| match &entry.content {
        EntryContent::Event(event) => match &event.details {
            Details::ExecutionStarted { input } => Some(input.to_string()),
            _ => None,
        },
        EntryContent::Note(_) => None,
    })?;
    let cut: String = input.chars().take(ITEM_CHARACTERS_MAX).collect();
    let end = if cut.len() < input.len() { "…" } else { "" };
    Some(format!("{}{end}", text::one_line(&cut)))
}

fn view_of(child: &Child) -> View {
    let mut view = View::new(&ExecutionHeader::new(&child.arn, "", Arc::default()), &child.definition);
    child.history.entries().iter().for_each(|entry| view.fold(entry));
    view
}

/// Adds to a complete view what was read of map runs: their progress, the states in which their child executions are, and the state that
/// failed in one, if it failed the execution. Returns whether any child execution waits for a worker.
pub(super) fn show(history: &History, view: &mut View) -> bool {
    let mut waits_for_worker = false;
    for (path, run) in history.map_runs().iter() {
        // A service may count the last ends after the end of the run.
        let status = view.states.get(path).map(|state| &state.status);
        let has_succeeded = matches!(status, Some(StateStatus::Exited { .. }));
        if let Some(progress) = run.progress.filter(|all| !has_succeeded || all.ended() == all.total) {
            view.apply_map_run(path, progress);
        }
        for child in &run.children {
            let mut inner = view_of(child);
            waits_for_worker |= waits::mark(&child.definition, &child.history, &mut inner);
            let active: Vec<StateView> = inner.active().cloned().collect();
            for state in active {
                view.add_state_of_child(StateView { path: format!("{}/{}", child.frame, state.path), ..state });
            }
        }
        if let Some(state) = run.failed.as_ref().and_then(|failed| failed.state.as_ref())
            && view.failed_state().is_some_and(|ended| ended.path == path)
        {
            view.add_state_of_child(state.clone());
        }
    }
    waits_for_worker
}

/// Whether a child execution may proceed that is not in a complete view: one that was not read, or begins or ends.
pub(super) fn may_proceed_unseen(history: &History, view: &View) -> bool {
    let is_unseen = |child: &Child| !view.active().any(|state| is_inside(&state.path, &child.frame));
    let mut running = history.map_runs().iter().filter(|(path, run)| {
        let status = view.states.get(*path).map(|state| &state.status);
        !run.is_over && status == Some(&StateStatus::Running)
    });
    running.any(|(_, run)| {
        let read = run.children.len();
        read == 0 || (read as u64) < run.running || run.children.iter().any(is_unseen)
    })
}

#[cfg(test)]
mod tests;
