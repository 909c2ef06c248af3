//! Reads the runs of distributed Maps: how many child executions have ended, which one failed first, and what those that run wait for.

use api::view::{MapProgress, StateStatus, StateView, View, is_inside};
use engine::{
    asl::{find_state, machines_inside},
    journal::{EntryContent, ErrorAndCause, HistoryEventDetails as Details, StepFailure},
    machine::child_index,
    runner::{Clock, SystemClock},
};
use futures::future::try_join_all;
use serde_json::Value;
use steps::step_functions::{RemoteEvent, RemoteExecution, RemoteMapRun};

use super::{
    CachedExecution, Executions, header,
    history::{Child, FailedChild, History, ends_map_run},
    waits,
};
use crate::{exit::CliError, ui::text};

/// The most child executions of a map run whose histories are read.
const CHILDREN_MAX: i32 = 20;
/// The most map runs of an execution that are read at once.
const MAP_RUNS_MAX: usize = 5;
/// The child executions that failed of which the first one is found.
const FAILED_MAX: i32 = 100;
/// The shortest time between two reads of a map run, in milliseconds, at a `flow serve` and at a service with quotas.
const INTERVALS_MS: [u64; 2] = [1_000, 2_000];
/// The most characters of an item that are shown.
const ITEM_CHARACTERS_MAX: usize = 80;

impl Executions {
    /// Adds the events that follow the last one of a history. The results of a map run are read before the event that ends it is added.
    pub(super) async fn add_events(&self, known: &mut CachedExecution, events: &[RemoteEvent]) {
        let last_id = known.history.last_id();
        let mut later = events.iter().filter(|event| event.id > last_id && ends_map_run(event)).count();
        for (at, event) in events.iter().enumerate() {
            if event.id <= last_id || !ends_map_run(event) {
                continue;
            }
            later -= 1;
            // Of many, the last ones are read: one of them may have failed the execution.
            if later >= MAP_RUNS_MAX {
                continue;
            }
            known.history.add(&events[..at]);
            let Some((path, arn)) = known.history.map_run_that_ends(event) else { continue };
            // Without the results, such as without the permission to read them, the displays have what the history has.
            let Ok(counts) = self.paced(&self.list, || self.api.map_run(&arn)).await else { continue };
            let failed = match counts.failed + counts.timed_out {
                0 => None,
                _ => self.first_failed(known, &path, &arn, counts.failed == 0).await.ok().flatten(),
            };
            if let Some(run) = known.history.map_runs_mut().of_mut(&path) {
                (run.progress, run.failed) = (progress(counts), failed);
            }
        }
        known.history.add(events);
    }

    /// Reads the map runs that are in progress, unless they were read a moment ago.
    pub(super) async fn read_map_runs(&self, known: &mut CachedExecution) {
        let now_ms = SystemClock::default().now_ms();
        let interval_ms = INTERVALS_MS[usize::from(!self.api.answered_as_flow_serve())];
        let due = known.history.map_runs().not_read_since(now_ms.saturating_sub(interval_ms));
        for (path, arn) in due.into_iter().take(MAP_RUNS_MAX) {
            let read = self.read_map_run(known, &path, &arn).await;
            let Some(run) = known.history.map_runs_mut().of_mut(&path) else { continue };
            run.read_ms = now_ms;
            // Without an answer, such as without the permission to read it, what its child executions do is not known.
            (run.progress, run.running, run.children) = read.unwrap_or_default();
        }
    }

    /// The progress of a map run, the number of its child executions that run, and the newest ones of them.
    async fn read_map_run(
        &self,
        known: &mut CachedExecution,
        path: &str,
        arn: &str,
    ) -> Result<(Option<MapProgress>, u64, Vec<Child>), CliError> {
        let counts = self.paced(&self.list, || self.api.map_run(arn)).await?;
        let running = match counts.running {
            0 => Vec::new(),
            _ => self.paced(&self.list, || self.api.running_children(arn, CHILDREN_MAX)).await?,
        };
        let run = known.history.map_runs_mut().of_mut(path);
        let mut earlier = run.map(|run| std::mem::take(&mut run.children)).unwrap_or_default();
        let mut begun = Vec::new();
        for execution in running {
            let at = earlier.iter().position(|child| child.arn == execution.arn);
            begun.push(match at {
                Some(at) => earlier.swap_remove(at),
                None => self.child(&known.definition, path, &execution),
            });
        }
        let reads: Vec<_> = begun.into_iter().map(|child| self.read_child(child)).collect();
        let children = try_join_all(reads).await?;
        Ok((progress(counts), counts.running, children))
    }

