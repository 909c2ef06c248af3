//! Reads the runs of distributed Maps: how many child executions have ended, which one failed first, and the histories of those that run.

use api::view::MapProgress;
use engine::{
    asl::{find_state, machines_inside},
    machine::child_index,
    runner::{Clock, SystemClock},
};
use futures::future::try_join_all;
use serde_json::Value;
use steps::step_functions::{RemoteEvent, RemoteExecution, RemoteMapRun};

use super::{
    CachedExecution, Executions, children,
    history::{Child, FailedChild, History, ends_map_run},
};
use crate::exit::CliError;

/// The most child executions of a map run whose histories are read.
const CHILDREN_MAX: i32 = 20;
/// The most map runs of an execution that are read at once.
const MAP_RUNS_MAX: usize = 5;
/// The child executions that failed of which the first one is found.
const FAILED_MAX: i32 = 100;
/// The shortest time between two reads of a map run, in milliseconds, at a `flow serve` and at a service with quotas.
const INTERVALS_MS: [u64; 2] = [1_000, 2_000];

impl Executions {
    /// Adds the events that follow the last one of a history. The results of a map run are read before the event that ends it is added.
    pub(super) async fn add_events(&self, cached: &mut CachedExecution, events: &[RemoteEvent]) {
        let last_id = cached.history.last_id();
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
            cached.history.add(&events[..at]);
            let Some((path, arn)) = cached.history.map_run_that_ends(event) else { continue };
            // Without the results, such as without the permission to read them, the displays have what the history has.
            let Ok(counts) = self.paced(&self.list, || self.api.map_run(&arn)).await else { continue };
            let failed = match counts.failed + counts.timed_out {
                0 => None,
                _ => self.first_failed(cached, &path, &arn, counts.failed == 0).await.ok().flatten(),
            };
            if let Some(run) = cached.history.map_runs_mut().of_mut(&path) {
                (run.progress, run.failed) = (progress(counts), failed);
            }
        }
        cached.history.add(events);
    }

    /// Reads the map runs that are in progress, unless they were read a moment ago.
    pub(super) async fn read_map_runs(&self, cached: &mut CachedExecution) {
        let now_ms = SystemClock::default().now_ms();
        let interval_ms = INTERVALS_MS[usize::from(!self.api.answered_as_flow_serve())];
        let due = cached.history.map_runs().not_read_since(now_ms.saturating_sub(interval_ms));
        for (path, arn) in due.into_iter().take(MAP_RUNS_MAX) {
            let read = self.read_map_run(cached, &path, &arn).await;
            let Some(run) = cached.history.map_runs_mut().of_mut(&path) else { continue };
            run.read_ms = now_ms;
            // Without an answer, such as without the permission to read it, what its child executions do is not known.
            (run.progress, run.running, run.children) = read.unwrap_or_default();
        }
    }

    /// The progress of a map run, the number of its child executions that run, and the newest ones of them.
    async fn read_map_run(
        &self,
        cached: &mut CachedExecution,
        path: &str,
        arn: &str,
    ) -> Result<(Option<MapProgress>, u64, Vec<Child>), CliError> {
        let counts = self.paced(&self.list, || self.api.map_run(arn)).await?;
        let running = match counts.running {
            0 => Vec::new(),
            _ => self.paced(&self.list, || self.api.running_children(arn, CHILDREN_MAX)).await?,
        };
        let run = cached.history.map_runs_mut().of_mut(path);
        let mut earlier = run.map(|run| std::mem::take(&mut run.children)).unwrap_or_default();
        let mut begun = Vec::new();
        for execution in running {
            let at = earlier.iter().position(|child| child.arn == execution.arn);
            begun.push(match at {
                Some(at) => earlier.swap_remove(at),
                None => self.child(&cached.definition, path, &execution),
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
        cached: &CachedExecution,
        path: &str,
        arn: &str,
        timed_out: bool,
    ) -> Result<Option<FailedChild>, CliError> {
        let listed = self.paced(&self.list, || self.api.failed_children(arn, timed_out, FAILED_MAX)).await?;
        let Some(first) = listed.last() else { return Ok(None) };
        let child = self.child(&cached.definition, path, first);
        let is_named = child.frame == format!("{path}[{}]", first.name);
        let child = self.read_child(child).await?;
        Ok(children::failed(&child, is_named))
    }
}

/// The progress of a map run; `None` while it has no child executions.
fn progress(counts: RemoteMapRun) -> Option<MapProgress> {
    let RemoteMapRun { total, succeeded, failed, timed_out, aborted, .. } = counts;
    (total > 0).then_some(MapProgress { total, succeeded, failed: failed + timed_out + aborted })
}