    /// A child execution of the Map with this path, before its history is read.
    fn child(&self, definition: &Value, path: &str, execution: &RemoteExecution) -> Child {
        // The last part of a path is the state's name.
        let names = path.match_indices('/').map(|(at, _)| &path[at + 1..]);
        let map = std::iter::once(path).chain(names).find_map(|name| find_state(definition, name));
        let processor = map.and_then(|map| machines_inside(map).into_iter().next());
        let processor = processor.map(|processor| processor.json.clone()).unwrap_or_default();
        let frame = format!("{path}[{}]", self.label(&execution.name));
        let history = History::new(&processor);
        Child { frame, arn: execution.arn.clone(), definition: processor, history }
    }

    /// The index of a child execution; its name at a service whose names do not contain it.
    fn label(&self, name: &str) -> String {
        let index = child_index(name).filter(|_| self.api.answered_as_flow_serve());
        index.map_or_else(|| name.to_owned(), |index| index.to_string())
    }

    /// Reads the history of a child execution. A distributed Map inside it is not read.
    async fn read_child(&self, mut child: Child) -> Result<Child, CliError> {
        let events = self.new_events(&child.arn, child.history.last_id()).await?;
        child.history.add(&events);
        Ok(child)
    }

    /// The child execution of a map run that failed first.
    async fn first_failed(
        &self,
        known: &CachedExecution,
        path: &str,
        arn: &str,
        timed_out: bool,
    ) -> Result<Option<FailedChild>, CliError> {
        let listed = self.paced(&self.list, || self.api.failed_children(arn, timed_out, FAILED_MAX)).await?;
        let Some(first) = listed.last() else { return Ok(None) };
        let child = self.child(&known.definition, path, first);
        let is_named = child.frame == format!("{path}[{}]", first.name);
        let child = self.read_child(child).await?;
        Ok(failed(&child, is_named))
    }
}

/// The failure of a child execution that has failed. `with_item`: its item is added to the cause, because its name does not say which
/// one it is.
fn failed(child: &Child, with_item: bool) -> Option<FailedChild> {
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
    let mut view = View::new(&header(&child.arn, &RemoteExecution::default()), &child.definition);
    child.history.entries().iter().for_each(|entry| view.fold(entry));
    view
}

/// The progress of a map run; `None` while it has no child executions.
fn progress(counts: RemoteMapRun) -> Option<MapProgress> {
    let RemoteMapRun { total, succeeded, failed, timed_out, aborted, .. } = counts;
    (total > 0).then_some(MapProgress { total, succeeded, failed: failed + timed_out + aborted })
}

/// Adds to a complete view what was read of map runs: their progress, the states in which their child executions are, and the state that
/// failed in one, if it failed the execution. Returns whether any child execution waits for a worker.
pub(super) fn show(known: &CachedExecution, view: &mut View) -> bool {
    let mut waits_for_worker = false;
    for (path, run) in known.history.map_runs().iter() {
        // A service may count the last ends after the end of the run.
        let status = view.states.get(path).map(|state| &state.status);
        let has_succeeded = matches!(status, Some(StateStatus::Exited { .. }));
        if let Some(progress) = run.progress.filter(|all| !has_succeeded || all.ended() == all.total) {
            view.apply_map_run(path, progress);
        }
        for child in &run.children {
            let mut inner = view_of(child);
            waits_for_worker |= waits::mark_without_questions(&child.definition, &child.history, &mut inner);
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
pub(super) fn may_proceed_unseen(known: &CachedExecution, view: &View) -> bool {
    let is_unseen = |child: &Child| !view.active().any(|state| is_inside(&state.path, &child.frame));
    let mut running = known.history.map_runs().iter().filter(|(path, run)| {
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
